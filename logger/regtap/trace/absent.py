"""The samples and slots that are absent from a trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.trace.gaps import LOSSES

if TYPE_CHECKING:
    from regtap.trace.reader import Trace


@dataclass(frozen=True, slots=True)
class AbsentCounts:
    """The numbers of samples and slots that are absent from a trace.

    Attributes:
        lost: Samples taken and not stored, in the parts that were given up too; those overwritten as asked are no loss.
        overwritten: Samples that a flight recorder or a trigger was asked not to keep.
        missed: Slots never taken, outside of the parts that were given up.
    """

    lost: int
    overwritten: int
    missed: int


def absent_counts(trace: Trace) -> AbsentCounts:
    """Return the numbers of samples and slots that are absent; without a balance they come from the gaps."""
    totals = trace.totals
    if totals is not None:
        lost = totals.lost - totals.overwritten + totals.rotated_lost
        return AbsentCounts(lost, totals.overwritten, totals.missed)
    counts = {it.cause: it.count for it in trace.gap_summary}
    overwritten = counts.get("overwritten", 0)
    lost = sum(counts.get(cause, 0) for cause in LOSSES) - overwritten
    given_up = 0 if trace.rotated is None else trace.rotated.lost
    return AbsentCounts(lost + given_up, overwritten, counts.get("missed", 0))
