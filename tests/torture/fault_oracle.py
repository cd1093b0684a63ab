"""What must hold when a command has met a fault: what it said, what it left, and what becomes of that."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from tests.conservation import assert_conserved
from tests.spools import expected_index
from tests.torture.aftermath import hashes
from tests.torture.faulty import Balance, Ended, FaultyRegtap, balance_of

import regtap
from regtap.trace.parts import find_parts, read_part

PROGRESS = re.compile(r" *\d+\.\d s .* stored .* lost .* missed .* spool \d+ %")
RECORD_CODES = (0, 3, 4)
RECOVER_CODES = (0, 3, 4)
VALUE = 0x5A5A5A5A  # of the register


def judge_record(regtap_command: FaultyRegtap, ended: Ended, trace: Path, samples: int) -> None:
    """Assert that a capture of so many samples ended as it should, and that what it kept can be had."""
    judge_words(ended, RECORD_CODES)
    if ended.status == 3:
        judge_refusal(ended, trace)
        return
    balance = balance_of(ended.out)
    assert balance.lost == 0, balance
    if ended.status == 0:
        assert (balance.samples, balance.kept) == (samples, 0), balance
        judge_complete(ended, trace, samples)
        tidy_after(regtap_command, trace)
        return
    judge_kept(ended, balance, trace)
    complete_after(regtap_command, ended, balance, trace)


def judge_words(ended: Ended, codes: tuple[int, ...]) -> None:
    """One error line or none, nothing of Python's, an exit code of ours."""
    assert ended.status in codes, ended
    assert "Traceback" not in ended.err + ended.out, ended.err
    assert "Exception" not in ended.err, ended.err
    assert len(ended.errors) == (ended.status > 1), ended.err
    for line in ended.err.splitlines():
        assert line.startswith("regtap: ") or PROGRESS.fullmatch(line), ended.err


def judge_refusal(ended: Ended, trace: Path) -> None:
    """Nothing was recorded, and nothing is left, or it is said what."""
    assert ended.out == ""
    assert trace.exists() <= (str(trace) in ended.err), ended.err
    for spool in ended.spools():
        assert str(spool) in ended.err, ended.err


def judge_complete(ended: Ended, trace: Path, samples: int) -> None:
    """The trace is whole and there is nothing beside it, or it is said what."""
    opened = regtap.open_trace(trace)
    assert_conserved(opened)
    assert opened.rows == samples
    judge_rows(trace)
    parts = {part.path.name for part in opened.parts}
    for name in {path.name for path in trace.iterdir()} - parts:
        assert str(trace) in ended.err, ended.err
        assert name in ended.err, (name, ended.err)
    for spool in ended.spools():
        assert str(spool) in ended.err, (spool, ended.err)


def tidy_after(regtap_command: FaultyRegtap, trace: Path) -> None:
    """The fault is gone: `recover` removes what could not be removed, and nothing else."""
    finished = hashes(trace)
    if {path.name for path in trace.iterdir()} != finished.keys():
        tidied = regtap_command.run(["recover", str(trace)])
        assert tidied.status == 0, tidied
    assert hashes(trace) == finished
    assert {path.name for path in trace.iterdir()} == finished.keys()


def judge_rows(trace: Path) -> None:
    table = regtap.open_trace(trace).to_arrow()
    assert np.all(np.diff(table["t_ns"].to_numpy()) >= 0)
    assert np.all(table["a"].to_numpy() == VALUE)


def judge_kept(ended: Ended, balance: Balance, trace: Path) -> None:
    """After a fault: what is said to be stored is stored, and the rest is where it is said to be."""
    paths = find_parts(trace) if any(trace.glob("*.parquet")) else ()
    rows = sum(read_part(path).rows for path in paths)
    assert rows >= balance.stored, (rows, balance)
    assert balance.spool is not None or balance.kept == 0, balance
    assert ended.spools() == ([] if balance.spool is None else [balance.spool]), (balance, ended.spools())
    assert (trace / "_spool").exists() == (balance.spool is not None)
    if balance.spool is not None:
        assert f"regtap recover {trace}" in ended.err, ended.err


def complete_after(regtap_command: FaultyRegtap, ended: Ended, balance: Balance, trace: Path) -> None:
    """The fault is gone: `recover` completes the trace and touches no finished part."""
    finished = hashes(trace)
    if balance.spool is not None:
        recovered = regtap_command.run(["recover", str(trace)])
        assert recovered.status == 0, recovered
        assert balance_of(recovered.out).samples == balance.samples
    assert finished.items() <= hashes(trace).items(), "a finished part was touched"
    assert not ended.spools()
    opened = regtap.open_trace(trace)
    assert_conserved(opened)
    assert opened.rows == balance.samples
    judge_rows(trace)
    assert {path.name for path in trace.iterdir()} == {part.path.name for part in opened.parts}


def judge_recover(ended: Ended, folder: Path, spool: Path, again: Ended) -> None:
    """Assert that a recovery met its fault as it should, and that the next one completes the trace."""
    judge_words(ended, RECOVER_CODES)
    judge_words(again, (0,))
    if ended.status == 0:
        assert balance_of(ended.out) == balance_of(again.out)
    assert not spool.exists()
    opened = regtap.open_trace(folder)
    assert_conserved(opened)
    index = expected_index(opened.gaps, opened.rows)
    assert opened.to_arrow()["INDEX"].to_numpy().tolist() == index.tolist()
    assert {path.name for path in folder.iterdir()} == {part.path.name for part in opened.parts}
