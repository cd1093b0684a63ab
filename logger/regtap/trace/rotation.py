"""The parts that a trace gave up at its beginning, to keep only the last ones."""

from __future__ import annotations

from dataclasses import dataclass

from regtap.trace.gaps import LOSSES, Gap
from regtap.trace.ranges import Count, TimeNs, Word  # noqa: TC001 - decode() reads the annotations


@dataclass(frozen=True, slots=True)
class Absent:
    """How many samples or slots were absent for one cause."""

    cause: Word
    count: Count


@dataclass(frozen=True, slots=True)
class Rotated:
    """The parts that a trace has given up, from the first one on.

    Each part says this of all parts before it, so that the last part tells which ones count, whatever became of the
    files of those before: they are removed only once it is durable.

    Attributes:
        parts: How many; the number of the first part that counts.
        rows: Rows in them.
        t1_ns: Time of the last row or gap in them.
        absent: What was absent in them already.
        throttled_ns: Time in them that the loop waited for room.
    """

    parts: Count
    rows: Count
    t1_ns: TimeNs
    absent: tuple[Absent, ...] = ()
    throttled_ns: Count = 0

    def count(self, *causes: str) -> int:
        """Return how many samples or slots were absent for these causes."""
        return sum(it.count for it in self.absent if it.cause in causes)

    @property
    def lost(self) -> int:
        """How many samples were lost in them, and not to be forgotten."""
        return self.count(*LOSSES) - self.count("overwritten")

    @property
    def extent(self) -> int:
        """How many samples or slots they cover: the index at which the first part that counts begins."""
        return self.rows + sum(it.count for it in self.absent)

    @property
    def gap(self) -> Gap:
        """Them all, as a gap at the beginning of the trace."""
        return Gap(0, self.extent, min(0, self.t1_ns), self.t1_ns, "rotated")


NOTHING = Rotated(0, 0, 0)  # of a trace that has given up no part
