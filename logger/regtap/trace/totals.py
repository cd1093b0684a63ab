"""The balance of a trace; for an interrupted capture it is the sum over the parts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.trace.gaps import LOSSES
from regtap.trace.ranges import Count, Word  # noqa: TC001 - decode() reads the annotations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.trace.gaps import Gap
    from regtap.trace.rotation import Rotated


@dataclass(frozen=True, slots=True)
class Totals:
    """The balance of a whole capture, in its last part only.

    At `--rate max`: `taken == stored + unchanged + lost + rotated`; paced: `due` is that and `missed`.

    Attributes:
        ended: Why it ended: `duration`, `samples`, `stopped`, `full`, `fault` or `writer`; `recovered`: it was cut
            off, by a kill or by a disk that refused, and completed from its spool by `regtap recover`.
        due: Slots due (paced), or None at `--rate max`.
        taken: Samples that the loop took.
        stored: Rows of the trace.
        lost: Samples taken and not stored, outside of the parts that were given up.
        missed: Slots never taken, outside of them too.
        throttled_ns: Time that the loop waited for room.
        overwritten: Of the lost samples, those that a flight recorder has overwritten.
        rotated: Everything in the parts that were given up: rows, and samples and slots that were absent there.
        rotated_lost: Of the rotated ones, samples that were lost there, and not to be forgotten.
        unchanged: Samples taken and like the row before, which a capture that stores changes only counts.
        torn: Of the lost ones, those in which the halves of a 64-bit counter never agreed.
        accesses: Loads of all registers in all samples taken, where these are not one each (there are pairs); None
            where they are, and where nobody knows (after a recovery).
    """

    ended: Word
    due: Count | None
    taken: Count
    stored: Count
    lost: Count
    missed: Count
    throttled_ns: Count = 0
    overwritten: Count = 0
    rotated: Count = 0
    rotated_lost: Count = 0
    unchanged: Count = 0
    torn: Count = 0
    accesses: Count | None = None

    @property
    def balanced(self) -> bool:
        """Whether the conservation rule holds, exactly."""
        if self.due is None:
            return self.taken == self.stored + self.unchanged + self.lost + self.rotated
        return self.due == self.stored + self.unchanged + self.lost + self.missed + self.rotated

    def line(self, rest: str = "") -> str:
        """Return the conservation rule with its numbers, such as `taken 12 = stored 10 + lost 2`.

        Args:
            rest: What became of samples that are neither stored nor lost, such as `unwritten`; empty where there
                are none.
        """
        whole = f"taken {self.taken:,}" if self.due is None else f"due {self.due:,}"
        details = {"overwritten": self.overwritten, "torn": self.torn}
        named = ", ".join(f"{count:,} {what}" for what, count in details.items() if count)
        missed = "" if self.due is None else f" + missed {self.missed:,}"
        rotated = f" + rotated {self.rotated:,}" if self.rotated else ""
        kept = f" + {self.unaccounted:,} {rest}" if rest else ""
        lost = f"{self.lost:,} ({named})" if named else f"{self.lost:,}"
        unchanged = f" + unchanged {self.unchanged:,}" if self.unchanged else ""
        return f"{whole} = stored {self.stored:,}{unchanged} + lost {lost}{missed}{rotated}{kept}"

    @property
    def unaccounted(self) -> int:
        """Samples that are neither stored nor lost."""
        whole = self.taken if self.due is None else self.due - self.missed
        return whole - self.stored - self.unchanged - self.lost - self.rotated


class Balance:
    """Rows and gaps, added up.

    Attributes:
        rows: Rows so far.
        counts: Samples or slots absent, by cause.
        rotated: What the trace has given up; None: nothing.
        throttled_ns: Time that the loop waited for room.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.counts: Counter[str] = Counter()
        self.rotated: Rotated | None = None
        self.throttled_ns = 0

    def add(self, rows: int, gaps: Sequence[Gap]) -> None:
        """Add a part's rows and gaps."""
        self.rows += rows
        for gap in gaps:
            self.counts[gap.cause] += gap.count
            self.throttled_ns += gap.t1_ns - gap.t0_ns if gap.cause == "throttled" else 0

    def begin(self, rotated: Rotated | None) -> None:
        """Add what was given up before the first part that counts."""
        self.rotated = rotated
        if rotated is not None:
            self.counts["rotated"] = rotated.extent
            self.throttled_ns = rotated.throttled_ns

    def in_all(self, cause: str) -> int:
        """Return how many were absent for a cause, in what was given up too."""
        return self.counts[cause] + (0 if self.rotated is None else self.rotated.count(cause))

    def with_part(self, rows: int, gaps: Sequence[Gap]) -> Balance:
        """Return the same with a part added."""
        whole = Balance()
        whole.rows, whole.counts, whole.throttled_ns = self.rows, self.counts.copy(), self.throttled_ns
        whole.rotated = self.rotated
        whole.add(rows, gaps)
        return whole

    def totals(self, *, paced: bool) -> Totals:
        """Return the totals of a recovered capture."""
        missed, rotated, unchanged = (self.counts[cause] for cause in ("missed", "rotated", "unchanged"))
        whole = self.rows + self.counts.total()
        return Totals(
            ended="recovered",
            due=whole if paced else None,
            taken=whole - self.in_all("missed"),
            stored=self.rows,
            lost=sum(self.counts[cause] for cause in LOSSES),
            missed=missed,
            throttled_ns=self.throttled_ns,
            overwritten=self.counts["overwritten"],
            rotated=rotated,
            rotated_lost=0 if self.rotated is None else self.rotated.lost,
            torn=self.counts["torn"],
            unchanged=unchanged,
        )
