"""A ring that overwrites its oldest blocks: what of it a snapshot keeps."""

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
    """Return how many blocks of a ring a snapshot takes at most while sampling goes on.

    The others are enough for the sampler to resume at once, if it found no free block before they were given up.
    """
    return block_count - block_count // SPARE - 1


def too_old(ends_ns: Sequence[int], cutoff_ns: int | None) -> int:
    """Return how many blocks a snapshot leaves out, given when they end, oldest first; None: there is no cutoff.

    The newest one is always stored: it says how many samples were overwritten before it.
    """
    count = 0 if cutoff_ns is None else bisect_left(ends_ns, cutoff_ns)
    return max(0, min(count, len(ends_ns) - 1))


def overwritten_gaps(index: int, missed: int, block: Block, t0_ticks: int) -> tuple[TickGap, ...]:
    """Return what lies before a block, where all that did was overwritten; empty if nothing did.

    Where the missed slots among it lay is not known any more, only how many there were: they come last.

    Args:
        index: Index after the last sample, slot or gap that is stored.
        missed: Slots missed before `index`.
        block: The first one that is stored next.
        t0_ticks: Tick of the last row or gap that is stored.
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
