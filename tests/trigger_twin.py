"""A slow twin of the native trigger: it walks the condition itself, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from regtap.triggers.model import Comparison, Condition, Trigger

if TYPE_CHECKING:
    from collections.abc import Sequence

_HOLDS = {
    "equal": int.__eq__,
    "not_equal": int.__ne__,
    "less": int.__lt__,
    "at_most": int.__le__,
    "greater": int.__gt__,
    "at_least": int.__ge__,
}
_OCCURS = {"rises": int.__gt__, "falls": int.__lt__, "changes": int.__ne__}


@dataclass(frozen=True)
class Truth:
    """What is true of a condition on a row.

    Attributes:
        holds: It holds.
        became: It holds because of a comparison that has just become true.
    """

    holds: bool
    became: bool


def strikes(trigger: Trigger, rows: Sequence[Sequence[int]]) -> list[int]:
    """Return the numbers of the rows on which a trigger strikes."""
    pairs = enumerate(pairwise(rows), 1)
    return [number for number, (before, now) in pairs if _truth(trigger.condition, before, now).became]


def _truth(condition: Condition, before: Sequence[int], now: Sequence[int]) -> Truth:
    if isinstance(condition, Comparison):
        return _compared(condition, before, now)
    parts = [_truth(part, before, now) for part in condition.parts]
    if condition.word == "or":
        return Truth(any(part.holds for part in parts), any(part.became for part in parts))
    holds = all(part.holds for part in parts)
    return Truth(holds, holds and any(part.became for part in parts))


def _compared(comparison: Comparison, before: Sequence[int], now: Sequence[int]) -> Truth:
    old, new = (row[comparison.register] & comparison.mask for row in (before, now))
    if comparison.operator in _OCCURS:
        occurs = _OCCURS[comparison.operator](new, old)
        return Truth(occurs, occurs)
    held, holds = (_HOLDS[comparison.operator](value, comparison.value) for value in (old, new))
    return Truth(holds, holds and not held)
