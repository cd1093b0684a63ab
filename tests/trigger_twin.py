"""A slow twin of the native trigger: it walks the condition itself, row by row, or over columns of rows at once."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from regtap.triggers.model import Comparison, Condition, Trigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

_HOLDS = {
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "at_most": operator.le,
    "greater": operator.gt,
    "at_least": operator.ge,
}
_OCCURS = {"rises": operator.gt, "falls": operator.lt, "changes": operator.ne}


@dataclass(frozen=True)
class Truth:
    """The truth of a condition on a row, or on each of many rows.

    Attributes:
        holds: It holds.
        became: It holds because of a comparison that has just become true.
    """

    holds: Any
    became: Any


def strikes(trigger: Trigger, rows: Sequence[Sequence[int]]) -> list[int]:
    """Return the numbers of the rows on which a trigger strikes."""
    pairs = enumerate(pairwise(rows), 1)
    return [number for number, (before, now) in pairs if _truth(trigger.condition, before, now).became]


def strikes_of(trigger: Trigger, columns: Sequence[npt.NDArray[np.unsignedinteger]]) -> list[int]:
    """Return the same for rows in columns, one for each register."""
    wide = [column.astype(np.uint64) for column in columns]
    truth = _truth(trigger.condition, [it[:-1] for it in wide], [it[1:] for it in wide])
    found: list[int] = (np.flatnonzero(truth.became) + 1).tolist()
    return found


def _truth(condition: Condition, before: Sequence[Any], now: Sequence[Any]) -> Truth:
    if isinstance(condition, Comparison):
        return _compared(condition, before, now)
    parts = [_truth(part, before, now) for part in condition.parts]
    became = reduce(operator.or_, [part.became for part in parts])
    if condition.word == "or":
        return Truth(reduce(operator.or_, [part.holds for part in parts]), became)
    holds = reduce(operator.and_, [part.holds for part in parts])
    return Truth(holds, holds & became)


def _compared(comparison: Comparison, before: Sequence[Any], now: Sequence[Any]) -> Truth:
    old, new = (row[comparison.register] & comparison.mask for row in (before, now))
    if comparison.operator in _OCCURS:
        occurs = _OCCURS[comparison.operator](new, old)
        return Truth(occurs, occurs)
    held, holds = (_HOLDS[comparison.operator](value, comparison.value) for value in (old, new))
    return Truth(holds, holds & (held ^ True))
