"""Signals over a stretch of time, from the pages' smallest and largest values; few rows are decoded.

A page that lies in one bucket needs no decoding: its bounds are in the index. Decoded are the pages at the edges of
buckets, for exact first and last samples, and those in which a field may go beyond what its bucket is known to span.
The result equals that of decoding every row. A caller who may not wait gives a budget: what goes beyond it is marked as
mixed, with bounds that enclose every sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regtap.trace.arrow import shared_values
from regtap.trace.metadata import TIME_COLUMN
from regtap.trace.parts import read_rows
from regtap_analysis.signals.envelope import EnvelopeBuilder, bucket_edges, split_rows
from regtap_analysis.signals.extremes import extremes
from regtap_analysis.signals.model import Reading, Samples
from regtap_analysis.signals.pages import TracePages
from regtap_analysis.signals.refining import Refiner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    import numpy.typing as npt

    from regtap.registers.model import Register
    from regtap.trace.parts import Part
    from regtap.trace.reader import Trace
    from regtap_analysis.signals.envelope import Times
    from regtap_analysis.signals.model import Signal, View
    from regtap_analysis.signals.pages import PartPages

    Flags = npt.NDArray[np.bool_]
    Rows = Mapping[str, npt.NDArray[Any]]

_AT_ONCE = 1 << 20  # rows that are decoded at once


def read_signals(trace: Trace, signals: Sequence[Signal], view: View, buckets: int) -> Reading:
    """Read signals of a trace over a view once, exactly and in bounded memory; see `read_view`."""
    pages = TracePages(trace, [signal.register.name for signal in signals])
    return read_view(pages, signals, view, buckets)


def read_view(
    pages: TracePages, signals: Sequence[Signal], view: View, buckets: int, budget_rows: int | None = None
) -> Reading:
    """Read signals over a view, as samples if there are no more rows than buckets, or else as envelopes.

    Args:
        pages: The trace.
        signals: The signals to read; their registers are known to `pages`.
        view: The stretch of time.
        buckets: Into how many columns it is cut.
        budget_rows: The number of rows that may be decoded; None: as many as exact envelopes take.

    Raises:
        TraceError: A part is damaged.
    """
    held = [number for number, part in enumerate(pages.parts) if _meets(part, view)]
    if _rows_within(pages, held, view) <= buckets:
        return _read_samples(pages, held, signals, view, buckets)
    return _Reduction(signals, view, buckets).run(pages, held, budget_rows)


def _meets(part: Part, view: View) -> bool:
    held = part.ranges.get(TIME_COLUMN)
    return held is None or (held[0] < view.stop_ns and held[1] >= view.first_ns)


def _rows_within(pages: TracePages, held: Sequence[int], view: View) -> int:
    """Return the least number of rows in the view: the rows of pages wholly in it."""
    rows = 0
    for number in held:
        part = pages.parts[number]
        first_ns, last_ns = part.ranges.get(TIME_COLUMN, (view.first_ns, view.stop_ns))
        if view.first_ns <= first_ns and last_ns < view.stop_ns:
            rows += part.rows
        elif (found := pages.of_part(number)) is not None:
            least, most = found.times
            rows += int(found.index.rows[(least >= view.first_ns) & (most < view.stop_ns)].sum())
    return rows


def _read_samples(
    pages: TracePages, held: Sequence[int], signals: Sequence[Signal], view: View, buckets: int
) -> Reading:
    """Read every row of a view with few rows; reduce them if there turn out to be more than buckets."""
    kept: list[Rows] = [
        rows for number in held for rows in _rows_of(pages, number, signals, view) if len(rows[TIME_COLUMN])
    ]
    count = sum(len(rows[TIME_COLUMN]) for rows in kept)
    if count > buckets:
        reduction = _Reduction(signals, view, buckets)
        for rows in kept:
            reduction.add_rows(rows)
        return reduction.reading()
    times: Times = np.concatenate([np.empty(0, np.int64), *(rows[TIME_COLUMN] for rows in kept)])
    return Reading(count, {signal: _samples(signal, times, kept) for signal in signals})


def _samples(signal: Signal, times: Times, kept: Sequence[Rows]) -> Samples:
    none = np.empty(0, signal.register.dtype)
    return Samples(times, signal.pick(np.concatenate([none, *(rows[signal.register.name] for rows in kept)])))


def _rows_of(pages: TracePages, number: int, signals: Sequence[Signal], view: View) -> Iterator[Rows]:
    """Yield the rows of a part in a view."""
    found = pages.of_part(number)
    if found is None:
        yield from _stream(pages.parts[number], signals, view)
        return
    places = found.overlapping(view.first_ns, view.stop_ns)
    yield from _decoded(found, np.arange(places.start, places.stop), signals, view)


def _stream(part: Part, signals: Sequence[Signal], view: View) -> Iterator[Rows]:
    import pyarrow as pa

    names = [TIME_COLUMN, *dict.fromkeys(signal.register.name for signal in signals)]
    schema = pa.schema(
        [pa.field(name, pa.type_for_alias(part.columns[name]), nullable=False) for name in names]
    )
    for batch in read_rows(part, schema, (view.first_ns, view.stop_ns)):
        yield {name: shared_values(batch.column(name)) for name in names}


def _decoded(
    found: PartPages, chosen: npt.NDArray[np.intp], signals: Sequence[Signal], view: View
) -> Iterator[Rows]:
    """Decode pages, some at once, and yield their rows in the view."""
    names = [signal.register.name for signal in signals]
    before = np.cumsum(found.index.rows[chosen]) - found.index.rows[chosen]
    cuts = np.flatnonzero(np.diff(before // _AT_ONCE)) + 1
    for some in np.split(chosen, cuts):
        if not len(some):
            continue
        rows = found.decode(some, names)
        first, stop = rows[TIME_COLUMN].searchsorted((view.first_ns, view.stop_ns))
        yield {name: column[first:stop] for name, column in rows.items()}


@dataclass(frozen=True, slots=True)
class _Cut:
    """How the pages of a part in the view fall into buckets.

    Attributes:
        first: Number of the first of them.
        left: The bucket of each page's first row; -1 before the view.
        right: The bucket of its last row; may lie after the view.
        is_edge: Whether the page lies in several buckets, or is the first or last one of its bucket.
    """

    first: int
    left: npt.NDArray[np.intp]
    right: npt.NDArray[np.intp]
    is_edge: Flags


def _cut(found: PartPages, view: View, edges_ns: Times) -> _Cut:
    places = found.overlapping(view.first_ns, view.stop_ns)
    least, most = (times[places.start : places.stop] for times in found.times)
    left = edges_ns.searchsorted(least, side="right") - 1
    right = edges_ns.searchsorted(most, side="right") - 1
    before, after = np.roll(right, 1), np.roll(left, -1)
    if len(places):
        before[0] = after[-1] = -2
    outside = (left < 0) | (right >= len(edges_ns) - 1)
    return _Cut(places.start, left, right, (left != right) | outside | (before != left) | (after != right))


class _Reduction:
    """Envelopes of signals, part after part."""

    def __init__(self, signals: Sequence[Signal], view: View, buckets: int) -> None:
        self._signals = tuple(signals)
        self._view = view
        self._edges_ns = bucket_edges(view.first_ns, view.stop_ns, buckets)
        self._builders = {
            signal: EnvelopeBuilder(self._edges_ns, signal.register.dtype) for signal in signals
        }
        self._by_register: dict[Register, list[Signal]] = {}
        for signal in self._signals:
            self._by_register.setdefault(signal.register, []).append(signal)

    def run(self, pages: TracePages, held: Sequence[int], budget_rows: int | None) -> Reading:
        """Add parts, each with its share of the budget."""
        for left, number in zip(range(len(held), 0, -1), held, strict=True):
            found = pages.of_part(number)
            if found is None:
                for rows in _stream(pages.parts[number], self._signals, self._view):
                    self.add_rows(rows)
                continue
            spent = self._add_part(found, None if budget_rows is None else budget_rows // left)
            budget_rows = None if budget_rows is None else max(0, budget_rows - spent)
        return self.reading()

    def reading(self) -> Reading:
        envelopes = {signal: builder.build() for signal, builder in self._builders.items()}
        rows = int(next(iter(envelopes.values())).count.sum()) if envelopes else 0
        return Reading(rows, envelopes)

    def add_rows(self, rows: Rows) -> None:
        """Add rows of the view."""
        if not len(rows[TIME_COLUMN]):
            return
        split = split_rows(rows[TIME_COLUMN], self._edges_ns)
        for register, signals in self._by_register.items():
            values = rows[register.name]
            first, last = values[split.starts], values[split.stops - 1]
            for signal, low, high in extremes(values, split.starts, signals):
                self._builders[signal].add(split, (low, high), (signal.pick(first), signal.pick(last)))

    def _add_part(self, found: PartPages, budget_rows: int | None) -> int:
        """Add a part; return how many rows were decoded."""
        cut = _cut(found, self._view, self._edges_ns)
        pages = slice(cut.first, cut.first + len(cut.left))
        lengths = found.index.rows[pages]
        decoded, spent = _choose(cut, lengths, budget_rows)
        for rows in _decoded(found, cut.first + np.flatnonzero(decoded), self._signals, self._view):
            self.add_rows(rows)
        inside = np.flatnonzero(~decoded & (cut.left == cut.right))
        across = np.flatnonzero(~decoded & (cut.left != cut.right))
        left = None if budget_rows is None else budget_rows - spent
        bounds = {signal: found.bounds(signal, pages) for signal in self._signals}
        if len(inside):
            inner = {
                signal: (low[inside], high[inside], sure[inside])
                for signal, (low, high, sure) in bounds.items()
            }
            refiner = Refiner(found, cut.first + inside, cut.left[inside], inner)
            spent += refiner.refine(self._builders, left)
            for signal, builder in self._builders.items():
                builder.add_pages(cut.left[inside], lengths[inside], refiner.bounds(signal))
        for signal, builder in self._builders.items():
            low, high, _ = bounds[signal]
            for page in across:
                builder.add_wide(
                    (cut.left[page], cut.right[page]), (low[page], high[page]), int(lengths[page])
                )
        return spent


def _choose(cut: _Cut, lengths: Times, budget_rows: int | None) -> tuple[Flags, int]:
    """Return which pages to decode for the edges of buckets, as the budget bears, and how many rows they have."""
    for wanted in (cut.is_edge, cut.left != cut.right):
        rows = int(lengths[wanted].sum())
        if budget_rows is None or rows <= budget_rows:
            return wanted, rows
    return np.full(len(lengths), False), 0
