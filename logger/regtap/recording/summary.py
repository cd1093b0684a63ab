"""Status and summary of a capture, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regtap.clock.live import Timebase
    from regtap.errors import FaultError
    from regtap.journal.stats import Durability
    from regtap.recording.pace import Pace
    from regtap.recording.snapshots import Snapshot
    from regtap.recording.stretches import Caught
    from regtap.sampling import sampler
    from regtap.sampling.sampler import Progress
    from regtap.trace.metadata import ClockInfo
    from regtap.trace.totals import Totals


class NothingRecordedWarning(UserWarning):
    """The warning of a capture whose `with` block ended without a row in the trace."""


@dataclass(frozen=True, slots=True)
class RetainedWindow:
    """The window that a flight recorder retains at a moment, approximately.

    Attributes:
        samples: Samples that a snapshot would store.
        span_s: Time from the oldest of these samples until now.
        snapshots: Snapshots so far.
    """

    samples: int
    span_s: float
    snapshots: int


@dataclass(frozen=True, slots=True)
class Status:
    """A look at a running capture.

    Attributes:
        elapsed_s: Seconds since its start.
        taken: Samples taken.
        stored: Rows in finished parts, on disk for good, without those that were given up.
        waiting: Rows in the spool and in no finished part yet; after a kill `recover` stores them.
        lost: Samples taken and dropped.
        missed: Slots never taken.
        spool_fill: Share of the ring in use, 0 to 1.
        kept: The window that a flight recorder retains, else None.
        caught: The result of a trigger, else None.
    """

    elapsed_s: float
    taken: int
    stored: int
    waiting: int
    lost: int
    missed: int
    spool_fill: float
    kept: RetainedWindow | None = None
    caught: Caught | None = None


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late the slots of a paced capture were taken.

    Attributes:
        slots: Slots taken.
        sum_ns: Their delays together.
        longest_ns: The longest delay.
    """

    slots: int
    sum_ns: int
    longest_ns: int

    @classmethod
    def of(cls, progress: Progress, timebase: Timebase) -> Lateness:
        """Return the lateness in the loop's progress, in ns."""
        sum_ns, longest_ns = map(timebase.in_ns, (progress.late_sum_ticks, progress.late_longest_ticks))
        return cls(progress.late_slots, sum_ns, longest_ns)

    @property
    def mean_ns(self) -> float:
        """Mean delay in ns."""
        return self.sum_ns / self.slots if self.slots else 0.0


@dataclass(frozen=True, slots=True)
class Disturbances:
    """Disturbances of the sampling thread between its first sample and its last, counted by the kernel.

    Attributes:
        page_faults: Accesses that had to wait for a page of memory; 0 unless something else takes pages away.
        sleeps: Turns of the CPU that it gave up: while it waited for a slot, or for room.
        preemptions: Turns that were taken away from it.
    """

    page_faults: int
    sleeps: int
    preemptions: int

    @classmethod
    def of(cls, counted: sampler.Disturbances) -> Disturbances:
        """Return the counts of the native loop."""
        return cls(counted.minor_faults + counted.major_faults, counted.sleeps, counted.preemptions)


@dataclass(frozen=True, slots=True)
class Summary:
    """The end of a capture.

    Attributes:
        output: The trace's folder.
        totals: The balance.
        span_ns: From the first to the last row.
        parts: Finished parts, without those that were removed.
        bytes: Their size.
        clock: The clock over the last part.
        pauses: The number of times that the loop waited for room.
        longest_hole_ns: Longest time between two neighbouring rows.
        lateness: Delays of the slots of a paced capture.
        pace: The time of the loop.
        disturbances: Disturbances of the sampling thread.
        fault: The fault that ended the capture; None: there was none.
        spool: Path of the spool or the journal with samples that could not be stored; None: there are none.
        warnings: Warnings for the user, a line each.
        durability: Statistics of the journal; None: the capture has none.
        snapshots: Snapshots of a flight recorder, the last one taken at the end; else None.
        removed_parts: Parts that were given up, as the options asked.
        caught: The result of a trigger, else None.
    """

    output: str
    totals: Totals
    span_ns: int
    parts: int
    bytes: int
    clock: ClockInfo
    pauses: int
    longest_hole_ns: int
    lateness: Lateness
    pace: Pace
    disturbances: Disturbances
    fault: FaultError | None
    spool: str | None
    warnings: tuple[str, ...]
    durability: Durability | None = None
    snapshots: tuple[Snapshot, ...] | None = None
    removed_parts: int = 0
    caught: Caught | None = None

    @property
    def rate_hz(self) -> float | None:
        """Samples a second between the first and the last row; None: there are fewer than two."""
        return (
            (self.totals.taken - 1) * 1e9 / self.span_ns if self.span_ns and self.totals.taken > 1 else None
        )

    @property
    def paused_share(self) -> float:
        """Share of the loop's time spent in waiting for room, 0 to 1."""
        return self.pace.paused_share(self.totals.throttled_ns)

    @property
    def missed_share(self) -> float:
        """Share of missed slots, 0 to 1; 0 at full rate."""
        return self.totals.missed / self.totals.due if self.totals.due else 0.0

    @property
    def lossless(self) -> bool:
        """Whether all taken samples were stored, or were overwritten as a flight recorder is asked to."""
        totals = self.totals
        return totals.lost == totals.overwritten and not totals.unaccounted and not totals.rotated_lost

    @property
    def short(self) -> bool:
        """Whether a flight recorder, or a trigger, kept less than it was asked to."""
        stretches = () if self.caught is None else self.caught.stretches
        return any(snapshot.short for snapshot in self.snapshots or ()) or any(it.short for it in stretches)

    @property
    def caught_nothing(self) -> bool:
        """Whether a capture with a trigger ended by its duration or its number of samples, without a hit."""
        return (
            self.caught is not None and not self.caught.hits and self.totals.ended in ("duration", "samples")
        )

    @property
    def clean(self) -> bool:
        """Whether the capture gives no reason for an exit code of 1 or 4."""
        return (
            self.lossless
            and not self.short
            and not self.caught_nothing
            and self.fault is None
            and self.spool is None
            and self.totals.ended != "full"
        )
