"""Waiting for a command's end: what no test can time from outside, or needs another user."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from regtap.cli import command as cli_command
from regtap.cli import progress
from regtap.cli.command import run_command
from regtap.cli.signals import EndSignals
from regtap.recording.capture import Capture
from regtap.recording.options import RecordOptions
from regtap.recording.running import Outcome, Running
from regtap.recording.summary import Status
from regtap.targets import parse_target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import FrameType


@pytest.fixture
def capture(tmp_path: Path) -> Iterator[Capture]:
    target = parse_target("sim")
    with Capture(
        target, target.resolve(["ID"]), tmp_path / "run", RecordOptions(rate_hz=Fraction(1000))
    ) as capture:
        yield capture


def test_a_signal_before_the_command_keeps_it_from_beginning(capture: Capture) -> None:
    with EndSignals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        assert run_command(["/no/such/program"], capture, signals) == 128 + signal.SIGTERM


def test_the_trace_begins_before_the_command(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    waits: list[bool] = []
    capture: Any = SimpleNamespace(wait_for_first_row=lambda: waits.append(begun.exists()))

    with EndSignals() as signals:
        assert run_command(["touch", str(begun)], capture, signals) == 0

    assert waits == [False]
    assert begun.exists()


def test_a_command_that_may_not_be_signalled_is_left_running(
    capture: Capture, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    running: list[subprocess.Popen[bytes]] = []

    def refuse(process: subprocess.Popen[bytes], number: int) -> None:
        running.append(process)
        raise PermissionError(1, f"signal {number}")

    def terminate_until_done() -> None:
        while not begun.exists() and not done.is_set():
            time.sleep(0.01)
        while not done.is_set():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)

    monkeypatch.setattr(subprocess.Popen, "send_signal", refuse)
    monkeypatch.setattr(cli_command, "_GRACE_S", 0.01)
    begun, done = tmp_path / "begun", threading.Event()
    sender = threading.Thread(target=terminate_until_done)
    with EndSignals() as signals:
        sender.start()
        try:
            status = run_command(["sh", "-c", f"echo > {begun}; exec sleep 60"], capture, signals)
        finally:
            done.set()
            sender.join()
    monkeypatch.undo()
    assert status == 128 + signal.SIGTERM
    assert running[0].poll() is None
    assert f"runs on (PID {running[0].pid})" in capsys.readouterr().err
    running[0].kill()
    running[0].wait()


@pytest.mark.parametrize("number", [errno.EIO, errno.EPIPE, errno.ENOSPC])
def test_progress_outlives_whoever_reads_it(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(*_: object, **__: object) -> None:
        asked.append(number)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(progress, "_LINE_S", 0.0)
    monkeypatch.setattr("click.echo", refuse)
    progress._CaptureProgress(_one_row()).show()

    assert asked == [number]


LINE = "   1.0 s         3/s  1 stored  0 lost  0 missed  2 in the spool (50 %)"


class _Terminal(io.StringIO):
    """A terminal that stderr is, of so many columns."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return os.open(os.devnull, os.O_WRONLY)


def _shown(monkeypatch: pytest.MonkeyPatch, term: str | None, columns: int) -> str:
    """Return what one look and the end put on a terminal."""
    monkeypatch.setattr(progress, "_LINE_S", 0.0)
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((columns, 24)))
    monkeypatch.setattr(sys, "stderr", _Terminal())
    if term is None:
        monkeypatch.delenv("TERM", raising=False)
    else:
        monkeypatch.setenv("TERM", term)
    shown = progress._CaptureProgress(_one_row())
    shown.show()
    shown.clear()
    assert isinstance(sys.stderr, _Terminal)
    return sys.stderr.getvalue()


def test_progress_overwrites_itself_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _shown(monkeypatch, "xterm", 80) == f"\r\033[K{LINE}\r\033[K"


@pytest.mark.parametrize("columns", [12, 40])
def test_progress_stays_on_one_row_of_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    line = LINE[: columns - 1]
    assert _shown(monkeypatch, "xterm", columns) == f"\r\033[K{line}\r\033[K"


def test_progress_of_a_terminal_without_a_width_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"{LINE}\r" in _shown(monkeypatch, "xterm", 0)


@pytest.mark.parametrize("term", ["dumb", None])
def test_progress_sends_a_dumb_terminal_lines_only(monkeypatch: pytest.MonkeyPatch, term: str | None) -> None:
    assert _shown(monkeypatch, term, 80) == f"{LINE}\n"


def _one_row() -> Any:
    status = Status(elapsed_s=1.0, taken=3, stored=1, waiting=2, lost=0, missed=0, spool_fill=0.5)
    return SimpleNamespace(status=lambda: status)


def test_an_error_on_the_last_step_of_a_thread_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Running.live

    def live(self: Running) -> Outcome:
        outcome = original(self)
        caller = sys._getframe(1)
        caller.f_trace, caller.f_trace_opcodes = raise_once, True
        sys.settrace(raise_once)
        return outcome

    def raise_once(frame: FrameType, event: str, _argument: object) -> Any:
        if event == "opcode":
            sys.settrace(None)
            frame.f_trace = None
            raise ZeroDivisionError
        return None

    monkeypatch.setattr(Running, "live", live)
    target = parse_target("sim")
    capture = Capture(target, target.resolve(["ID"]), tmp_path / "run", RecordOptions(rate_hz=Fraction(1000)))
    capture.start()
    capture.wait_for_first_row()
    capture.close()

    with pytest.raises(ZeroDivisionError):
        capture.raise_fault()
    assert capture.trace().rows > 0
