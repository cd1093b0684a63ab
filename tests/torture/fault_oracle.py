"""What must hold when a command has met a fault: what it said, what it left, and what becomes of that."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from tests.conservation import assert_conserved
from tests.spools import expected_index
from tests.torture.aftermath import hashes
from tests.torture.faulty import Balance, FaultyRegtap, RunResult, balance_of

import regtap
from regtap.trace.parts import find_parts, read_part

PROGRESS = re.compile(r" *\d+\.\d s .* stored .* lost .* missed .* in the spool \(\d+ %\)")
RECORD_CODES = (0, 3, 4)
RECOVER_CODES = (0, 3, 4)
VALUE = 0x5A5A5A5A  # of the register


def judge_record(regtap_command: FaultyRegtap, result: RunResult, trace: Path, samples: int) -> None:
    """Assert that a capture of so many samples ended as it should, and that what it kept can be had."""
    judge_words(result, RECORD_CODES)
    if result.status == 3:
        judge_refusal(result, trace)
        return
    balance = balance_of(result.out)
    assert balance.lost == 0, balance
    if result.status == 0:
        assert (balance.samples, balance.kept) == (samples, 0), balance
        judge_complete(result, trace, samples)
        tidy_after(regtap_command, trace)
        return
    judge_kept(result, balance, trace)
    complete_after(regtap_command, result, balance, trace)


def judge_words(result: RunResult, codes: tuple[int, ...]) -> None:
    """One error line or none, nothing of Python's, an exit code of ours."""
    assert result.status in codes, result
    assert "Traceback" not in result.err + result.out, result.err
    assert "Exception" not in result.err, result.err
    assert len(result.errors) == (result.status > 1), result.err
    for line in result.err.splitlines():
        assert line.startswith("regtap: ") or PROGRESS.fullmatch(line), result.err


def judge_refusal(result: RunResult, trace: Path) -> None:
    """Nothing was recorded, and nothing is left, or it is said what."""
    assert result.out == ""
    assert trace.exists() <= (str(trace) in result.err), result.err
    for spool in result.spools():
        assert str(spool) in result.err, result.err


def judge_complete(result: RunResult, trace: Path, samples: int) -> None:
    """The trace is whole and there is nothing beside it, or it is said what."""
    opened = regtap.open_trace(trace)
    assert_conserved(opened)
    assert opened.rows == samples
    judge_rows(trace)
    parts = {part.path.name for part in opened.parts}
    for name in {path.name for path in trace.iterdir()} - parts:
        assert str(trace) in result.err, result.err
        assert name in result.err, (name, result.err)
    for spool in result.spools():
        assert str(spool) in result.err, (spool, result.err)


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


def judge_kept(result: RunResult, balance: Balance, trace: Path) -> None:
    """After a fault: what is said to be stored is stored, and the rest is where it is said to be."""
    paths = find_parts(trace) if any(trace.glob("*.parquet")) else ()
    rows = sum(read_part(path).rows for path in paths)
    assert rows >= balance.stored, (rows, balance)
    assert balance.spool is not None or balance.kept == 0, balance
    assert result.spools() == ([] if balance.spool is None else [balance.spool]), (balance, result.spools())
    pointer = trace / "_spool"
    if balance.spool is not None:
        assert pointer.exists()
    if pointer.exists():  # without a spool: it could not be removed
        assert f"regtap recover {trace}" in result.err, result.err


def complete_after(regtap_command: FaultyRegtap, result: RunResult, balance: Balance, trace: Path) -> None:
    """The fault is gone: `recover` completes the trace and touches no finished part."""
    finished = hashes(trace)
    if balance.spool is None:
        tidy_after(regtap_command, trace)
    else:
        recovered = regtap_command.run(["recover", str(trace)])
        assert recovered.status == 0, recovered
        assert balance_of(recovered.out).samples == balance.samples
    assert finished.items() <= hashes(trace).items(), "a finished part was touched"
    assert not result.spools()
    opened = regtap.open_trace(trace)
    assert_conserved(opened)
    assert opened.rows == balance.samples
    judge_rows(trace)
    assert {path.name for path in trace.iterdir()} == {part.path.name for part in opened.parts}


def judge_recover(result: RunResult, folder: Path, spool: Path, again: RunResult) -> None:
    """Assert that a recovery met its fault as it should, and that the next one completes the trace."""
    judge_words(result, RECOVER_CODES)
    judge_words(again, (0,))
    if result.status == 0:
        assert balance_of(result.out) == balance_of(again.out)
    assert not spool.exists()
    opened = regtap.open_trace(folder)
    assert_conserved(opened)
    index = expected_index(opened.gaps, opened.rows)
    assert opened.to_arrow()["INDEX"].to_numpy().tolist() == index.tolist()
    assert {path.name for path in folder.iterdir()} == {part.path.name for part in opened.parts}
