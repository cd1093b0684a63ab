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
    """

    edges_ns: Times
    count: npt.NDArray[np.int64]
    low: Values
    high: Values
    first: Values
    last: Values


@dataclass(frozen=True, slots=True)
class Split:
    """Where one batch's rows are cut into buckets; shared by all signals of the batch.

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

    def add(self, split: Split, values: Values) -> None:
        """Add the next batch.

        Args:
            split: Its rows by bucket; batches come in the order of time.
            values: Its samples, shape (rows,), of the builder's type.
        """
        at = split.buckets
        low, high = np.minimum.reduceat(values, split.starts), np.maximum.reduceat(values, split.starts)
        self._low[at] = np.minimum(self._low[at], low)
        self._high[at] = np.maximum(self._high[at], high)
        self._first[at] = np.where(self._count[at] == 0, values[split.starts], self._first[at])
        self._last[at] = values[split.stops - 1]
        self._count[at] += split.stops - split.starts

    def build(self) -> Envelope:
        """Return the envelope of all batches so far."""
        return Envelope(self._edges_ns, self._count, self._low, self._high, self._first, self._last)
