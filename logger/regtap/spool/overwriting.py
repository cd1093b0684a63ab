"""Snapshots of a ring that overwrites its oldest blocks: which blocks to store, and the gap before them."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from regtap import _native
from regtap.spool.block import TickGap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.spool.block import Block

SPARE = _native.SPARE_SHARE  # one block of so many takes what comes while the others are stored


def most_kept(block_count: int) -> int:
    """Return the largest number of blocks in a snapshot that is stored while sampling goes on.

    The other blocks of the ring are enough for a sampler that found no free block to resume as soon as it gets them
    (Filler::is_roomy).
    """
    return block_count - block_count // SPARE - 1


def too_old(ends_ns: Sequence[int], cutoff_ns: int | None) -> int:
    """Return how many of the oldest blocks ended before `cutoff_ns` (0 if it is None).

    The newest block never counts: a snapshot always stores it, since it says how many samples were overwritten
    before it.

    Args:
        ends_ns: When each block ends, oldest first, in ns.
        cutoff_ns: Blocks that end before this time are left out; None: no block is.
    """
    count = 0 if cutoff_ns is None else bisect_left(ends_ns, cutoff_ns)
    return max(0, min(count, len(ends_ns) - 1))


def overwritten_gaps(index: int, missed: int, block: Block, t0_ticks: int) -> tuple[TickGap, ...]:
    """Return the gaps for overwritten blocks: the one of overwritten samples, then the one of missed slots.

    The number of missed slots among the overwritten samples is known, but not their position.

    Args:
        index: Index after the last stored sample, slot or gap.
        missed: Slots missed before `index`.
        block: The next block to be stored.
        t0_ticks: Tick of the last stored row or gap.
    """
    absent = block.first_index - index
    missed_since = min(max(block.missed_before - missed, 0), absent)
    lost = absent - missed_since
    t1_ticks = max(t0_ticks, block.first_tick)
    gaps = (
        TickGap(index, lost, t0_ticks, t1_ticks, "overwritten"),
        TickGap(index + lost, missed_since, t0_ticks, t1_ticks, "missed"),
    )
    return tuple(gap for gap in gaps if gap.count > 0)
