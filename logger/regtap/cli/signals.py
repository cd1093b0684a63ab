"""Waiting for a capture's end: signals, a command, progress."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

from regtap.cli.output import print_note
from regtap.errors import InputError
from regtap.system.closeable import Closeable
from regtap.units.parse import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from regtap.recording.capture import Capture

POLL_S = 0.05  # arbitrary: an end is noticed so soon
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SNAPSHOT_SIGNALS = ("SIGUSR1", "SIGUSR2")
MARK_SIGNAL = signal.SIGUSR2


class EndSignals(Closeable):
    """While open, Ctrl-C, SIGTERM and SIGHUP are ordinary ends of a capture: they are counted, and do nothing else.

    An ignored signal stays ignored (nohup, background jobs).

    Attributes:
        count: The number of signals so far.
        number: Number of the first signal; 0: none has come.
    """

    def __init__(self) -> None:
        self.count = 0  # no Event: what interrupts its wait() may not set it
        self.number = 0
        heard = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._note) for number in heard}

    def close(self) -> None:
        """Give the signals back to the handlers from before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.number = self.number or number
        self.count += 1


class SnapshotSignal(Closeable):
    """While open, a signal makes a flight recorder store a snapshot.

    Args:
        capture: It need not run yet; a signal that comes too early or too late does nothing.
        number: The signal; None: none does.
    """

    def __init__(self, capture: Capture, number: signal.Signals | None) -> None:
        self._capture = capture
        self._number = number
        self._before = None if number is None else signal.signal(number, self._ask)
        if number is not None:
            print_note(f"kill -{number.name[3:]} {os.getpid()} stores what is kept")

    def close(self) -> None:
        """Give the signal back to the handler from before."""
        if self._number is not None:
            signal.signal(self._number, self._before)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(InputError):
            self._capture.snapshot()


@contextlib.contextmanager
def mark_signal(capture: Capture, other: signal.Signals | None) -> Iterator[None]:
    """Let SIGUSR2 set a mark `SIGUSR2` in a capture, at the moment when the signal comes.

    Python runs handlers between two steps of the main thread, up to the length of a wait later. So a thread takes the
    signal's number from a pipe, to which the handler's part in C writes it at once (signal.set_wakeup_fd). A signal
    that is ignored, or asks for snapshots, stays as it is.

    Args:
        capture: It need not run yet; a signal that comes too early or too late does nothing.
        other: The signal that asks for snapshots, or None.
    """
    if other == MARK_SIGNAL or signal.getsignal(MARK_SIGNAL) == signal.SIG_IGN:
        yield
        return
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(writer, False)
    thread = threading.Thread(target=_mark_each, args=(capture, reader), name="regtap-signals", daemon=True)
    thread.start()
    fd_before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    before = signal.signal(MARK_SIGNAL, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(MARK_SIGNAL, before)
        signal.set_wakeup_fd(fd_before)
        os.close(writer)
        thread.join()


def _mark_each(capture: Capture, reader: int) -> None:
    """Set a mark for each SIGUSR2 among the signals' numbers in a pipe, until its other end is closed."""
    with open(reader, "rb", buffering=0) as numbers:
        while some := numbers.read(64):
            for _ in range(some.count(MARK_SIGNAL)):
                with contextlib.suppress(InputError):
                    capture.mark(MARK_SIGNAL.name)


def parse_snapshot_signal(name: str) -> signal.Signals:
    """Return a signal for snapshots, by its name.

    Raises:
        InputError: The name is not that of a signal for snapshots.
    """
    if name not in _SNAPSHOT_SIGNALS:
        raise InputError(f"{quoted(name)} cannot ask for a snapshot; use {' or '.join(_SNAPSHOT_SIGNALS)}")
    return signal.Signals[name]
