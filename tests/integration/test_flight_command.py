"""`regtap record --on-full overwrite` as a process: signals, stretches, kill -9, refusals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.command import fork_regtap, start_regtap, wait_for_spool
from tests.conservation import assert_conserved
from tests.sim_counts import assert_checks_fit_counts
from tests.waiting import wait_until

import regtap
from regtap.spool.layout import HELD, RELEASED

FLIGHT = ["record", "-t", "sim", "COUNT32", "CHECK", "-o", "run", "--on-full", "overwrite"]


def parts(folder: Path) -> int:
    return len(list(folder.glob("part-*.parquet")))


def overwrite_some(folder: Path) -> None:
    """Wait until no snapshot is being stored, and then until the sampler has overwritten something."""
    spool = wait_for_spool(folder)

    def released() -> int:
        with spool.open("rb") as file:
            file.seek(RELEASED)
            return int.from_bytes(file.read(8), "little")

    wait_until(lambda: not released() & HELD, "the end of the snapshot")
    before = released()
    wait_until(lambda: released() > before, "a lap of the ring")


def take_snapshot(process: subprocess.Popen[str], folder: Path) -> None:
    seen = parts(folder)
    process.send_signal(signal.SIGUSR1)
    wait_until(lambda: parts(folder) > seen, "a part")


def assert_counts_prove_themselves(trace: regtap.Trace) -> None:
    """The device counts up: each row is newer than the one before, and its CHECK fits."""
    table = trace.to_arrow()
    counts = table["COUNT32"].to_numpy()
    assert np.all(np.diff(counts.astype(np.int64)) >= 0)
    assert_checks_fit_counts(counts, table["CHECK"].to_numpy())


def test_signals_and_ctrl_c_store_a_stretch_each(tmp_path: Path) -> None:
    process = start_regtap(*FLIGHT, "--spool-size", "4MiB", "--snapshot-on", "SIGUSR1", cwd=tmp_path)
    assert process.stderr is not None
    folder = tmp_path / "run"
    overwrite_some(folder)
    assert parts(folder) == 0

    for _ in range(2):
        take_snapshot(process, folder)
        overwrite_some(folder)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    trace = regtap.open_trace(folder)
    assert f"kill -USR1 {process.pid}" in err
    assert "by 2 snapshots and at the end" in out
    assert [mark.text for mark in trace.marks] == ["snapshot", "snapshot"]
    assert [gap.cause for gap in trace.gaps].count("overwritten") == 3
    assert_conserved(trace)
    assert_counts_prove_themselves(trace)

    totals = trace.totals
    assert totals is not None
    assert totals.overwritten > 0
    # What was dropped while a snapshot was stored, and not overwritten since, is a finding.
    assert process.returncode == int(totals.lost > totals.overwritten), err
    assert re.search(
        rf"stored {totals.stored:,} \+ lost {totals.lost:,} \({totals.overwritten:,} overwritten\)$", out
    )


def test_a_command_can_ask_for_a_snapshot_itself(tmp_path: Path) -> None:
    done = fork_regtap(
        *FLIGHT, "--rate", "1k", "--snapshot-on", "SIGUSR2", "--json", "--", *ASK, cwd=tmp_path
    )
    assert done.returncode in (0, 3), done.stderr

    told = json.loads(done.stdout)
    assert done.returncode == 3  # the command's own
    assert len(told["snapshots"]) == 2
    assert told["balanced"]
    assert_conserved(regtap.open_trace(tmp_path / "run"))


# It ends when the snapshot that it asks for is stored.
STORED = "ls run/part-*.parquet >/dev/null 2>&1"
ASK = ["sh", "-c", f"kill -USR2 $PPID; until {STORED}; do sleep 0.01; done; exit 3"]


def test_a_window_that_the_ring_could_not_hold_is_a_finding(tmp_path: Path) -> None:
    done = fork_regtap(
        *FLIGHT, "--spool-size", "1MiB", "--keep-last", "1h", "--duration", "300ms", cwd=tmp_path
    )
    assert done.returncode == 1
    assert "shorter than --keep-last" in done.stdout


def test_progress_says_what_is_kept(tmp_path: Path) -> None:
    done = fork_regtap(*FLIGHT, "--spool-size", "4MiB", "--duration", "1500ms", cwd=tmp_path)
    assert done.returncode == 0
    assert re.search(r"0 stored .* kept [0-9.]+ .?s, [0-9,]+ samples  0 snapshots", done.stderr)


def test_info_shows_what_was_overwritten_and_what_was_to_be_kept(tmp_path: Path) -> None:
    fork_regtap(*FLIGHT, "--spool-size", "1MiB", "--keep-last", "1us", "--duration", "300ms", cwd=tmp_path)
    done = fork_regtap("info", "run", cwd=tmp_path)

    assert done.returncode == 0
    assert "overwrite, keep the last 1 µs" in done.stdout
    assert re.search(r"\([0-9,]+ overwritten\)", done.stdout)
    assert re.search(r"^overwritten +1 ", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("snapshots", [0, 2])
def test_kill_9_leaves_the_last_samples_to_recover(tmp_path: Path, snapshots: int) -> None:
    process = start_regtap(*FLIGHT, "--spool-size", "4MiB", "--snapshot-on", "SIGUSR1", cwd=tmp_path)
    folder = tmp_path / "run"
    overwrite_some(folder)
    for _ in range(snapshots):
        take_snapshot(process, folder)
        overwrite_some(folder)
    process.kill()
    process.communicate(timeout=30)
    done = fork_regtap("recover", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr

    trace = regtap.open_trace(folder)
    totals = trace.totals
    assert totals is not None
    assert totals.ended == "recovered"
    assert totals.overwritten > 0
    assert [gap.cause for gap in trace.gaps].count("overwritten") == snapshots + 1
    assert_conserved(trace)
    assert_counts_prove_themselves(trace)
    assert sorted(os.listdir(folder))[0] == "part-00000.parquet"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--on-full", "wait", "--keep-last", "1s"], "add --on-full overwrite"),
        (["--on-full", "wait", "--snapshot-on", "SIGUSR1"], "add --on-full overwrite"),
        (["--snapshot-on", "SIGHUP"], "use SIGUSR1 or SIGUSR2"),
        (["--snapshot-on", "10"], "use SIGUSR1 or SIGUSR2"),
        (["--keep-last", "10MiB"], "not a duration"),
        (["--keep-last", "1h", "--rate", "1M", "--spool-size", "8MiB"], "larger --spool-size"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_leaves_nothing(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    done = fork_regtap(*FLIGHT, *arguments, cwd=tmp_path)
    assert done.returncode == 2

    errors = [line for line in done.stderr.splitlines() if "note:" not in line]
    assert len(errors) == 1
    assert says in errors[0]
    assert not (tmp_path / "run").exists()


def test_a_signal_that_nobody_named_is_left_alone(tmp_path: Path) -> None:
    process = start_regtap(*FLIGHT, "--spool-size", "1MiB", cwd=tmp_path)
    spool = wait_for_spool(tmp_path / "run")
    process.send_signal(signal.SIGUSR1)
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGUSR1

    spool.unlink()
