"""Waiting for a capture's end: signals, a command, progress."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

from regtap.cli.output import print_note
from regtap.errors import InputError
from regtap.system.closeable import Closeable
from regtap.units.parse import quoted

if TYPE_CHECKING:
    from types import FrameType

    from regtap.recording.capture import Capture

POLL_S = 0.05  # arbitrary: an end is noticed so soon
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SNAPSHOT_SIGNALS = ("SIGUSR1", "SIGUSR2")


class EndSignals(Closeable):
    """While open, Ctrl-C, SIGTERM and SIGHUP are ordinary ends of a capture: they are counted, and do nothing else.

    An ignored signal stays ignored (nohup, background jobs).

    Attributes:
        count: How many have come.
        number: Which one was the first, or 0.
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


def parse_snapshot_signal(name: str) -> signal.Signals:
    """Return a signal for snapshots, by its name.

    Raises:
        InputError: It is another one.
    """
    if name not in _SNAPSHOT_SIGNALS:
        raise InputError(f"{quoted(name)} cannot ask for a snapshot; use {' or '.join(_SNAPSHOT_SIGNALS)}")
    return signal.Signals[name]
