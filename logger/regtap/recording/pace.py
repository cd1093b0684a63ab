"""The pace of a capture: kept and missed slots, and the highest rate that its loop can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.units.format import format_duration_ns

if TYPE_CHECKING:
    from regtap.clock.anchored import AnchoredClock
    from regtap.sampling.sampler import Progress

MANY_MISSED = 0.01  # above this share of its slots a capture did not keep its schedule
_LOAD = 0.8  # a rate that takes up more of the loop's time leaves too little for the machine's own pauses
_ENOUGH_ROWS = 100  # a mean over fewer says little


@dataclass(frozen=True, slots=True)
class Pace:
    """The time of the sampling loop.

    Attributes:
        elapsed_ns: From the loop's beginning to its end.
        row_cost_ns: Mean time of a paced row without waiting, measured by this capture; at full rate, the cost of a
            schedule is added. None: too few rows to say.
    """

    elapsed_ns: int
    row_cost_ns: float | None

    @classmethod
    def of(cls, progress: Progress, clock: AnchoredClock, slot_cost_ticks: float) -> Pace:
        """Return the pace of a loop that has ended.

        Args:
            progress: Progress of the loop.
            clock: Turns ticks into ns.
            slot_cost_ticks: The cost of a schedule for each row, added for a loop without one.
        """
        paced = progress.late_slots
        worked = progress.busy_ticks if paced else progress.elapsed_ticks - progress.throttled_ticks
        rows = paced or progress.taken
        if rows < _ENOUGH_ROWS or worked <= 0:
            return cls(clock.in_ns(progress.elapsed_ticks), None)
        row_ticks = worked / rows + (0.0 if paced else slot_cost_ticks)
        return cls(clock.in_ns(progress.elapsed_ticks), clock.in_ns(round(1000 * row_ticks)) / 1000)

    @property
    def holds_hz(self) -> float | None:
        """The highest rate that this loop holds with some time to spare; None: it is not known."""
        return _LOAD * 1e9 / self.row_cost_ns if self.row_cost_ns else None

    def paused_share(self, throttled_ns: int) -> float:
        """Return the share of pauses in the loop's time, 0 to 1, given their sum in ns."""
        return min(1.0, throttled_ns / self.elapsed_ns) if self.elapsed_ns else 0.0


def rate_argument(rate_hz: float) -> str:
    """Return a rate as text for `--rate`, rounded down to two digits, such as `6.9M`."""
    for factor, unit in ((10**6, "M"), (10**3, "k")):
        if rate_hz >= factor:
            tenths = int(10 * rate_hz / factor)
            text = f"{tenths / 10:g}" if tenths < 100 else f"{_two_digits(rate_hz / factor)}"
            return f"{text}{unit}"
    return f"{max(1, _two_digits(rate_hz))}"


def _two_digits(value: float) -> int:
    digits = int(value)
    unit = int(10 ** max(0, len(str(digits)) - 2))
    return digits // unit * unit


def pace_warnings(pace: Pace, rate_hz: float, due: int, missed: int) -> list[str]:
    """Return a warning about a schedule that was not kept, or nothing.

    Args:
        pace: Pace of the capture.
        rate_hz: The rate that was asked for.
        due: Slots due.
        missed: Slots that were not taken.
    """
    if missed <= MANY_MISSED * due:
        return []
    return [
        f"{missed:,} of {due:,} slots were missed ({format_share(missed / due)}): {_remedy(pace, rate_hz)}"
    ]


def format_share(share: float) -> str:
    """Return a share as a percentage, which is 0 or 100 only if the share is exactly 0 or 1."""
    percent = 100 * share
    if 0 < percent < 0.1:
        return "under 0.1 %"
    return "over 99.9 %" if 99.9 < percent < 100 else f"{percent:.1f} %"


def _remedy(pace: Pace, rate_hz: float) -> str:
    holds_hz = pace.holds_hz
    if holds_hz is None or pace.row_cost_ns is None:
        return (
            "too few were taken to say whether this --rate is too high, or the loop was kept from running; choose a "
            "lower one, or see --cpu and --realtime"
        )
    if rate_hz > holds_hz:
        cost = format_duration_ns(round(pace.row_cost_ns))
        return (
            f"a row takes this loop {cost} on average; --rate {rate_argument(holds_hz)} is evenly spaced, "
            "and --rate max takes what can be taken"
        )
    return "the loop is fast enough for this --rate, but was kept from running: see --cpu and --realtime"
