"""Places on an axis in per cent of its width, so that a page may be of any width."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place.

    Attributes:
        at: Per cent of the axis.
        label: Its text.
        is_minor: Whether a narrow page leaves it out.
    """

    at: float
    label: str
    is_minor: bool = False


class LogScale:
    """A logarithmic axis from one power of ten to another.

    Args:
        least: The smallest value that it has to hold, above 0.
        most: The largest.
        label: Returns the label of a power of ten, given the power.
    """

    def __init__(self, least: float, most: float, label: Callable[[int], str]) -> None:
        self._label = label
        self._first = floor(log10(least))
        self._last = max(ceil(log10(most)), self._first + 1)

    def percent(self, value: float) -> float:
        """Return where a value lies; one that is too small, 0 among them, at the left end."""
        if value <= 10.0**self._first:
            return 0.0
        return min(100.0, 100 * (log10(value) - self._first) / (self._last - self._first))

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """The powers of ten; every second one may be left out where there are many."""
        powers = range(self._first, self._last + 1)
        return tuple(
            Tick(self.percent(10.0**power), self._label(power), is_minor=len(powers) > 4 and number % 2 == 1)
            for number, power in enumerate(powers)
        )
