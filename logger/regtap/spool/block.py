"""What the blocks of a spool that was left behind say, once it has been checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.trace.gaps import CAUSES

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class TickGap:
    """A gap with its times still in ticks; see trace.gaps.Gap."""

    first_index: int
    count: int
    t0_ticks: int
    t1_ticks: int
    cause: str
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """What a block holds; a live spool's arrays are views, valid until the block is released.

    Attributes:
        first_index: Index of its first sample, slot or gap.
        ticks: Shape (rows,).
        columns: One array of shape (rows,) for each register.
        latency: Shape (rows,) in ticks, or None.
        gaps: Its gaps, in order.
        missed_before: Slots missed before first_index, in the whole capture.
    """

    first_index: int
    ticks: npt.NDArray[np.uint64]
    columns: tuple[npt.NDArray[np.unsignedinteger], ...]
    latency: npt.NDArray[np.uint32] | None
    gaps: tuple[TickGap, ...]
    missed_before: int = 0

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return len(self.ticks)

    @property
    def first_tick(self) -> int:
        """Earliest tick in it, of a row or a gap; a block that was handed over has one or the other."""
        ticks = [int(self.ticks[0])] if self.rows else []
        return min(ticks + [gap.t0_ticks for gap in self.gaps[:1]])

    @property
    def last_tick(self) -> int:
        """Latest tick in it."""
        ticks = [int(self.ticks[-1])] if self.rows else []
        return max(ticks + [gap.t1_ticks for gap in self.gaps[-1:]])

    @property
    def missed_after(self) -> int:
        """Slots missed up to its end, in the whole capture."""
        return self.missed_before + sum(gap.count for gap in self.gaps if gap.cause == "missed")


def tick_gaps(table: npt.NDArray[np.void], first_index: int, rows: int) -> tuple[TickGap, ...]:
    """Return the entries of a block's gap table; their causes must be known ones.

    No gap reaches beyond the block's rows: the last one of a block that was cut off may say so
    (Filler::join_missed).

    Args:
        table: Shape (gaps,), of GAP.
        first_index: Of the block.
        rows: That it has.
    """
    gaps = []
    absent = 0
    for first, count, t0_ticks, t1_ticks, cause, inside in table.tolist():
        left = rows - (first - first_index - absent)  # rows after its beginning
        name = CAUSES[cause - 1]  # the native numbers begin with "none"
        gaps.append(TickGap(first, count, t0_ticks, t1_ticks, name, max(0, min(inside, left))))
        absent += count
    return tuple(gaps)


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
