"""What the gaps of a trace come to, cause by cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.trace_format import CAUSES, Gap

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class GapSummary:
    """All gaps of one cause.

    Attributes:
        cause: One of CAUSES.
        gaps: How many there are.
        count: Samples or slots absent in them.
        longest: The one with the longest time without samples.
        total_ns: These times together.
    """

    cause: str
    gaps: int
    count: int
    longest: Gap
    total_ns: int


def summarise_gaps(gaps: Iterable[Gap]) -> tuple[GapSummary, ...]:
    """Return one summary for each cause that occurs, in the order of CAUSES."""
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
