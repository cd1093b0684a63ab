"""What signals do to `regtap record`, alone and with a command."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.command import REGTAP
from tests.conservation import assert_conserved
from tests.waiting import wait_until

import regtap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Start = Callable[..., subprocess.Popen[str]]

RECORD = [*REGTAP, "record", "-t", "sim", "COUNT32", "-o", "run", "--rate", "1k"]
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
# The command tells that it began by a file `begun`, and what it gets in `got`; it ends when there is a file `end`.
COMMAND = """
import os, signal, sys, time

def tell(number, frame):
    with open("got", "a") as file:
        file.write(signal.Signals(number).name + "\\n")
    if "obey" in sys.argv:
        time.sleep(0.3)  # longer than regtap takes to notice another signal
        sys.exit(5)

for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, tell)
open("begun", "w").close()
while not os.path.exists("end"):
    time.sleep(0.005)
sys.exit(6)
"""
OBEYING = ["--", sys.executable, "-c", COMMAND, "obey"]
STUBBORN = ["--", sys.executable, "-c", COMMAND]


def end_of(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, err = process.communicate(timeout=60)
    return process.returncode, err


def rows(folder: Path) -> int:
    """Return how many rows a trace has that is complete, though its recorder may run."""
    trace = regtap.open_trace(folder)
    assert_conserved(trace)
    return trace.rows


def is_complete(folder: Path) -> bool:
    return any(folder.glob("part-*.parquet")) and regtap.open_trace(folder).totals is not None


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a program in a session of its own, without a terminal; what is left of it is killed at the end."""
    started = []

    def begin(command: list[str], **options: object) -> subprocess.Popen[str]:
        process: subprocess.Popen[str] = subprocess.Popen(  # type: ignore[call-overload]
            command,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_an_ordinary_end(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    process = start(RECORD)
    wait_until((tmp_path / "run" / "_spool").exists, "the capture")
    process.send_signal(number)
    status, err = end_of(process)
    assert (status, "Traceback" in err) == (0, False)

    trace = regtap.open_trace(tmp_path / "run")  # perhaps of no sample yet
    assert_conserved(trace)
    assert trace.totals is not None
    assert trace.totals.ended == "stopped"


@pytest.mark.parametrize("number", SIGNALS)
def test_an_ignored_signal_stays_ignored(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    ignoring = ["sh", "-c", f"trap '' {number.name[3:]}; exec \"$@\"", "sh"]
    process = start([*ignoring, *RECORD, "--samples", "500"])
    wait_until((tmp_path / "run" / "_spool").exists, "the capture")
    process.send_signal(number)
    status, err = end_of(process)
    assert status == 0, err

    totals = regtap.open_trace(tmp_path / "run").totals
    assert totals is not None
    assert (totals.ended, totals.taken) == ("samples", 500)


def test_a_hangup_does_not_end_what_nohup_runs(start: Start, tmp_path: Path) -> None:
    process = start(["nohup", *RECORD, "--samples", "500"])
    wait_until((tmp_path / "run" / "_spool").exists, "the capture")
    process.send_signal(signal.SIGHUP)

    assert end_of(process)[0] == 0
    assert rows(tmp_path / "run") == 500


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_passed_on_as_it_is(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    process = start([*RECORD, *OBEYING])
    wait_until((tmp_path / "begun").exists, "the command")
    process.send_signal(number)

    status, err = end_of(process)

    assert status == 5, err
    assert (tmp_path / "got").read_text().split() == [number.name]
    assert rows(tmp_path / "run") > 0


@pytest.mark.parametrize("number", SIGNALS)
def test_a_command_that_it_ends_is_told_as_a_shell_does(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    process = start([*RECORD, "--", "sh", "-c", "echo > begun; exec sleep 60"])
    wait_until((tmp_path / "begun").exists, "the command")
    process.send_signal(number)

    assert end_of(process)[0] == 128 + number


def test_the_capture_ends_at_the_signal_and_not_with_the_command(start: Start, tmp_path: Path) -> None:
    process = start([*RECORD, *STUBBORN])
    wait_until((tmp_path / "begun").exists, "the command")
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: is_complete(tmp_path / "run"), "the end of the capture")
    assert process.poll() is None

    taken = rows(tmp_path / "run")
    (tmp_path / "end").touch()

    assert end_of(process)[0] == 6
    assert rows(tmp_path / "run") == taken


def test_another_signal_kills_a_command_that_does_not_end(start: Start, tmp_path: Path) -> None:
    process = start([*RECORD, *STUBBORN])
    wait_until((tmp_path / "begun").exists, "the command")
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None

    lines = iter(process.stderr.readline, "")
    assert "another signal kills" in next(line for line in lines if "root" not in line)

    process.send_signal(signal.SIGTERM)

    assert end_of(process)[0] == 128 + signal.SIGKILL
    assert (tmp_path / "got").read_text().split() == ["SIGTERM"]
    assert rows(tmp_path / "run") > 0


def test_a_signal_sent_twice_leaves_the_command_time_to_end(start: Start, tmp_path: Path) -> None:
    process = start([*RECORD, *OBEYING])
    wait_until((tmp_path / "begun").exists, "the command")
    process.send_signal(signal.SIGTERM)
    wait_until((tmp_path / "got").exists, "the signal")
    process.send_signal(signal.SIGTERM)  # as `timeout` does, which signals its child and then the group

    assert end_of(process)[0] == 5


class TestAtATerminal:
    """Where regtap and its command are in the terminal's foreground."""

    @pytest.fixture
    def terminal(self, tmp_path: Path) -> Iterator[tuple[int, int]]:
        """Return the PID of a recorder with a command, and the terminal that it runs at."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(tmp_path)
            os.execv(sys.executable, [*RECORD, *STUBBORN])
        yield pid, terminal
        os.close(terminal)

    def test_ctrl_c_reaches_the_command_once(self, terminal: tuple[int, int], tmp_path: Path) -> None:
        pid, descriptor = terminal
        wait_until((tmp_path / "begun").exists, "the command")
        os.write(descriptor, b"\x03")
        wait_until(lambda: is_complete(tmp_path / "run"), "the end of the capture")
        (tmp_path / "end").touch()

        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 6
        assert (tmp_path / "got").read_text().split() == ["SIGINT"]
        assert rows(tmp_path / "run") > 0


def test_a_capture_that_ignores_the_hangup_outlives_its_terminal(tmp_path: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.chdir(tmp_path)
        os.execv(sys.executable, [*RECORD, "--samples", "1100"])
    wait_until((tmp_path / "run" / "_spool").exists, "the capture")
    os.close(terminal)
    os.waitpid(pid, 0)  # its status is of no use: it could not print what it came to

    assert rows(tmp_path / "run") == 1100
