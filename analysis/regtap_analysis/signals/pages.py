"""The pages of a trace: their times and bounds, and their rows on demand."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regtap.errors import TraceError
from regtap.trace.metadata import TIME_COLUMN
from regtap.trace.page_index import read_page_index
from regtap_analysis.signals.page_file import decode_pages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from regtap.trace.page_index import PageIndex
    from regtap.trace.parts import Part
    from regtap.trace.reader import Trace
    from regtap_analysis.signals.envelope import Times, Values
    from regtap_analysis.signals.model import Signal

_KEPT_BYTES = 128 << 20
_MOST_ROWS = 1 << 22  # of a page or row group that is decoded at once


@dataclass(frozen=True, slots=True)
class PartPages:
    """The pages of one part.

    Attributes:
        part: The file.
        index: Its pages.
    """

    part: Part
    index: PageIndex

    @property
    def times(self) -> tuple[Times, Times]:
        """Time of the first and the last row of each page, in ns."""
        times = self.index.columns[TIME_COLUMN]
        return times.least, times.most

    def overlapping(self, first_ns: int, stop_ns: int) -> range:
        """Return the pages that overlap [first_ns, stop_ns)."""
        least, most = self.times
        first = int(np.searchsorted(most, np.int64(first_ns)))
        return range(first, max(first, int(np.searchsorted(least, np.int64(stop_ns)))))

    def bounds(self, signal: Signal, pages: slice) -> tuple[Values, Values, npt.NDArray[np.bool_]]:
        """Return a signal's smallest and largest value in each page, and whether both are sure (they occur there).

        A register's are in the index. A field's follow from them where the bits above the field do not change in
        the page: then the field grows with the register. Elsewhere they are the field's whole range.
        """
        column = self.index.columns[signal.register.name]
        least, most = column.least[pages], column.most[pages]
        if signal.field is None:
            return least, most, np.full(len(least), True)
        top = signal.field.lsb + signal.field.bits
        sure = np.full(len(least), True)
        if top < 8 * signal.register.width_bytes:
            sure = least >> least.dtype.type(top) == most >> most.dtype.type(top)
        mask = least.dtype.type((1 << signal.field.bits) - 1)
        low = np.where(sure, signal.pick(least), least.dtype.type(0))
        return low, np.where(sure, signal.pick(most), mask), sure

    def decode(self, pages: npt.NDArray[np.intp], registers: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        """Return the rows of some pages: `t_ns` and the registers' columns.

        Raises:
            TraceError: A page is damaged, or its times contradict the index.
        """
        wanted = (TIME_COLUMN, *dict.fromkeys(registers))
        columns = decode_pages(
            self.part.path, self.index, pages, {name: self.part.columns[name] for name in wanted}
        )
        times, (least, most) = columns[TIME_COLUMN], self.times
        if times[0] < least[pages[0]] or times[-1] > most[pages[-1]] or np.any(times[1:] < times[:-1]):
            raise TraceError(f"{self.part.path} is damaged (its times are not in order); copy it again")
        return columns


class TracePages:
    """The pages of a trace, part by part; the indexes in memory stay within 128 MB whatever the trace.

    Threads may share it.

    Args:
        trace: The trace.
        registers: Names of the registers that may be asked for.
        known: The pages of the same trace when it had fewer parts, of the same registers: what is known is kept.
    """

    def __init__(
        self, trace: Trace, registers: Sequence[str] | None = None, known: TracePages | None = None
    ) -> None:
        names = [it.name for it in trace.registers] if registers is None else list(registers)
        self._names = (TIME_COLUMN, *dict.fromkeys(names))
        self._kept: OrderedDict[Path, PartPages | None] = OrderedDict()
        self._kept_bytes = 0
        self._lock = threading.Lock()
        self.parts = tuple(part for part in trace.parts if part.rows)
        if known is not None:
            paths = {part.path for part in self.parts}
            for path, pages in known.kept():
                if path in paths:
                    self._keep(path, pages)

    def kept(self) -> list[tuple[Path, PartPages | None]]:
        """Return what is in memory, by the file of the part, last used last."""
        with self._lock:
            return list(self._kept.items())

    def of_part(self, number: int) -> PartPages | None:
        """Return the pages of a part with rows; None: its file has no statistics."""
        part = self.parts[number]
        with self._lock:
            if part.path not in self._kept:
                self._keep(part.path, self._read(part))
            self._kept.move_to_end(part.path)
            return self._kept[part.path]

    def needed(self, number: int) -> PartPages:
        """Return the pages of a part; raises TraceError if it has no statistics."""
        pages = self.of_part(number)
        if pages is None:
            raise TraceError(
                f"{self.parts[number].path} has no statistics of its columns; `regtap plot` reads it"
            )
        return pages

    def _read(self, part: Part) -> PartPages | None:
        index = read_page_index(part.path, {name: part.columns[name] for name in self._names}, part.footer)
        if index is None or index.rows.max() > _MOST_ROWS:
            return None
        if index.rows.sum() != part.rows:
            raise TraceError(f"{part.path} is damaged (its page index has other rows); copy it again")
        return PartPages(part, index)

    def _keep(self, path: Path, pages: PartPages | None) -> None:
        """Keep the pages of a part, and forget those that were not used for longest."""
        self._kept[path] = pages
        self._kept_bytes += _size_bytes(pages)
        while len(self._kept) > 1 and self._kept_bytes > _KEPT_BYTES:
            self._kept_bytes -= _size_bytes(self._kept.popitem(last=False)[1])


def _size_bytes(pages: PartPages | None) -> int:
    return 0 if pages is None else pages.index.size_bytes
