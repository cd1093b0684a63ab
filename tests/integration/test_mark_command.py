"""`regtap mark` and SIGUSR2: moments that another process names in a running capture."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.command import fork_regtap, start_regtap, wait_for, wait_for_spool
from tests.conservation import assert_conserved

import regtap

RECORD = ["record", "-t", "sim", "COUNT32", "-o", "run", "--rate", "1k"]


def end(process: subprocess.Popen[str]) -> tuple[str, str]:
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=60)


def texts(folder: Path) -> list[str]:
    return [mark.text for mark in regtap.open_trace(folder).marks]


def test_a_shell_script_names_a_moment(tmp_path: Path) -> None:
    process = start_regtap(*RECORD, cwd=tmp_path)
    wait_for_spool(tmp_path / "run")

    before_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    done = fork_regtap("mark", "run", "phase 2: öffnen", cwd=tmp_path)
    after_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    end(process)

    trace = regtap.open_trace(tmp_path / "run")
    (mark,) = trace.marks
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("run: 'phase 2: öffnen' at ")
    assert mark.text == "phase 2: öffnen"
    assert before_ns <= trace.start.raw_ns + mark.t_ns <= after_ns
    assert_conserved(trace)


def test_the_command_may_mark_its_own_capture(tmp_path: Path) -> None:
    shell = f"{sys.executable} -m regtap mark run begin --json > marked.json; kill -USR2 $PPID; sleep 0.1"

    done = fork_regtap(*RECORD, "--", "sh", "-c", shell, cwd=tmp_path)

    marks = regtap.open_trace(tmp_path / "run").marks
    assert done.returncode == 0, done.stderr
    assert [mark.text for mark in marks] == ["begin", "SIGUSR2"]
    assert json.loads((tmp_path / "marked.json").read_text()) == {
        "trace": "run",
        "t_ns": marks[0].t_ns,
        "text": "begin",
    }


def test_each_signal_is_a_mark_and_none_ends_the_capture(tmp_path: Path) -> None:
    process = start_regtap(*RECORD, cwd=tmp_path)
    wait_for_spool(tmp_path / "run")
    for _ in range(3):
        process.send_signal(signal.SIGUSR2)
        time.sleep(0.2)  # two at once are one, as signals are

    _, err = end(process)

    assert process.returncode == 0, err
    assert 1 <= len(texts(tmp_path / "run")) <= 3
    assert set(texts(tmp_path / "run")) == {"SIGUSR2"}


def test_a_flight_recorder_keeps_a_mark_for_what_is_stored_next(tmp_path: Path) -> None:
    flight = ["--on-full", "overwrite", "--keep-last", "5s", "--snapshot-on", "SIGUSR1"]
    process = start_regtap(*RECORD, *flight, cwd=tmp_path)
    wait_for_spool(tmp_path / "run")

    done = fork_regtap("mark", "run", "before the snapshot", cwd=tmp_path)
    process.send_signal(signal.SIGUSR2)
    process.send_signal(signal.SIGUSR1)
    wait_for(tmp_path / "run" / "part-00000.parquet")
    end(process)

    assert done.returncode == 0, done.stderr
    assert texts(tmp_path / "run")[0] == "before the snapshot"
    assert sorted(texts(tmp_path / "run")[1:]) == ["SIGUSR2", "snapshot"]


def test_marks_at_the_very_end_are_stored_or_refused(tmp_path: Path) -> None:
    """Several processes mark as often as they can, while the capture comes to its end."""
    marker = (
        "import sys, regtap\n"
        "told = 0\n"
        "try:\n"
        "    while True:\n"
        "        regtap.mark('run', f'{sys.argv[1]} {told}'); told += 1\n"
        "        open(f'marked-{sys.argv[1]}', 'w').close()\n"
        "except regtap.InputError as error:\n"
        "    assert 'the capture has ended' in str(error) or 'no capture runs' in str(error), error\n"
        "print(told)\n"
    )
    process = start_regtap(*RECORD, cwd=tmp_path)
    wait_for_spool(tmp_path / "run")
    markers = [
        subprocess.Popen(
            [sys.executable, "-c", marker, str(k)], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        for k in range(3)
    ]
    for k in range(3):
        wait_for(tmp_path / f"marked-{k}")
    end(process)
    told = [int(it.communicate(timeout=60)[0]) for it in markers]

    assert all(it.returncode == 0 for it in markers)
    assert min(told) > 0
    assert sorted(texts(tmp_path / "run")) == sorted(f"{k} {n}" for k in range(3) for n in range(told[k]))


def test_a_capture_that_was_killed_is_told(tmp_path: Path) -> None:
    process = start_regtap(*RECORD, cwd=tmp_path)
    wait_for_spool(tmp_path / "run")
    process.kill()
    process.communicate(timeout=60)

    done = fork_regtap("mark", "run", "x", cwd=tmp_path)

    assert done.returncode == 2
    assert (
        "no capture runs in run: it has just ended, or was cut off (then `regtap recover run`" in done.stderr
    )
    Path(json.loads((tmp_path / "run" / "_spool").read_text())["spool"]).unlink()


def assert_one_line(done: subprocess.CompletedProcess[str], status: int, says: str) -> None:
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("regtap: error: ")
    assert says in line


def test_where_no_capture_runs_it_is_one_line(tmp_path: Path) -> None:
    assert fork_regtap(*RECORD, "--samples", "5", cwd=tmp_path).returncode == 0
    (tmp_path / "file").touch()

    assert_one_line(fork_regtap("mark", "run", "x", cwd=tmp_path), 2, "no capture runs in run: it has ended")
    assert_one_line(fork_regtap("mark", "none", "x", cwd=tmp_path), 2, "there is no such folder")
    assert_one_line(fork_regtap("mark", "file", "x", cwd=tmp_path), 2, "Not a directory")
    assert_one_line(fork_regtap("mark", "run", cwd=tmp_path), 2, "Missing argument 'TEXT'")
    assert_one_line(fork_regtap("mark", "run", "x" * 65_537, cwd=tmp_path), 2, "at most 65,536 letters")
    assert_one_line(fork_regtap("mark", "run", b"\xff", cwd=tmp_path), 2, "write it in UTF-8")  # type: ignore[arg-type]


# Loads everything as root before it becomes another user: the interpreter need not be theirs to read.
AS_USER_1 = """
import os, sys
import regtap.commands.mark, regtap.recording.marking
from regtap.cli.main import main
os.setgroups([])
os.setresgid(1, 1, 1)
os.setresuid(1, 1, 1)
sys.exit(main(["mark", "run", "by another"]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users; CI runs as root")
def test_another_users_capture_is_told_and_root_may_mark_it(shared: Path) -> None:
    device = shared / "device"
    device.write_bytes(bytes(4096))
    target = ["-t", f"file:{device}", "0", "--rate", "1k", "--user", "nobody"]
    process = start_regtap("record", *target, "-o", "run", cwd=shared)
    wait_for_spool(shared / "run")

    other = subprocess.run(
        [sys.executable, "-c", AS_USER_1], cwd=shared, capture_output=True, text=True, check=False
    )
    root = fork_regtap("mark", "run", "by root", cwd=shared)
    _, err = end(process)

    assert process.returncode == 0, err
    assert_one_line(other, 3, "the capture of run is nobody's, and this is")
    assert root.returncode == 0, root.stderr
    assert texts(shared / "run") == ["by root"]
