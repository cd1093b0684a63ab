"""Waiting for a capture's end: signals, a command, progress."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Self

from regtap.commands._output import ExitCode, print_aside, print_note
from regtap.errors import InputError
from regtap.quantities import count_of, format_duration_ns, format_rate
from regtap.units import quoted

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from regtap.recorder import Capture
    from regtap.summary import Status

_LOOK_S = 0.05  # how soon an end is noticed
_LINE_S = 1.0  # between two lines of progress where they do not overwrite each other
_GRACE_S = 1.0  # in which further signals are the first one again: `timeout` and a closing terminal send two
_NOT_EXECUTED = 126
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SNAPSHOT_SIGNALS = ("SIGUSR1", "SIGUSR2")


class EndSignals:
    """While open, Ctrl-C, SIGTERM and SIGHUP are ordinary ends of a capture: noted, and nothing else.

    One that is ignored stays ignored (nohup, background jobs).

    Attributes:
        count: How many have come.
        number: Which one was the first, or 0.
    """

    def __init__(self) -> None:
        self.count = 0  # no Event: what interrupts its wait() may not set it
        self.number = 0

    def __enter__(self) -> Self:
        heard = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._note) for number in heard}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.number = self.number or number
        self.count += 1


class SnapshotSignal:
    """While open, a signal has what a flight recorder keeps stored.

    Args:
        capture: It need not run yet; a signal that comes too early or too late does nothing.
        number: The signal; None: none does.
    """

    def __init__(self, capture: Capture, number: signal.Signals | None) -> None:
        self._capture = capture
        self._number = number

    def __enter__(self) -> Self:
        if self._number is not None:
            self._before = signal.signal(self._number, self._ask)
            print_note(f"kill -{self._number.name[3:]} {os.getpid()} stores what is kept")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._number is not None:
            signal.signal(self._number, self._before)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(InputError):
            self._capture.snapshot()


def parse_snapshot_signal(name: str) -> signal.Signals:
    """Return a signal that nothing else has a use for.

    Raises:
        InputError: It is another one.
    """
    if name not in _SNAPSHOT_SIGNALS:
        raise InputError(f"{quoted(name)} cannot ask for a snapshot; use {' or '.join(_SNAPSHOT_SIGNALS)}")
    return signal.Signals[name]


def find_command(command: list[str]) -> list[str]:
    """Return the command with its program found, before anything is recorded.

    Raises:
        InputError: There is no such program.
    """
    program = shutil.which(command[0])
    if program is None:
        raise InputError(f"cannot run {command[0]!r}: no such program; check its name and PATH")
    return [program, *command[1:]]


def run_command(command: list[str], capture: Capture, signals: EndSignals) -> int:
    """Run a command to its end and return its status as a shell would.

    That is 128 + N if signal N ended it, 126 if the system does not execute it. The trace begins before the command
    does. A signal ends the capture and is passed on. Another one kills the command if it has not ended in a second.
    """
    capture.wait_for_first_row()
    if signals.number:  # nobody is there yet to pass it on to
        return 128 + signals.number
    try:
        process = subprocess.Popen(command)
    except OSError as error:
        print_note(
            f"cannot run {command[0]!r}: {os.strerror(error.errno or 0)}; is it a program of this machine?"
        )
        return _NOT_EXECUTED
    while (status := process.poll()) is None and not signals.number:
        time.sleep(_LOOK_S)
    if status is None:
        capture.stop()
        status = _end(process, signals)
    return status if status >= 0 else 128 - status


def _end(process: subprocess.Popen[bytes], signals: EndSignals) -> int:
    """Pass the signal on, and return the command's status; -N for signal N if we may not kill it (sudo)."""
    number = signals.number
    if number != signal.SIGINT or not _is_in_foreground(process):
        with contextlib.suppress(PermissionError):
            process.send_signal(number)
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(_GRACE_S)
    before = signals.count
    print_note(
        f"the capture has ended, and waits for its command (PID {process.pid}); another signal kills that"
    )
    while process.poll() is None and signals.count == before:
        time.sleep(_LOOK_S)
    try:
        process.kill()
    except PermissionError:
        print_note(f"the command is another user's, and runs on (PID {process.pid})")
        return -number
    return process.wait()


def _is_in_foreground(process: subprocess.Popen[bytes]) -> bool:
    """Return whether Ctrl-C at our terminal reaches a process without us."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgid(process.pid)
    except OSError:
        return False
    finally:
        os.close(terminal)


def wait_with_progress(capture: Capture, signals: EndSignals) -> int:
    """Show progress on stderr until the capture ends or is asked to."""
    progress = _Progress(capture)
    while not signals.count and not capture.wait(_LOOK_S):
        progress.show()
    progress.clear()
    return ExitCode.OK


class _Progress:
    """One line that overwrites itself on a terminal, a line a second elsewhere.

    A line that stderr does not take at once is left out: the capture waits for no reader, and outlives it.
    """

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._overwrites = _is_smart_terminal()
        self._next_s = time.monotonic() + _LINE_S
        self._seen = (0.0, 0)

    def show(self) -> None:
        if not self._overwrites and time.monotonic() < self._next_s:
            return
        self._next_s += _LINE_S
        if self._overwrites:
            self._overwrite(self._line()[: _columns()])
        else:
            self._write(f"{self._line()}\n")

    def clear(self) -> None:
        if self._overwrites:
            self._overwrite("")

    def _overwrite(self, line: str) -> None:
        self._write(f"\r\033[K{line}")

    @staticmethod
    def _write(text: str) -> None:
        if _takes_a_line():
            print_aside(text)

    def _line(self) -> str:
        status = self._capture.status()
        seconds, taken = self._seen
        self._seen = (status.elapsed_s, status.taken)
        rate = (status.taken - taken) / max(status.elapsed_s - seconds, 1e-9)
        return (
            f"{status.elapsed_s:6.1f} s  {format_rate(max(rate, 0.0)):>10}  {status.stored:,} stored  "
            f"{status.lost:,} lost  {status.missed:,} missed  {_in_spool(status)}"
        )


def _in_spool(status: Status) -> str:
    kept = status.kept
    if kept is None:
        return f"spool {100 * status.spool_fill:.0f} %"
    span = format_duration_ns(round(1e9 * kept.span_s))
    return f"kept {span}, {kept.samples:,} samples  {count_of(kept.snapshots, 'snapshot')}"


def _is_smart_terminal() -> bool:
    """Return whether stderr is a terminal that can erase a line."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _columns() -> int | None:
    """Return how much of a line stays on one row of the terminal; None where it does not say its width."""
    try:
        return (os.get_terminal_size(sys.stderr.fileno()).columns or sys.maxsize) - 1
    except (OSError, ValueError):  # the terminal has gone
        return None


def _takes_a_line() -> bool:
    """Return whether stderr takes a line without waiting for a reader: a pipe may be full, a terminal halted."""
    try:
        poll = select.poll()
        poll.register(sys.stderr.fileno(), select.POLLOUT)
        return bool(poll.poll(0))
    except (AttributeError, OSError, ValueError):  # no stderr at all, or one that is no file
        return True
