"""The progress of an export, and its result."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_SECOND = 1.0


@dataclass(frozen=True, slots=True)
class Written:
    """The result of an export.

    Attributes:
        count: How many rows or changes were written.
        noun: Which of the two.
        lacking: What the format has no way to say, and is not in the file.
    """

    count: int
    noun: str
    lacking: tuple[str, ...]


class ExportProgress:
    """Says each second how far an export is.

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
        """Report that everything up to a time is written."""
        if self._say is None or time.monotonic() - self._said < _SECOND:
            return
        self._said = time.monotonic()
        share = min(max(t_ns - self._first_ns, 0), self._span_ns) / self._span_ns
        self._say(f"{share:.0%}")
