"""Gaps of a trace, and their sums by cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.trace.ranges import Count, TimeNs, Word  # noqa: TC001 - decode() reads the annotations

if TYPE_CHECKING:
    from collections.abc import Iterable

SPOOL_CAUSES = (  # in the order of the native numbers (core/spool.hpp), which begin with "none"
    "full",
    "missed",
    "throttled",
    "fault",
    "writer",
    "overwritten",
    "torn",
    "unchanged",
)
CAUSES = (*SPOOL_CAUSES, "rotated")
LOSSES = ("full", "writer", "overwritten", "torn")  # of samples that were taken


@dataclass(frozen=True, slots=True)
class Gap:
    """A span of a trace without rows, or a pause of the loop; its cause says whether anything was lost.

    Attributes:
        first_index: Index of the first absent sample (`--rate max`) or slot (paced).
        count: The number of absent samples; 0 for `throttled`, when the loop only waited.
        t0_ns: Time of the last event before the gap, in ns since the start of the trace.
        t1_ns: Time at which sampling resumed, for the last time where there are rows inside.
        cause: One of CAUSES; `writer`: samples that were taken, but could not be stored (a damaged block of a
            spool that was recovered); `overwritten`: samples older than what a flight recorder keeps;
            `torn`: samples in which the halves of a 64-bit counter never agreed;
            `unchanged`: samples like the row before, of a capture that stores changes only: their values are known;
            `rotated`: everything in the parts that a trace has given up, rows and gaps alike.
        rows: Rows that are stored inside the gap. Where missed slots come thick, one gap stands for many runs of
            them: of `count + rows` slots from `first_index` on, `count` were missed, and the rows' own times tell
            which were not.
    """

    first_index: Count
    count: Count
    t0_ns: TimeNs
    t1_ns: TimeNs
    cause: Word
    rows: Count = 0

    @property
    def holds(self) -> bool:
        """Whether values are known in it: those of the row before."""
        return self.cause == "unchanged"

    @property
    def absent_ns(self) -> int:
        """Time without samples: its span, less the share of the rows inside."""
        span_ns = self.t1_ns - self.t0_ns
        return span_ns * self.count // (self.count + self.rows) if self.rows else span_ns


@dataclass(frozen=True, slots=True)
class GapSummary:
    """All gaps of one cause.

    Attributes:
        cause: One of CAUSES.
        gaps: The number of gaps.
        count: Samples or slots absent in them.
        longest: The one with the longest time without samples.
        total_ns: These times together.
    """

    cause: str
    gaps: int
    count: int
    longest: Gap
    total_ns: int

    @property
    def holds(self) -> bool:
        """Whether values are known in these gaps: those of the rows before them."""
        return self.longest.holds


def summarise_gaps(gaps: Iterable[Gap]) -> tuple[GapSummary, ...]:
    """Return a summary for each cause of the gaps, in the order of CAUSES."""
    by_cause: dict[str, list[Gap]] = {cause: [] for cause in CAUSES}
    for gap in gaps:
        by_cause.setdefault(gap.cause, []).append(gap)
    return tuple(_summary(cause, found) for cause, found in by_cause.items() if found)


def _summary(cause: str, gaps: list[Gap]) -> GapSummary:
    return GapSummary(
        cause,
        len(gaps),
        sum(gap.count for gap in gaps),
        max(gaps, key=lambda gap: gap.absent_ns),
        sum(gap.absent_ns for gap in gaps),
    )
