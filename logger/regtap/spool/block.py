"""What the blocks of a spool that was left behind say, once it has been checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regtap.spool.layout import TickGap


class DamagedBlockError(Exception):
    """A block that does not fit its spool; the text says how."""


@dataclass(frozen=True, slots=True)
class BlockHead:
    """What a block says about itself, checked against the spool's bounds.

    Attributes:
        sequence: Its number.
        first_index: Index of its first sample, slot or gap.
        rows: Rows that were completed.
        gaps: Its gaps.
        anchor: (ticks, MONOTONIC_RAW in ns, REALTIME in ns, uncertainty in ticks) when it was opened.
        missed_before: Slots missed before first_index, in the whole capture; not checked.
        dropped_before: Samples dropped before it for want of a block, the same.
    """

    sequence: int
    first_index: int
    rows: int
    gaps: tuple[TickGap, ...]
    anchor: tuple[int, int, int, int]
    missed_before: int
    dropped_before: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing had come into it yet."""
        return not self.rows and not self.gaps

    @property
    def end(self) -> int:
        """Index after its last sample, slot or gap."""
        return self.first_index + self.rows + sum(gap.count for gap in self.gaps)


@dataclass(frozen=True, slots=True)
class Overflow:
    """What was dropped since no block was free.

    Attributes:
        dropped: Samples dropped in the whole capture.
        gaps: Gaps that no block has taken.
        open_gap: The one that was still growing, as far as is known, or None.
        last_tick: Tick of the last dropped sample, 0 if there is none.
    """

    dropped: int
    gaps: tuple[TickGap, ...]
    open_gap: TickGap | None
    last_tick: int
