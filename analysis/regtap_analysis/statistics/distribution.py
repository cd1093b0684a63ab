"""How often each of very many whole numbers occurred, in bounded memory: exact while few of them differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Counts = npt.NDArray[np.int64]
    Numbers = npt.NDArray[np.uint64]

LIMIT = 1 << 16  # 1.5 MB with the counts
_COARSER = (16, 13, 10, 7)  # significant bits, when too many differ


class Distribution:
    """Counts whole numbers.

    Numbers below `limit` are always exact. Where more than `limit` larger ones differ, these are rounded down to 16,
    13, 10 or 7 significant bits, as HdrHistogram does it (http://hdrhistogram.org): a percentile is then too small by
    at most one part in 2**15, 2**12, 2**9 or 2**6. Count, smallest, largest and mean stay exact.

    Args:
        limit: A power of two, 4,096 or more.

    Attributes:
        count: The number of numbers that were added.
        least: The smallest of them; None without any.
        most: The largest of them.
        bits: To how many significant bits large numbers are told apart; 64: exactly.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.count = 0
        self.least: int | None = None
        self.most: int | None = None
        self.bits = 64
        self._limit = limit
        self._sum = 0
        self._small: Counts = np.zeros(0, np.int64)
        self._large: Numbers = np.zeros(0, np.uint64)
        self._large_counts: Counts = np.zeros(0, np.int64)

    @property
    def mean(self) -> float | None:
        """Their mean, or None without any."""
        return self._sum / self.count if self.count else None

    @property
    def total(self) -> int:
        """Their sum."""
        return self._sum

    def add(self, numbers: npt.NDArray[Any]) -> None:
        """Add numbers, none below 0, of any integer type, shape (numbers,)."""
        if not len(numbers):
            return
        least, most = int(numbers.min()), int(numbers.max())
        self.count += len(numbers)
        self.least = least if self.least is None else min(self.least, least)
        self.most = most if self.most is None else max(self.most, most)
        self._sum += _exact_sum(numbers, most)
        if most < self._limit:
            self._add_small(numbers)
            return
        is_small = numbers < self._limit
        self._add_small(numbers[is_small])
        values, counts = np.unique(numbers[~is_small].astype(np.uint64), return_counts=True)
        self._add_large(values, counts.astype(np.int64))

    def items(self) -> tuple[Numbers, Counts]:
        """Return the numbers that occurred, increasing, and how often each did; large ones as they were rounded."""
        small = np.flatnonzero(self._small)
        numbers = np.concatenate([small.astype(np.uint64), self._large])
        return numbers, np.concatenate([self._small[small], self._large_counts])

    def percentile(self, thousandths: int) -> int | None:
        """Return the smallest number that so many of a thousand are not above; None without any.

        This is the inverse of the empirical distribution function, as in `statistics.questions`.
        """
        if self.least is None or self.most is None:
            return None
        numbers, counts = self.items()
        wanted = -(-thousandths * self.count // 1000)
        found = int(numbers[np.searchsorted(np.cumsum(counts), max(wanted, 1))])
        return min(max(found, self.least), self.most)

    def above(self, number: int) -> int:
        """Return how many numbers are above one (as they were rounded)."""
        numbers, counts = self.items()
        return int(counts[np.searchsorted(numbers, np.uint64(number), side="right") :].sum())

    def _add_small(self, numbers: npt.NDArray[Any]) -> None:
        if not len(self._small):
            self._small = np.zeros(self._limit, np.int64)
        counts = np.bincount(numbers.astype(np.int64, copy=False))
        self._small[: len(counts)] += counts

    def _add_large(self, values: Numbers, counts: Counts) -> None:
        if self.bits < 64:
            values = _rounded(values, self.bits)
        values, counts = _merged(
            np.concatenate([self._large, values]), np.concatenate([self._large_counts, counts])
        )
        for bits in _COARSER:
            if len(values) > self._limit and bits < self.bits:
                self.bits = bits
                values, counts = _merged(_rounded(values, bits), counts)
        self._large, self._large_counts = values, counts


def _exact_sum(numbers: npt.NDArray[Any], most: int) -> int:
    if most * len(numbers) < 1 << 63:
        return int(numbers.sum(dtype=np.int64))
    wide = numbers.astype(np.uint64)
    low, high = wide & np.uint64(2**32 - 1), wide >> np.uint64(32)
    return int(low.sum()) + (int(high.sum()) << 32)


def _rounded(values: Numbers, bits: int) -> Numbers:
    """Return numbers of 4,096 or more, rounded down to so many significant bits."""
    # A double is exact up to 53 bits, so that the length of the upper 52 is.
    lengths = np.frexp((values >> np.uint64(12)).astype(np.float64))[1] + 12
    shifts = np.maximum(lengths - bits, 0).astype(np.uint64)
    rounded: Numbers = values >> shifts << shifts
    return rounded


def _merged(values: Numbers, counts: Counts) -> tuple[Numbers, Counts]:
    """Return each value once, increasing, with its counts added up."""
    if not len(values):
        return values, counts
    order = np.argsort(values, kind="stable")
    values = values[order]
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    return values[starts], np.add.reduceat(counts[order], starts)
