"""A spark line: the recent values of a register, in one character a look."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

MOST = 40  # looks in a line
_LEVELS = "▁▂▃▄▅▆▇█"
_TOP = len(_LEVELS) - 1
_BOTH = "┃"  # the value moved over more than half of the height between two looks: a pulse that no look saw
_ASCII = str.maketrans(f"{_LEVELS}{_BOTH}", "_.-:=+*#|")


class SparkLine:
    """The last looks, the newest at the right, scaled between the smallest and the largest value of them.

    A look in which the value moved by at most half of that is drawn at its largest value. A running counter moves both
    ends of the scale at each look, and to draw all looks again each time is most of the work: so the scale is renewed
    only where an end of it is off by more than half a level. Each level is right to one.
    """

    def __init__(self) -> None:
        self._lows: deque[int] = deque(maxlen=MOST)
        self._highs: deque[int] = deque(maxlen=MOST)
        self._lowest = self._highest = 0
        self._text = ""

    def add(self, low: int, high: int) -> str:
        """Return the line with one look more.

        Args:
            low: The smallest value since the look before.
            high: The largest.
        """
        self._lows.append(low)
        self._highs.append(high)
        lowest, highest = min(self._lows), max(self._highs)
        off = max(abs(lowest - self._lowest), abs(highest - self._highest))
        if 2 * _TOP * off > highest - lowest:
            self._lowest, self._highest = lowest, highest
            self._text = self._drawn(self._lows, self._highs)
        else:
            inside = max(self._lowest, min(high, self._highest))
            self._text = (self._text + self._drawn((min(low, inside),), (inside,)))[-MOST:]
        return self._text

    def _drawn(self, lows: Collection[int], highs: Iterable[int]) -> str:
        """Return a character for each look."""
        lowest, span, top = self._lowest, self._highest - self._lowest, _TOP
        if span == 0:
            return _LEVELS[0] * len(lows)
        half = span // 2
        return "".join(
            [
                _BOTH if high - low > half else _LEVELS[(high - lowest) * top // span]
                for low, high in zip(lows, highs, strict=True)
            ]
        )


def in_ascii(line: str) -> str:
    """Return a spark line for a terminal without block characters."""
    return line.translate(_ASCII)
