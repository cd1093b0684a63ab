"""Clocks of a running capture."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regtap.clock.anchored import AnchoredClock
from regtap.clock.source import Source, frequency_hz, read_clocks, source_name
from regtap.trace.metadata import ClockInfo, StartTimes

if TYPE_CHECKING:
    import numpy.typing as npt

_OLD_NS = 3600 * 10**9  # far below the longest interval that core/clock.cpp converts


class Timebase(AnchoredClock):
    """The clock of a running capture.

    Take an anchor with advance() after the last tick that is to be converted, so that every tick lies between two
    anchors. The error then is no larger than the anchors' own uncertainty, in a capture of a millisecond too, and even
    if the counter's frequency is not the nominal one.

    Attributes:
        source: The counter that ticks come from.
    """

    def __init__(self, source: Source) -> None:
        """Take the first anchor: the start of the trace is now."""
        self.source = source
        nominal_hz = frequency_hz(source)
        first = read_clocks(source)
        super().__init__(
            ClockInfo(source_name(source), nominal_hz, 0.0, (first.anchor(nominal_hz),)),
            StartTimes(first.realtime_ns, first.monotonic_ns, first.boottime_ns, first.raw_ns),
        )

    def advance(self) -> None:
        """Take an anchor now."""
        while True:
            reading = read_clocks(self.source)
            if reading.ticks > self._anchors[-1].ticks:  # two readings within one tick say nothing new
                break
        self._anchors.append(reading.anchor(self._frequency_hz))

    def cover(self, ticks: int) -> None:
        """Take an anchor now, unless one lies after a tick already: a part keeps all anchors since its first row."""
        if self._anchors[-1].ticks <= ticks:
            self.advance()

    def keep_up(self) -> None:
        """Take an anchor if the last one is older than an hour, for a writer that converts no rows for days."""
        if time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) - self._anchors[-1].raw_ns >= _OLD_NS:
            self.advance()

    def age_ns(self, ticks: int) -> int:
        """Return the approximate age of a tick, in ns."""
        return self.in_ns(read_clocks(self.source).ticks - ticks)


@dataclass(frozen=True, slots=True)
class TickClock:
    """Turns the raw ticks of sample() into time.

    Attributes:
        source: `tsc`, `cntvct` or `monotonic_raw`.
        frequency_hz: Ticks per second between the two readings of CLOCK_MONOTONIC_RAW around the sampling.
        uncertainty_ns: How far a time from to_ns() may be off CLOCK_MONOTONIC_RAW.
        first_tick: The tick at which sampling began.
    """

    source: str
    frequency_hz: float
    uncertainty_ns: float
    first_tick: int

    def to_ns(self, ticks: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """Return the times of ticks in ns since sampling began, of the same shape."""
        return ((ticks - np.uint64(self.first_tick)) * (1e9 / self.frequency_hz)).astype(np.int64)
