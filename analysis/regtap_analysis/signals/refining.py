"""Exact bounds of fields in pages whose index tells only the register's.

Where bits above a field change within a page, the register's bounds say nothing of the field. Such a page has to be
decoded only where its bucket is not yet known to hold the field's smallest and largest number: what it holds cannot
widen that. A page of each bucket is decoded first, since it often shows both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from regtap_analysis.signals.extremes import extremes
from regtap_analysis.signals.page_file import decode_pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from regtap.registers.model import Register
    from regtap_analysis.signals.envelope import EnvelopeBuilder, Indices, Values
    from regtap_analysis.signals.model import Signal
    from regtap_analysis.signals.pages import PartPages

    Flags = npt.NDArray[np.bool_]
    # the smallest and the largest value of each page, and whether both are sure: they occur in the page
    Bounds = tuple[Values, Values, Flags]

_AT_ONCE = 1 << 20  # rows that are decoded at once


class Refiner:
    """Bounds of signals in some pages of a part, each of which lies in one bucket.

    Args:
        found: The part.
        pages: Their numbers, increasing.
        buckets: The bucket of each.
        bounds: Each signal's bounds of each page, as the index has them.
    """

    def __init__(
        self, found: PartPages, pages: Indices, buckets: Indices, bounds: Mapping[Signal, Bounds]
    ) -> None:
        self._found = found
        self._pages = pages
        self._buckets = buckets
        self._bounds = dict(bounds)

    def bounds(self, signal: Signal) -> Bounds:
        """Return a signal's bounds of each page, as far as they are known by now."""
        return self._bounds[signal]

    def refine(self, builders: Mapping[Signal, EnvelopeBuilder], budget_rows: int | None) -> int:
        """Make every field's bounds sure, as far as they matter to its bucket and the budget bears.

        Args:
            builders: The values of each bucket so far.
            budget_rows: The number of rows that may be decoded; None: as many as it takes.

        Returns:
            How many rows were decoded.
        """
        spent = 0
        for register, fields in self._fields().items():
            for is_last in (False, True):
                self._pass_covered(fields, builders)
                wanted = self._wanted(fields, every=is_last)
                rows = int(self._found.index.rows[self._pages[wanted]].sum())
                if budget_rows is not None and spent + rows > budget_rows:
                    break
                self._decode(register, fields, wanted)
                spent += rows
        return spent

    def _fields(self) -> dict[Register, list[Signal]]:
        """Return the fields that some page leaves open, by register."""
        found: dict[Register, list[Signal]] = {}
        for signal, (_, _, sure) in self._bounds.items():
            if not sure.all():
                found.setdefault(signal.register, []).append(signal)
        return found

    def _pass_covered(self, fields: Sequence[Signal], builders: Mapping[Signal, EnvelopeBuilder]) -> None:
        """Take bounds for sure where their bucket holds the field's smallest and largest number already."""
        for signal in fields:
            low, high, sure = self._bounds[signal]
            mask = low.dtype.type((1 << signal.bits) - 1)
            least, most = builders[signal].span()
            np.minimum.at(least, self._buckets[sure], low[sure])
            np.maximum.at(most, self._buckets[sure], high[sure])
            is_covered = (least == 0) & (most == mask)
            self._bounds[signal] = low, high, sure | is_covered[self._buckets]

    def _wanted(self, fields: Sequence[Signal], *, every: bool) -> Indices:
        """Return which pages to decode: all that are open, or the first of each bucket."""
        is_open: Flags = np.logical_or.reduce([~self._bounds[signal][2] for signal in fields])
        at = np.flatnonzero(is_open)
        return at if every else at[np.flatnonzero(np.diff(self._buckets[at], prepend=-1))]

    def _decode(self, register: Register, fields: Sequence[Signal], wanted: Indices) -> None:
        for some, values, starts in self._values(register, wanted):
            for signal, least, most in extremes(values, starts, fields):
                low, high, sure = self._bounds[signal]
                low[some], high[some], sure[some] = least, most, True

    def _values(self, register: Register, wanted: Indices) -> Iterator[tuple[Indices, Values, Indices]]:
        """Yield some pages at once, the register's values in them, and where each page begins."""
        if not len(wanted):
            return
        lengths = self._found.index.rows[self._pages[wanted]]
        before = np.cumsum(lengths) - lengths
        cuts = np.flatnonzero(np.diff(before // _AT_ONCE)) + 1
        types = {register.name: self._found.part.columns[register.name]}
        for some in np.split(np.arange(len(wanted)), cuts):
            columns: dict[str, npt.NDArray[Any]] = decode_pages(
                self._found.part.path, self._found.index, self._pages[wanted[some]], types
            )
            yield wanted[some], columns[register.name], before[some] - before[some[0]]
