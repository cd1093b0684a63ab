"""The line of progress of a running capture."""

from __future__ import annotations

import os
import select
import sys
import time
from typing import TYPE_CHECKING

from regtap.cli.output import ExitCode, is_smart_terminal, print_aside
from regtap.cli.signals import POLL_S, EndSignals
from regtap.units.format import count_of, format_duration_ns, format_rate

if TYPE_CHECKING:
    from regtap.recording.capture import Capture
    from regtap.recording.stretches import Caught
    from regtap.recording.summary import Status

_LINE_S = 1.0  # between two lines of progress where they do not overwrite each other


def wait_with_progress(capture: Capture, signals: EndSignals) -> int:
    """Show progress on stderr until the capture ends or is asked to."""
    progress = _CaptureProgress(capture)
    while not signals.count and not capture.wait(POLL_S):
        progress.show()
    progress.clear()
    return ExitCode.OK


class _CaptureProgress:
    """The progress on stderr: one line, overwritten, on a terminal; a line a second elsewhere.

    A line that stderr does not take at once is left out: the capture waits for no reader, and outlives it.
    """

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._overwrites = is_smart_terminal()
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
            f"{status.lost:,} lost  {status.missed:,} missed  {_not_stored(status)}"
        )


def _not_stored(status: Status) -> str:
    """Return the rows that are in no finished part, or a trigger's hits."""
    kept, caught = status.kept, status.caught
    if caught is not None:
        return _of_trigger(caught)
    if kept is None:
        return f"{status.waiting:,} in the spool ({100 * status.spool_fill:.0f} %)"
    span = format_duration_ns(round(1e9 * kept.span_s))
    return f"kept {span}, {count_of(kept.samples, 'sample')}  {count_of(kept.snapshots, 'snapshot')}"


def _of_trigger(caught: Caught) -> str:
    text = f"{count_of(caught.hits, 'hit')}  {count_of(len(caught.stretches), 'stretch', 'stretches')}"
    if caught.short_pre_ns is None:
        return text
    return f"{text}  the spool holds {format_duration_ns(caught.short_pre_ns)} before a hit, less than --pre"


def _columns() -> int | None:
    """Return the length of the longest line within one row of the terminal, or None if the width is unknown."""
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
