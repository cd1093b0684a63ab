"""The figures of one pass over a trace: plain numbers, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from regtap_analysis.signals.model import Signal
    from regtap_analysis.statistics.distribution import Distribution

MOST_STATES = 64  # a signal with more values than that is no state but a number


@dataclass(frozen=True, slots=True)
class StateFigures:
    """How long a signal held one value.

    Attributes:
        value: The value.
        visits: How many stretches of it there are.
        whole: How many of them had both ends seen: they begin and end in the trace, and not in a gap.
        rows: Rows that hold it.
        total_ns: Time that all of them take; a stretch ends with the first row of the next value, or the last row.
        lengths: The whole ones' lengths, in ns.
    """

    value: int
    visits: int
    whole: int
    rows: int
    total_ns: int
    lengths: Distribution


@dataclass(frozen=True, slots=True)
class Transition:
    """A change from one value to another.

    Attributes:
        before: The value before.
        value: The value after.
        count: How often it happened.
        first_ns: When it first did.
    """

    before: int
    value: int
    count: int
    first_ns: int


@dataclass(frozen=True, slots=True)
class ValueHistogram:
    """How many rows, or how much time, hold values of equal ranges.

    Attributes:
        low: Lower end of the first range.
        width: Width of each range.
        weights: Rows in each, or ns, shape (ranges,).
        is_time: Whether it is ns: of a trace that stores changes only.
    """

    low: int
    width: int
    weights: npt.NDArray[np.int64]
    is_time: bool = False


@dataclass(frozen=True, slots=True)
class SignalFigures:
    """The values and changes of a register or a field.

    Attributes:
        signal: The signal.
        least: Its smallest value.
        most: Its largest.
        first: Its value in the first row.
        last: Its value in the last row.
        changes: Rows that differ from the row before.
        rises: Changes to a larger value.
        advance: All differences to the value before added up, modulo 2**bits each; a counter's count.
        intervals: Times from one change to the next, in ns, where both were seen: neither came in a gap.
        histogram: Rows by value, or time.
        states: Its values, increasing; None where more than 64 differ.
        transitions: Changes by pair, by value before and after; None likewise.
    """

    signal: Signal
    least: int
    most: int
    first: int
    last: int
    changes: int
    rises: int
    advance: float
    intervals: Distribution
    histogram: ValueHistogram
    states: tuple[StateFigures, ...] | None
    transitions: tuple[Transition, ...] | None

    @property
    def is_counter(self) -> bool:
        """Whether it goes one way, but for wraps: then its values are spread evenly and say nothing."""
        turns = min(self.rises, self.changes - self.rises)
        return self.states is None and turns * 100 <= self.changes


@dataclass(frozen=True, slots=True)
class LongInterval:
    """A long time between two rows.

    Attributes:
        t_ns: Time of the row after it, or of the gap's end.
        interval_ns: Time since the row before, or the gap's length.
        cause: The cause of the gap that lies there; empty where no sample is missing.
    """

    t_ns: int
    interval_ns: int
    cause: str


@dataclass(frozen=True, slots=True)
class TraceFigures:
    """A whole trace.

    Attributes:
        rows: The number of rows that were read.
        span_ns: Time from the first row to the last.
        intervals: Times from row to row, in ns, but those in which samples like the row before were counted only.
        held: How many intervals were left out for that.
        longest: The longest of the intervals, longest first.
        latency: Times from the first to the last access of a row, in ns; None where they were not recorded.
        signals: Each signal, by the signal; none without rows.
    """

    rows: int
    span_ns: int
    intervals: Distribution
    held: int
    longest: tuple[LongInterval, ...]
    latency: Distribution | None
    signals: Mapping[Signal, SignalFigures]
