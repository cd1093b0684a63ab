"""Snapshots of a ring that overwrites its oldest blocks: which blocks to store, and the gap before them."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING

from regtap import _native
from regtap.spool.block import TickGap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.spool.block import Block

SPARE = _native.SPARE_SHARE  # one block in so many takes new samples while the others are stored


def most_kept(block_count: int) -> int:
    """Return the largest number of blocks that are held for a snapshot while sampling goes on.

    The other blocks of the ring are enough for a sampler that found no free block to resume as soon as it gets them
    (Filler::is_roomy).
    """
    return block_count - block_count // SPARE - 1


def count_ended_before(ends_ns: Sequence[int], cutoff_ns: int | None) -> int:
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

    The number of missed slots among the overwritten samples is known, but not their position: each of the two gaps has
    its share of the time.

    Args:
        index: Index after the last stored sample, slot or gap.
        missed: Slots missed before `index`.
        block: The next block to be stored.
        t0_ticks: Tick of the last stored row or gap.
    """
    t1_ticks = max(t0_ticks, block.first_tick)
    return _absent(index, block.first_index - index, block.missed_before - missed, t0_ticks, t1_ticks)


def rest_gaps(index: int, missed: int, last: Block, t0_ticks: int) -> tuple[TickGap, ...]:
    """Return what lies up to the end of the last block, where nothing of that is stored; arguments as above."""
    t1_ticks = max(t0_ticks, last.last_tick)
    return _absent(index, last.end - index, last.missed_after - missed, t0_ticks, t1_ticks)


def _absent(index: int, absent: int, missed: int, t0_ticks: int, t1_ticks: int) -> tuple[TickGap, ...]:
    missed = min(max(missed, 0), absent)
    lost = absent - missed
    between = t1_ticks - (t1_ticks - t0_ticks) * missed // absent if absent else t1_ticks
    gaps = (
        TickGap(index, lost, t0_ticks, between, "overwritten"),
        TickGap(index + lost, missed, between, t1_ticks, "missed"),
    )
    return tuple(gap for gap in gaps if gap.count > 0)


def since(block: Block, tick: int) -> Block | None:
    """Return what a block holds from a tick on, with the gap before its first row; None if no row is so late.

    A gap with rows inside is not cut: then it is held from there on.
    """
    row = bisect_left(block.ticks, tick)
    if row == block.rows:
        return None
    absent = left_out = missed = 0
    for at, gap in enumerate(block.gaps):
        before = gap.first_index - block.first_index - absent  # rows before it
        if before >= row or before + gap.rows > row:
            row = min(row, before)
            break
        absent += gap.count
        missed += gap.count if gap.cause == "missed" else 0
        left_out = at + 1
    return replace(
        block,
        first_index=block.first_index + row + absent,
        ticks=block.ticks[row:],
        columns=tuple(column[row:] for column in block.columns),
        latency=None if block.latency is None else block.latency[row:],
        gaps=block.gaps[left_out:],
        missed_before=block.missed_before + missed,
    )
