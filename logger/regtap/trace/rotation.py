"""The account of the parts that a trace gave up at its beginning, to keep only the last parts."""

from __future__ import annotations

from dataclasses import dataclass

from regtap.trace.gaps import LOSSES, Gap
from regtap.trace.ranges import Count, TimeNs, Word  # noqa: TC001 - decode() reads the annotations


@dataclass(frozen=True, slots=True)
class Absent:
    """The number of samples or slots that were absent for one cause."""

    cause: Word
    count: Count


@dataclass(frozen=True, slots=True)
class Rotated:
    """The first parts of a trace, which it has given up.

    The metadata of each part has this account of all parts before it. So the last part tells which parts count, whether
    the files of the others are removed already or not: a file is removed only once the next part is durable.

    Attributes:
        parts: The number of parts; also the number of the first part that counts.
        rows: Rows in the parts.
        t1_ns: Time of the last row or gap in the parts.
        absent: Samples and slots that were absent in the parts already, by cause.
        throttled_ns: Time that the loop waited for room, within the parts.
    """

    parts: Count
    rows: Count
    t1_ns: TimeNs
    absent: tuple[Absent, ...] = ()
    throttled_ns: Count = 0

    def count(self, *causes: str) -> int:
        """Return the number of samples or slots that were absent for some causes."""
        return sum(it.count for it in self.absent if it.cause in causes)

    @property
    def lost(self) -> int:
        """The number of samples that were lost in the parts; samples overwritten as asked are no loss."""
        return self.count(*LOSSES) - self.count("overwritten")

    @property
    def extent(self) -> int:
        """The number of samples or slots in the parts: the index at which the first part that counts begins."""
        return self.rows + sum(it.count for it in self.absent)

    @property
    def gap(self) -> Gap:
        """All given-up parts as one gap at the beginning of the trace."""
        return Gap(0, self.extent, min(0, self.t1_ns), self.t1_ns, "rotated")


NOTHING = Rotated(0, 0, 0)  # of a trace that has given up no part
