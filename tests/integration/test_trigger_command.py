"""`regtap record --trigger` as a process: stretches that prove the trigger, exit codes, kill -9, refusals."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.command import fork_regtap, start_regtap
from tests.conservation import assert_conserved

import regtap

ERROR = 4  # its bit in STATUS
CATCH = ["record", "-t", "sim", "STATUS", "COUNT32", "-o", "run"]
NEAR_NS = 20_000  # the loop counts ticks at the counter's nominal frequency


def stretches_of(
    folder: Path,
) -> tuple[regtap.Trace, list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]]:
    """Return a trace, and the times and the STATUS of the rows around each of its hits."""
    trace = regtap.open_trace(folder)
    table = trace.to_arrow()
    times, status = table["t_ns"].to_numpy(), table["STATUS"].to_numpy()
    found = []
    for mark in trace.marks:
        around = np.abs(times - mark.t_ns) <= 60_000_000
        found.append((times[around] - mark.t_ns, status[around]))
    return trace, found


@pytest.mark.parametrize(("rate", "around_ms"), [("max", 5), ("10k", 50)])
def test_three_stretches_prove_the_trigger(tmp_path: Path, rate: str, around_ms: int) -> None:
    around = f"{around_ms}ms"
    options = ["--trigger", "STATUS.ERROR rises", "--pre", around, "--post", around, "--captures", "3"]
    done = fork_regtap(
        *CATCH, *options, "--rate", rate, "--spool-size", "64MiB", "--on-full", "wait", "--json", cwd=tmp_path
    )

    assert done.returncode == 0, done.stderr
    trace, stretches = stretches_of(tmp_path / "run")
    caught = json.loads(done.stdout)["caught"]
    assert [mark.text for mark in trace.marks] == ["trigger: STATUS.ERROR rises"] * 3
    assert [stretch["hit_ns"] for stretch in caught["stretches"]] == [mark.t_ns for mark in trace.marks]
    for stretch, (times, status) in zip(caught["stretches"], stretches, strict=True):
        at = int(np.searchsorted(times, 0))
        assert times[at] == 0  # the mark is on a row
        assert status[at] & ERROR
        assert at == 0 or not status[at - 1] & ERROR  # 0: a loaded machine took no row for longer than that
        assert stretch["pre_ns"] >= -times[0]  # more, where a stretch follows right after another
        assert stretch["post_ns"] >= around_ms * 1_000_000 - NEAR_NS
    assert trace.totals is not None
    assert trace.totals.ended == "captures"
    said = fork_regtap("info", "run", cwd=tmp_path).stdout
    assert "complete, ended after its captures" in said
    assert f"{around_ms} ms before and {around_ms} ms after each hit of STATUS.ERROR rises" in said
    assert_conserved(trace)


def test_a_map_names_fields_and_values(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(
        '[registers.STATUS]\naddress = 0x20\nfields.JOB = { bits = "2:0", values = { FAILED = 4 } }\n'
    )
    options = [
        "--map",
        "map.toml",
        "--trigger",
        "JOB == FAILED",
        "--pre",
        "1ms",
        "--post",
        "1ms",
        "--captures",
        "1",
    ]
    done = fork_regtap(*CATCH, *options, "--rate", "10k", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    _, ((times, status),) = stretches_of(tmp_path / "run")
    assert status[int(np.searchsorted(times, 0))] & 7 == 4


def test_no_trigger_by_the_end_of_the_duration_is_a_finding(tmp_path: Path) -> None:
    done = fork_regtap(
        *CATCH, "--trigger", "COUNT32 == 0", "--duration", "100ms", "--rate", "1k", cwd=tmp_path
    )

    assert done.returncode == 1
    assert "FINDING: no trigger in " in done.stdout
    assert " in 0 ns" not in done.stdout
    assert "longest hole" not in done.stdout  # there are no rows for one between
    assert fork_regtap("info", "run", cwd=tmp_path).returncode == 0


def test_ctrl_c_without_a_hit_is_an_ordinary_end(tmp_path: Path) -> None:
    with start_regtap(*CATCH, "--trigger", "COUNT32 == 0", "--rate", "1k", cwd=tmp_path) as process:
        wait_for(tmp_path / "run")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert "no trigger in " in out


def wait_for(folder: Path, parts: int = 0) -> None:
    latest_s = time.monotonic() + 60
    while not folder.exists() or len(list(folder.glob("*.parquet"))) < parts:
        assert time.monotonic() < latest_s, folder
        time.sleep(0.005)


def test_a_capture_that_was_killed_is_recovered(tmp_path: Path) -> None:
    options = ["--trigger", "COUNT32 & 63 == 0", "--pre", "5ms", "--post", "5ms", "--rate", "10k"]
    with start_regtap(*CATCH, *options, cwd=tmp_path) as process:
        wait_for(tmp_path / "run", parts=3)
        process.kill()
        process.communicate(timeout=60)
    done = fork_regtap("recover", "run", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    trace = regtap.open_trace(tmp_path / "run")
    assert trace.rows > 0
    assert len(trace.marks) >= 3
    assert_conserved(trace)


def test_a_program_runs_at_each_hit(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(
        '#!/bin/sh\necho "$REGTAP_HIT $REGTAP_T_NS $REGTAP_TRIGGER" >> "$REGTAP_TRACE/../ran"\n'
    )
    program.chmod(0o755)
    options = ["--trigger", "COUNT32 & 31 == 0", "--pre", "1ms", "--post", "1ms", "--captures", "3"]
    done = fork_regtap(*CATCH, *options, "--rate", "1k", "--trigger-run", str(program), cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    marks = regtap.open_trace(tmp_path / "run").marks
    ran = sorted((tmp_path / "ran").read_text().splitlines())
    assert ran == [f"{number} {mark.t_ns} COUNT32 & 31 == 0" for number, mark in enumerate(marks, 1)]


def test_a_program_that_fails_is_told_and_harms_nothing(tmp_path: Path) -> None:
    options = [
        "--trigger",
        "COUNT32 & 31 == 0",
        "--pre",
        "0s",
        "--post",
        "0s",
        "--captures",
        "2",
        "--rate",
        "1k",
    ]
    done = fork_regtap(*CATCH, *options, "--trigger-run", "false", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "ended with an error 2 times of 2" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--trigger", "STATUS.EROR rises"],
            "column 1, at 'STATUS.EROR rises': there is nothing called",
        ),
        (
            ["--trigger", "STATUS.LEVEL == 256"],
            "column 17, at '256': the value 256 does not fit STATUS.LEVEL",
        ),
        (["--trigger", "STATUS.LEVEL >"], "column 15, at its end: a value is a number here"),
        (
            ["--trigger", "BUSY rises", "--pre", "1h", "--rate", "1M", "--spool-size", "1MiB"],
            "holds a pre-trigger of",
        ),
        (["--trigger", "BUSY rises", "--pre", "soon"], "'soon' is not a time"),
        (["--trigger", "BUSY rises", "--on-full", "overwrite"], "leave out --on-full overwrite"),
        (["--trigger", "BUSY rises", "--durable"], "choose it or --durable"),
        (["--trigger", "BUSY rises", "--captures", "0"], "'0' is not a count"),
        (
            ["--trigger", "BUSY rises", "--trigger-run", "no-such-program"],
            "cannot run 'no-such-program' at a hit",
        ),
        (["--pre", "1s"], "--pre is for a trigger: add --trigger EXPRESSION"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path: Path, options: list[str], said: str) -> None:
    done = fork_regtap(*CATCH, *options, cwd=tmp_path)

    errors = [line for line in done.stderr.splitlines() if "note:" not in line]
    assert done.returncode == 2
    assert len(errors) == 1
    assert said in errors[0]
    assert not (tmp_path / "run").exists()
