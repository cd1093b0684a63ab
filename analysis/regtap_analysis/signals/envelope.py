"""Smallest and largest value in each bucket of time, batch by batch: no sample is ever averaged away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Values = npt.NDArray[np.unsignedinteger[Any]]
    Times = npt.NDArray[np.int64]
    Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Envelope:
    """One signal over buckets of time, bucket i being [edges_ns[i], edges_ns[i + 1]).

    Attributes:
        edges_ns: int64, shape (buckets + 1,), strictly increasing.
        count: int64, shape (buckets,): samples in each bucket; where it is 0 the others mean nothing.
        low: The signal's unsigned type, shape (buckets,): the smallest sample.
        high: The largest sample.
        first: The first sample.
        last: The last sample.
        mixed: bool, shape (buckets,): whether low and high only enclose the samples, because not all were decoded;
            then first and last mean nothing.
    """

    edges_ns: Times
    count: npt.NDArray[np.int64]
    low: Values
    high: Values
    first: Values
    last: Values
    mixed: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Split:
    """The cuts of one batch's rows into buckets, shared by all signals of the batch.

    Attributes:
        buckets: The buckets that get rows, increasing, shape (pieces,).
        starts: First row of each piece.
        stops: Row after its last.
    """

    buckets: Indices
    starts: Indices
    stops: Indices


def bucket_edges(first_ns: int, stop_ns: int, buckets: int) -> Times:
    """Return the edges of equal buckets over [first_ns, stop_ns), to the nanosecond.

    Args:
        first_ns: The first time.
        stop_ns: The time after the last; at least first_ns + 1.
        buckets: How many are wanted; fewer come back where the span has fewer nanoseconds.

    Returns:
        int64, shape (buckets + 1,), strictly increasing.
    """
    span = stop_ns - first_ns
    count = max(1, min(buckets, span))
    return np.array([first_ns + span * index // count for index in range(count + 1)], np.int64)


def split_rows(times_ns: Times, edges_ns: Times) -> Split:
    """Cut rows by bucket.

    Args:
        times_ns: Non-decreasing, shape (rows,), rows >= 1, all within the edges.
        edges_ns: As returned by `bucket_edges`.
    """
    first, last = edges_ns.searchsorted((times_ns[0], times_ns[-1]), side="right") - 1
    inner = times_ns.searchsorted(edges_ns[first + 1 : last + 1])
    bounds = np.concatenate(([0], inner, [len(times_ns)]))
    filled = np.flatnonzero(bounds[1:] > bounds[:-1])  # reduceat would take a row of the next bucket
    return Split(first + filled, bounds[filled], bounds[filled + 1])


class EnvelopeBuilder:
    """Adds batches up to an Envelope; memory does not grow with the rows.

    Args:
        edges_ns: As returned by `bucket_edges`.
        dtype: The samples' unsigned type, such as `uint32`.
    """

    def __init__(self, edges_ns: Times, dtype: str) -> None:
        shape = len(edges_ns) - 1
        self._edges_ns = edges_ns
        self._count = np.zeros(shape, np.int64)
        self._low = np.full(shape, np.iinfo(dtype).max, dtype)
        self._high = np.zeros(shape, dtype)
        self._first = np.zeros(shape, dtype)
        self._last = np.zeros(shape, dtype)
        self._mixed = np.zeros(shape, np.bool_)

    def add(self, split: Split, bounds: tuple[Values, Values], ends: tuple[Values, Values]) -> None:
        """Add the next batch.

        Args:
            split: Its rows by bucket; batches come in the order of time.
            bounds: Smallest and largest sample of each piece of it, of the builder's type.
            ends: First and last sample of each piece.
        """
        at = split.buckets
        (low, high), (first, last) = bounds, ends
        self._low[at] = np.minimum(self._low[at], low)
        self._high[at] = np.maximum(self._high[at], high)
        self._first[at] = np.where(self._count[at] == 0, first, self._first[at])
        self._last[at] = last
        self._count[at] += split.stops - split.starts

    def add_pages(
        self, buckets: Indices, rows: Times, bounds: tuple[Values, Values, npt.NDArray[np.bool_]]
    ) -> None:
        """Add pages by their bounds; the first and last rows of their buckets come from `add`.

        Args:
            buckets: The bucket that holds each page, increasing, shape (pages,), pages >= 1.
            rows: The number of rows of each page.
            bounds: Smallest value, largest value, and whether both are sure (they occur there), of each page.
        """
        low, high, sure = bounds
        starts = np.flatnonzero(np.diff(buckets, prepend=-1))
        at = buckets[starts]
        self._low[at] = np.minimum(self._low[at], np.minimum.reduceat(low, starts))
        self._high[at] = np.maximum(self._high[at], np.maximum.reduceat(high, starts))
        self._count[at] += np.add.reduceat(rows, starts)
        self._mixed[at] |= np.logical_or.reduceat(~sure, starts)

    def add_wide(self, span: tuple[int, int], bounds: tuple[int, int], rows: int) -> None:
        """Add the bounds of a page to all its buckets: each bucket may hold any of the page's samples.

        Args:
            span: Its first and last bucket; they may lie outside.
            bounds: Its smallest and largest value.
            rows: The number of rows that it has; each bucket counts an equal share, at least one.
        """
        first, last = max(span[0], 0), min(span[1], len(self._count) - 1)
        at = slice(first, last + 1)
        self._low[at] = np.minimum(self._low[at], bounds[0])
        self._high[at] = np.maximum(self._high[at], bounds[1])
        self._count[at] += max(1, rows // (span[1] - span[0] + 1))
        self._mixed[at] = True

    def span(self) -> tuple[Values, Values]:
        """Return the smallest and largest value of each bucket so far, as copies; of an empty one, turned round."""
        return self._low.copy(), self._high.copy()

    def build(self) -> Envelope:
        """Return the envelope of all batches so far."""
        return Envelope(
            self._edges_ns, self._count, self._low, self._high, self._first, self._last, self._mixed
        )
