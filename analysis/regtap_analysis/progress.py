"""How far a command is that reads a whole trace."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from regtap.cli.output import is_smart_terminal, print_aside

if TYPE_CHECKING:
    from collections.abc import Callable

_SECOND = 1.0


class ReadingProgress:
    """Says each second how far the reading of a trace is.

    Args:
        first_ns: Time at which it begins.
        last_ns: Time at which it ends.
        say: Called with a line such as `37 %`; None says nothing.
    """

    def __init__(self, first_ns: int, last_ns: int, say: Callable[[str], None] | None = None) -> None:
        self._first_ns = first_ns
        self._span_ns = max(last_ns - first_ns, 1)
        self._say = say
        self._said = time.monotonic()

    def at(self, t_ns: int) -> None:
        """Take note that everything up to a time is done."""
        if self._say is None or time.monotonic() - self._said < _SECOND:
            return
        self._said = time.monotonic()
        share = min(max(t_ns - self._first_ns, 0), self._span_ns) / self._span_ns
        self._say(f"{share:.0%}")


def terminal_progress(first_ns: int, last_ns: int) -> ReadingProgress:
    """Return a progress that shows on stderr, if that erases lines; `clear_progress` takes it away."""
    return ReadingProgress(first_ns, last_ns, _show if is_smart_terminal() else None)


def clear_progress() -> None:
    """Take the progress away from the terminal."""
    if is_smart_terminal():
        _show("")


def _show(text: str) -> None:
    print_aside(f"\r\033[K{text}")
