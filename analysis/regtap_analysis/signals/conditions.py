"""Conditions over rows: where one holds and where it begins to, in rows, and in pages of which only bounds are known.

A comparison with a value begins where it holds and did not on the row before; on the first row of a trace, where it
holds. An edge begins on every row where it occurs. A condition begins where it holds because of a comparison that
begins: these are the rows on which a trigger of the same words strikes, and the first row where it holds there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from regtap.triggers.model import EDGES, Comparison

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from regtap.triggers.model import Condition
    from regtap_analysis.signals.envelope import Values

    Flags = npt.NDArray[np.bool_]
    Bounds = tuple[Values, Values]

_HOLDS = {
    "equal": np.equal,
    "not_equal": np.not_equal,
    "less": np.less,
    "at_most": np.less_equal,
    "greater": np.greater,
    "at_least": np.greater_equal,
    "rises": np.greater,
    "falls": np.less,
    "changes": np.not_equal,
}


@dataclass(frozen=True, slots=True)
class Truth:
    """The truth of a condition, row by row; of pages, whether it may be true of one of their rows.

    Attributes:
        holds: bool, shape (rows,): it holds.
        begins: It begins to.
    """

    holds: Flags
    begins: Flags


def registers_of(condition: Condition) -> set[int]:
    """Return the numbers of the registers that a condition names."""
    if isinstance(condition, Comparison):
        return {condition.register}
    return set[int]().union(*map(registers_of, condition.parts))


def truth_of_rows(condition: Condition, columns: Mapping[int, Values]) -> Truth:
    """Return where a condition holds and begins.

    Args:
        condition: The condition.
        columns: Samples of each register by its number, shape (rows,), rows >= 1. The first row has none before it.
    """

    def compared(comparison: Comparison) -> Truth:
        values = columns[comparison.register]
        kept = values & values.dtype.type(comparison.mask)
        holds = np.zeros(len(kept), np.bool_)
        if comparison.operator in EDGES:
            holds[1:] = _HOLDS[comparison.operator](kept[1:], kept[:-1])
            return Truth(holds, holds)
        holds[:] = _HOLDS[comparison.operator](kept, kept.dtype.type(comparison.value))
        begins = holds.copy()
        begins[1:] &= ~holds[:-1]
        return Truth(holds, begins)

    return _joined(condition, compared)


def truth_of_pages(condition: Condition, bounds: Mapping[int, Bounds]) -> Truth:
    """Return in which pages a condition may hold and begin: nothing is true of a row in any other page.

    Args:
        condition: The condition.
        bounds: Smallest and largest sample of each register by its number, each of shape (pages,); they may be too
            wide. The pages follow each other; what is before the first one is not known.
    """

    def compared(comparison: Comparison) -> Truth:
        low, high = masked_bounds(*bounds[comparison.register], comparison.mask)
        if comparison.operator in EDGES:
            moves = _may_move(low, high, comparison)
            return Truth(moves, moves)
        holds, fails = _may_hold(low, high, comparison)
        begins = holds & fails
        begins[1:] |= holds[1:] & fails[:-1]
        begins[:1] |= holds[:1]
        return Truth(holds, begins)

    return _joined(condition, compared)


def _joined(condition: Condition, compared: Callable[[Comparison], Truth]) -> Truth:
    if isinstance(condition, Comparison):
        return compared(condition)
    parts = [_joined(part, compared) for part in condition.parts]
    begins = reduce(np.logical_or, [part.begins for part in parts])
    if condition.word == "or":
        return Truth(reduce(np.logical_or, [part.holds for part in parts]), begins)
    holds = reduce(np.logical_and, [part.holds for part in parts])
    return Truth(holds, holds & begins)


def masked_bounds(least: Values, most: Values, mask: int) -> Bounds:
    """Return bounds of some bits, in their place, where a register is between two values.

    Above the highest bit in which the two differ all samples agree. Bits without a hole, with nothing changed above
    them, grow with the register; of others, those that may differ are unknown.
    """
    unsigned = least.dtype.type
    changing = _filled(least ^ most) & unsigned(mask)
    low = least & unsigned(mask) & ~changing
    high = low | changing
    run = mask // (mask & -mask)
    if run & (run + 1):
        return low, high
    top = mask.bit_length()
    grows = np.full(len(least), True)
    if top < 8 * least.itemsize:
        grows = least >> unsigned(top) == most >> unsigned(top)
    return np.where(grows, least & unsigned(mask), low), np.where(grows, most & unsigned(mask), high)


def _filled(values: Values) -> Values:
    """Return values with every bit below their highest one set."""
    shift = 1
    while shift < 8 * values.itemsize:
        values = values | values >> values.dtype.type(shift)
        shift *= 2
    return values


def _may_hold(low: Values, high: Values, comparison: Comparison) -> tuple[Flags, Flags]:
    """Return in which pages a comparison with a value may hold, and in which it may fail."""
    value, compare = low.dtype.type(comparison.value), _HOLDS[comparison.operator]
    at_low, at_high = compare(low, value), compare(high, value)
    inside = (low <= value) & (value <= high)
    holds = inside if comparison.operator == "equal" else at_low | at_high
    fails = inside if comparison.operator == "not_equal" else ~(at_low & at_high)
    return holds, fails


def _may_move(low: Values, high: Values, comparison: Comparison) -> Flags:
    """Return in which pages an edge may occur, also from the last row of the page before."""
    unsigned = low.dtype.type
    low_before = np.append(unsigned(0), low[:-1])
    high_before = np.append(unsigned(comparison.mask), high[:-1])
    rises: Flags = high > np.minimum(low, low_before)
    falls: Flags = low < np.maximum(high, high_before)
    return {"rises": rises, "falls": falls}.get(comparison.operator, rises | falls)
