"""The tick counter, and its readings beside the system's clocks."""

from __future__ import annotations

from typing import NamedTuple

from regtap import _native
from regtap._native import Source, best_source, frequency_hz, hypervisor_signature, source_name
from regtap.trace.metadata import Anchor

__all__ = [
    "Reading",
    "Source",
    "best_source",
    "error_bound_ns",
    "frequency_hz",
    "hypervisor_signature",
    "read_clocks",
    "source_name",
    "source_named",
]


class Reading(NamedTuple):
    """One reading of the tick counter between readings of the system's clocks.

    Attributes:
        ticks: The counter.
        raw_ns: CLOCK_MONOTONIC_RAW.
        realtime_ns: CLOCK_REALTIME.
        monotonic_ns: CLOCK_MONOTONIC.
        boottime_ns: CLOCK_BOOTTIME.
        uncertainty_ticks: Half of the ticks that the reading took.
    """

    ticks: int
    raw_ns: int
    realtime_ns: int
    monotonic_ns: int
    boottime_ns: int
    uncertainty_ticks: int

    def uncertainty_ns(self, frequency_hz: float) -> float:
        """Return how far a clock may be off the counter in this reading, in ns."""
        return self.uncertainty_ticks * 1e9 / frequency_hz

    def anchor(self, frequency_hz: float) -> Anchor:
        """Return the reading as an anchor of a trace.

        Args:
            frequency_hz: Frequency of the counter.
        """
        return Anchor(self.ticks, self.raw_ns, self.realtime_ns, self.uncertainty_ns(frequency_hz))


def read_clocks(source: Source) -> Reading:
    """Return a reading of this moment."""
    return Reading(*_native.take_anchor(source))


def source_named(name: str) -> Source | None:
    """Return the counter of this machine by its name in a trace; None: the machine has no such counter."""
    for source in (Source.counter, Source.system):
        if source_name(source) == name:
            return source
    return None


def error_bound_ns(source: Source, readings: int) -> float:
    """Return how far the times of a capture may be off, by the best of several readings, in ns.

    One nanosecond of it is for rounding, as AnchoredClock.info has it.
    """
    best = min(read_clocks(source).uncertainty_ticks for _ in range(readings))
    return best * 1e9 / frequency_hz(source) + 1
