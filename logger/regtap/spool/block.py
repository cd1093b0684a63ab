"""Blocks of a spool: their rows and gaps, and the checked headers of blocks left behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.trace.gaps import SPOOL_CAUSES

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
    """Rows and gaps of a block. Arrays of a live spool are views, valid until the block is released.

    Attributes:
        first_index: Index of its first sample, slot or gap.
        ticks: Shape (rows,).
        columns: One array of shape (rows,) for each register.
        latency: Shape (rows,) in ticks; None where no latency is recorded.
        gaps: Gaps, in the order of their indices.
        missed_before: Slots missed before first_index, in the whole capture.
        opened_ticks: When a live spool's block was opened: no row before it is later.
    """

    first_index: int
    ticks: npt.NDArray[np.uint64]
    columns: tuple[npt.NDArray[np.unsignedinteger], ...]
    latency: npt.NDArray[np.uint32] | None
    gaps: tuple[TickGap, ...]
    missed_before: int = 0
    opened_ticks: int = 0

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.ticks)

    @property
    def first_tick(self) -> int:
        """The earliest tick of a row or a gap; a sealed block has at least one of them."""
        ticks = [int(self.ticks[0])] if self.rows else []
        return min(ticks + [gap.t0_ticks for gap in self.gaps[:1]])

    @property
    def last_tick(self) -> int:
        """The latest tick of a row or a gap."""
        ticks = [int(self.ticks[-1])] if self.rows else []
        return max(ticks + [gap.t1_ticks for gap in self.gaps[-1:]])

    @property
    def end(self) -> int:
        """Index after its last sample, slot or gap."""
        return self.first_index + self.rows + sum(gap.count for gap in self.gaps)

    @property
    def missed_after(self) -> int:
        """Slots missed before the end of the block, in the whole capture."""
        return self.missed_before + sum(gap.count for gap in self.gaps if gap.cause == "missed")


def tick_gaps(table: npt.NDArray[np.void], first_index: int, rows: int) -> tuple[TickGap, ...]:
    """Return the gaps of a block.

    The number of rows inside a gap is limited to the rows that the block has: in the last gap of a block whose
    capture was killed, the table may count one row more (Filler::join_missed).

    Args:
        table: The block's gap table (shape (gaps,), GAP); every cause in it is a known one.
        first_index: Index of the block's first sample, slot or gap.
        rows: Rows of the block.
    """
    gaps = []
    absent = 0
    for first, count, t0_ticks, t1_ticks, cause, inside in table.tolist():
        left = rows - (first - first_index - absent)  # rows after its beginning
        name = SPOOL_CAUSES[cause - 1]
        gaps.append(TickGap(first, count, t0_ticks, t1_ticks, name, max(0, min(inside, left))))
        absent += count
    return tuple(gaps)


class DamagedBlockError(Exception):
    """A block contradicts its spool; the text says in which way."""


@dataclass(frozen=True, slots=True)
class BlockHead:
    """The header of a block and its gaps, checked against the bounds of the spool.

    Attributes:
        sequence: Sequence number of the block.
        first_index: Index of the block's first sample, slot or gap.
        rows: Completed rows.
        gaps: Gaps, in the order of their indices.
        anchor: (ticks, MONOTONIC_RAW in ns, REALTIME in ns, uncertainty in ticks) when the block was opened.
        missed_before: Slots missed before first_index, in the whole capture; not checked.
        dropped_before: Samples dropped before first_index because no block was free; not checked.
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
        """Whether the block has neither rows nor gaps."""
        return not self.rows and not self.gaps

    @property
    def end(self) -> int:
        """Index after the last sample, slot or gap of the block."""
        return self.first_index + self.rows + sum(gap.count for gap in self.gaps)


@dataclass(frozen=True, slots=True)
class Overflow:
    """The overflow block: samples dropped because no block was free.

    Attributes:
        dropped: Samples dropped in the whole capture.
        gaps: Gaps that no block has taken over.
        open_gap: The gap that was still growing when the capture was killed; None: there was none.
        last_tick: Tick of the last dropped sample; 0: there is none.
    """

    dropped: int
    gaps: tuple[TickGap, ...]
    open_gap: TickGap | None
    last_tick: int
