"""From raw ticks to nanoseconds since the start of a trace, by interpolation between anchors."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

from regtap import _native
from regtap.trace.metadata import Anchor, ClockInfo, StartTimes

if TYPE_CHECKING:
    import numpy.typing as npt


class AnchoredClock:
    """Converts ticks to time by interpolation between anchors; used by one thread at a time.

    Attributes:
        start: The moment 0 on the system's clocks.
        first_ticks: Ticks of the first anchor.
        longest_ns: Longest distance between two neighbouring rows so far, in ns.
    """

    def __init__(self, clock: ClockInfo, start: StartTimes, last_ns: int = -1) -> None:
        """Begin with the source, frequency, anchors and error bound of a clock.

        Args:
            clock: The clock; info() never returns a smaller error bound than this one's.
            start: The moment 0 on the system's clocks.
            last_ns: Time of the last row in the trace so far; -1: the trace has no row.
        """
        self.start = start
        self._source_name = clock.source
        self._frequency_hz = clock.frequency_hz
        self._least_bound_ns = clock.error_bound_ns
        self._anchors = list(clock.anchors)
        self.first_ticks = clock.anchors[0].ticks
        self._first_ns = max(0, last_ns)
        self._last_ns = last_ns
        self.longest_ns = 0

    def forget_before(self, ticks: int) -> None:
        """Drop the anchors that are not needed to convert `ticks` and later ticks."""
        keep = max(0, bisect_right(self._anchors, ticks, key=lambda anchor: anchor.ticks) - 1)
        del self._anchors[: min(keep, len(self._anchors) - 2)]

    def convert(self, ticks: npt.NDArray[np.uint64], out: npt.NDArray[np.int64]) -> None:
        """Fill `out`, of the same shape as `ticks`, with times in ns; no time is below one of an earlier call.

        The rows count as the next ones of the trace, in what the clock knows of all rows.
        """
        anchor_ticks, anchor_ns = self.anchor_arrays()
        last_ns, longest_ns = _native.convert_ticks(
            ticks, out, anchor_ticks=anchor_ticks, anchor_ns=anchor_ns, floor_ns=self.floor_ns
        )
        if len(out):
            self.note_converted(int(out[0]), last_ns, longest_ns)

    def row_ns(self, ticks: int) -> int:
        """Return the time of a row as a part has it, apart from convert()'s order; an anchor has to be later."""
        ns = np.zeros(1, np.int64)
        anchor_ticks, anchor_ns = self.anchor_arrays()
        _native.convert_ticks(
            np.array([ticks], np.uint64), ns, anchor_ticks=anchor_ticks, anchor_ns=anchor_ns, floor_ns=-1
        )
        return int(ns[0])

    def anchor_arrays(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
        """Return the anchors' ticks and their times in ns since the start, both of shape (anchors,)."""
        return (
            np.array([anchor.ticks for anchor in self._anchors], dtype=np.uint64),
            np.array([anchor.raw_ns - self.start.raw_ns for anchor in self._anchors], dtype=np.int64),
        )

    @property
    def floor_ns(self) -> int:
        """The least time of the next row: the time of the last row so far; negative before the first row."""
        return self._last_ns

    def note_converted(self, first_ns: int, last_ns: int, longest_ns: int) -> None:
        """Take over the results of the native encoder, which converts rows itself with these anchors and this floor.

        Args:
            first_ns: Time of the first row.
            last_ns: Time of the last row.
            longest_ns: Longest distance between two rows, or from the floor to the first row.
        """
        if self._last_ns < 0:
            self._first_ns = first_ns
        self._last_ns = last_ns
        self.longest_ns = max(self.longest_ns, longest_ns)

    def begin_stretch(self, ticks: int) -> None:
        """Begin a new stretch of rows at a tick: the time before the tick is no hole between rows.

        `longest_ns` then leaves out the time that a flight recorder has overwritten.
        """
        self._last_ns = max(self._last_ns, self.to_ns(ticks))

    @property
    def last_ns(self) -> int:
        """Time of the last row so far, in ns; 0 before the first one."""
        return max(0, self._last_ns)

    @property
    def span_ns(self) -> int:
        """Time from the first to the last row converted so far, in ns.

        It counts from the start of the trace if begin_stretch() came before the first row.
        """
        return max(0, self._last_ns - self._first_ns)

    def to_ns(self, ticks: int) -> int:
        """Return the time of one tick in ns, without a regard to the times of rows before."""
        left, right = self._around(bisect_right(self._anchors, ticks, key=lambda anchor: anchor.ticks))
        slope = (right.raw_ns - left.raw_ns) / (right.ticks - left.ticks)
        return max(0, left.raw_ns - self.start.raw_ns + round((ticks - left.ticks) * slope))

    def to_ticks(self, ns: int) -> int:
        """Return the tick at a time in ns: the inverse of to_ns()."""
        raw_ns = ns + self.start.raw_ns
        left, right = self._around(bisect_right(self._anchors, raw_ns, key=lambda anchor: anchor.raw_ns))
        slope = (right.ticks - left.ticks) / (right.raw_ns - left.raw_ns)
        return max(0, left.ticks + round((raw_ns - left.raw_ns) * slope))

    def _around(self, after: int) -> tuple[Anchor, Anchor]:
        """Return the anchors before and after an index in their list, or the two nearest to the index."""
        after = min(max(after, 1), len(self._anchors) - 1)
        return self._anchors[after - 1], self._anchors[after]

    def in_ns(self, ticks: int) -> int:
        """Return a distance in ticks as ns."""
        return round(ticks * 1e9 / self._frequency_hz)

    def in_ticks(self, ns: int) -> int:
        """Return a time span in ns as ticks."""
        return int(ns * self._frequency_hz / 1e9)

    @property
    def ns_per_tick(self) -> float:
        """Length of a tick at the counter's nominal frequency, in ns."""
        return 1e9 / self._frequency_hz

    def latency_ns(self, ticks: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
        """Return latencies in ns, of the same shape; a latency that does not fit 32 bits becomes 2**32 - 1."""
        nanoseconds = np.rint(ticks * self.ns_per_tick)
        latency: npt.NDArray[np.uint32] = np.minimum(nanoseconds, np.iinfo(np.uint32).max).astype(np.uint32)
        return latency

    def info(self) -> ClockInfo:
        """Return the clock's description, by the anchors that were not dropped."""
        first, last = self._anchors[0], self._anchors[-1]
        span_ns = last.raw_ns - first.raw_ns
        frequency_hz = (last.ticks - first.ticks) * 1e9 / span_ns if span_ns else self._frequency_hz
        # A time between two anchors is off by no more than the larger of their uncertainties; 1 for rounding.
        bound_ns = max(self._least_bound_ns, max(anchor.uncertainty_ns for anchor in self._anchors) + 1)
        return ClockInfo(self._source_name, frequency_hz, bound_ns, tuple(self._anchors))
