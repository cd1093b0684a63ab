"""A spark line: the recent values of a register, in one character a look."""

from __future__ import annotations

from collections import deque
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

MOST = 40  # looks in a line
_LEVELS = "▁▂▃▄▅▆▇█"
_BOTH = "┃"  # the value moved over more than half of the height between two looks: a pulse that no look saw
_HIGH = itemgetter(1)
_ASCII = str.maketrans(f"{_LEVELS}{_BOTH}", "_.-:=+*#|")


class SparkLine:
    """The last looks, the newest at the right, scaled between the smallest and the largest value of them.

    A look in which the value moved by at most half of that is drawn at its largest value.
    """

    def __init__(self) -> None:
        self._ranges: deque[tuple[int, int]] = deque(maxlen=MOST)
        self._lowest = self._highest = 0
        self._text = ""

    def add(self, low: int, high: int) -> str:
        """Return the line with one look more.

        Args:
            low: The smallest value since the look before.
            high: The largest.
        """
        ranges = self._ranges
        gone = ranges[0] if len(ranges) == MOST else None
        ranges.append((low, high))
        is_outside = low < self._lowest or high > self._highest or len(ranges) == 1
        if is_outside or (gone is not None and (gone[0] == self._lowest or gone[1] == self._highest)):
            self._lowest, self._highest = min(ranges)[0], max(map(_HIGH, ranges))
            self._text = self._drawn(ranges)
        else:
            self._text = (self._text + self._drawn([(low, high)]))[-MOST:]
        return self._text

    def _drawn(self, ranges: Collection[tuple[int, int]]) -> str:
        """Return a character for each look; a running counter needs all of them anew each time."""
        lowest, span, top = self._lowest, self._highest - self._lowest, len(_LEVELS) - 1
        if span == 0:
            return _LEVELS[0] * len(ranges)
        return "".join(
            [
                _BOTH if 2 * (high - low) > span else _LEVELS[(high - lowest) * top // span]
                for low, high in ranges
            ]
        )


def in_ascii(line: str) -> str:
    """Return a spark line for a terminal without block characters."""
    return line.translate(_ASCII)
