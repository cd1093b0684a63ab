"""The next and the previous row on which a condition begins to hold.

Pages that cannot hold such a row are passed by their bounds, parts by their statistics; of the others, a call decodes a
bounded number of rows and says where to go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from regtap.trace.metadata import TIME_COLUMN
from regtap_analysis.signals.conditions import registers_of, truth_of_pages, truth_of_rows
from regtap_analysis.signals.search import BUDGET_ROWS, Found, parts_after, parts_before

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from regtap.registers.model import Register
    from regtap.triggers.model import Condition
    from regtap_analysis.signals.conditions import Bounds, Flags
    from regtap_analysis.signals.envelope import Indices, Times
    from regtap_analysis.signals.pages import PartPages, TracePages

_AT_ONCE = 1 << 20  # rows that are decoded at once


class ConditionSearch:
    """A search for the rows on which a condition begins.

    Args:
        pages: The trace; it knows the registers of the condition.
        registers: The registers of the trace, as the condition numbers them.
        condition: The condition.
    """

    def __init__(self, pages: TracePages, registers: Sequence[Register], condition: Condition) -> None:
        self._pages = pages
        self._condition = condition
        self._registers = {number: registers[number] for number in sorted(registers_of(condition))}

    def next(self, after_ns: int) -> Found:
        """Return the first row after a moment on which the condition begins.

        Where too many rows had to be decoded for one call, the result says where to go on.

        Raises:
            TraceError: A part is damaged, or has no statistics.
        """
        left = BUDGET_ROWS
        for number, first in parts_after(self._pages, self._parts(), after_ns):
            found = self._pages.needed(number)
            candidates = self._candidates(number, found)
            for some in _batches(candidates[candidates >= first], found.index.rows):
                if left <= 0:
                    return Found(resume_ns=int(found.times[0][some[0]]) - 1)
                times, begins = self._judged(number, found, some)
                left -= len(times)
                hits = times[begins & (times > after_ns)]
                if len(hits):
                    return Found(int(hits[0]))
        return Found()

    def previous(self, before_ns: int) -> Found:
        """Return the last row before a moment on which the condition begins; else as next().

        Raises:
            TraceError: A part is damaged, or has no statistics.
        """
        left = BUDGET_ROWS
        for number, stop in parts_before(self._pages, self._parts(), before_ns):
            found = self._pages.needed(number)
            candidates = self._candidates(number, found)
            for some in _batches(candidates[candidates < stop][::-1], found.index.rows):
                if left <= 0:
                    return Found(resume_ns=int(found.times[1][some[0]]) + 1)
                times, begins = self._judged(number, found, some[::-1])
                left -= len(times)
                hits = times[begins & (times < before_ns)]
                if len(hits):
                    return Found(int(hits[-1]))
        return Found()

    def _parts(self) -> list[int]:
        """Return the numbers of the parts in which the condition may begin."""
        ranges = [self._ranges(number) for number in range(len(self._pages.parts))]
        bounds = {
            number: (
                np.array([held[number][0] for held in ranges], register.dtype),
                np.array([held[number][1] for held in ranges], register.dtype),
            )
            for number, register in self._registers.items()
        }
        return [int(part) for part in np.flatnonzero(truth_of_pages(self._condition, bounds).begins)]

    def _ranges(self, part: int) -> dict[int, tuple[int, int]]:
        """Return the smallest and largest sample of each register in a part, as far as its footer tells."""
        known = self._pages.parts[part].ranges
        return {
            number: known.get(register.name, (0, (1 << 8 * register.width_bytes) - 1))
            for number, register in self._registers.items()
        }

    def _candidates(self, part: int, found: PartPages) -> Indices:
        """Return the pages of a part in which the condition may begin."""
        before = self._ranges(part - 1) if part else {}
        bounds: dict[int, Bounds] = {}
        for number, register in self._registers.items():
            column = found.index.columns[register.name]
            low, high = ([it] for it in before[number]) if part else ([], [])
            bounds[number] = (
                np.concatenate([np.array(low, register.dtype), column.least]),
                np.concatenate([np.array(high, register.dtype), column.most]),
            )
        begins = truth_of_pages(self._condition, bounds).begins
        return np.flatnonzero(begins[1:] if part else begins)

    def _judged(self, part: int, found: PartPages, wanted: Indices) -> tuple[Times, Flags]:
        """Return the times of the rows of some pages, and on which of them the condition begins.

        The page before each is decoded too: a row is judged with the row before it.
        """
        decoded = np.union1d(wanted, np.maximum(wanted - 1, 0))
        rows = self._decoded(found, decoded)
        if part and not wanted[0]:
            earlier = self._pages.needed(part - 1)
            last = self._decoded(earlier, np.array([len(earlier.index.rows) - 1]))
            rows = {name: np.concatenate([last[name][-1:], values]) for name, values in rows.items()}
        columns = {number: rows[register.name] for number, register in self._registers.items()}
        begins = truth_of_rows(self._condition, columns).begins
        is_wanted = np.repeat(np.isin(decoded, wanted), found.index.rows[decoded])
        count = len(is_wanted)  # without the row of the part before
        return rows[TIME_COLUMN][-count:][is_wanted], begins[-count:][is_wanted]

    def _decoded(self, found: PartPages, pages: Indices) -> dict[str, npt.NDArray[Any]]:
        return found.decode(pages, [register.name for register in self._registers.values()])


def _batches(pages: Indices, rows: Times) -> Iterator[Indices]:
    """Yield pages in their order: first one, then twice as many each time, as long as few rows are decoded at once.

    Args:
        pages: Numbers of pages.
        rows: The number of rows of every page of the part.
    """
    upto = np.cumsum(rows[pages])
    first, most = 0, 1
    while first < len(pages):
        before = int(upto[first - 1]) if first else 0
        stop = min(first + most, int(np.searchsorted(upto, before + _AT_ONCE, side="right")))
        stop = max(stop, first + 1)
        yield pages[first:stop]
        first, most = stop, 2 * most
