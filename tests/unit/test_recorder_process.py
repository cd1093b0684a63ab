"""A capture and the process that owns it: its end, and its forked children."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conservation import assert_conserved

import regtap

BEGIN = """
import os, sys, regtap
device, folder = sys.argv[1:3]
capture = regtap.record(["a=0"], folder, target=f"file:{device}", rate="1k", spool_size="1MiB")
"""
NEVER_CLOSED = """
capture.start()
while capture.status().taken < 50:
    pass
"""
FORKS = """
with capture:
    capture.wait_for_first_row()
    for number, end in enumerate(sys.argv[3:]):
        child = os.fork()
        if child == 0:
            os.dup2(os.open(f"{folder}.said-{number}", os.O_WRONLY | os.O_CREAT), 2)
            exec(end)
            break
        _, status = os.waitpid(child, 0)
        assert os.path.exists(folder + "/_spool")
        print(os.waitstatus_to_exitcode(status), flush=True)  # else a child prints it again
"""
MARKS_IN_A_CHILD = """
with capture:
    if os.fork() == 0:
        try:
            capture.mark("child")
        except regtap.InputError as error:
            print(error)
    else:
        os.wait()
"""
EXIT_CODES = {"sys.exit(7)": 7, "pass": 0, "raise SystemExit(7)": 7, "1 / 0": 1}


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "device"
    path.write_bytes(bytes(64))
    return path


def run_python(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BEGIN + program, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_program_that_ends_without_closing_has_stored_all(device: Path, tmp_path: Path) -> None:
    done = run_python(NEVER_CLOSED, device, tmp_path / "run")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(os.listdir(tmp_path / "run")) == ["part-00000.parquet"]
    trace = regtap.open_trace(tmp_path / "run")
    assert not trace.unfinished
    assert trace.rows >= 50
    assert_conserved(trace)


def test_forked_children_do_not_notice_the_capture(device: Path, tmp_path: Path) -> None:
    done = run_python(FORKS, device, tmp_path / "run", *EXIT_CODES)

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(code) for code in EXIT_CODES.values()]
    for number, end in enumerate(EXIT_CODES):
        said = (tmp_path / f"run.said-{number}").read_text()
        assert "regtap" not in said
        assert "leaked" not in said
        assert said == "" or end == "1 / 0"
    assert_conserved(regtap.open_trace(tmp_path / "run"))


def test_a_forked_child_is_told_whose_the_capture_is(device: Path, tmp_path: Path) -> None:
    done = run_python(MARKS_IN_A_CHILD, device, tmp_path / "run")

    assert "the capture is the parent process's" in done.stdout, done.stderr
