"""The balance of a trace, added up from its parts: a capture that was cut off has told nobody."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from regtap.trace.metadata import Totals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.trace.metadata import Gap


class Balance:
    """Rows and gaps, added up.

    Attributes:
        rows: Rows so far.
        counts: Samples or slots absent, by cause.
        throttled_ns: Time that the loop waited for room.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.counts: Counter[str] = Counter()
        self.throttled_ns = 0

    def add(self, rows: int, gaps: Sequence[Gap]) -> None:
        """Add a part's rows and gaps."""
        self.rows += rows
        for gap in gaps:
            self.counts[gap.cause] += gap.count
            self.throttled_ns += gap.t1_ns - gap.t0_ns if gap.cause == "throttled" else 0

    def with_part(self, rows: int, gaps: Sequence[Gap]) -> Balance:
        """Return the same with a part added."""
        whole = Balance()
        whole.rows, whole.counts, whole.throttled_ns = self.rows, self.counts.copy(), self.throttled_ns
        whole.add(rows, gaps)
        return whole

    def totals(self, *, paced: bool) -> Totals:
        """Return what all of it comes to, for a capture that was recovered."""
        missed = self.counts["missed"]
        lost = self.counts.total() - missed
        taken = self.rows + lost
        return Totals(
            ended="recovered",
            due=taken + missed if paced else None,
            taken=taken,
            stored=self.rows,
            lost=lost,
            missed=missed,
            throttled_ns=self.throttled_ns,
            overwritten=self.counts["overwritten"],
        )
