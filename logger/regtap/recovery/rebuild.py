"""Makes the last parts of an interrupted trace from its spool."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from regtap.parts.builder import ROW_GROUP_ROWS, Beginning, PartBuilder
from regtap.parts.compression import encoder_for
from regtap.recovery.cleanup import half_written_parts
from regtap.recovery.clock import recovered_clock
from regtap.spool.block import DamagedBlockError, TickGap
from regtap.spool.overwriting import overwritten_gaps
from regtap.trace.totals import Balance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.recovery.plan import RecoveryPlan
    from regtap.spool.block import Block, BlockHead, Overflow
    from regtap.spool.reader import SpoolReader
    from regtap.trace.totals import Totals


class Rebuild:
    """Stores the rest of a trace, once.

    Args:
        spool: Open and locked; stays the caller's.
        plan: Made by plan_recovery() for this spool.
        folder_fd: The trace's folder, open; stays the caller's.

    Attributes:
        dropped: One line for each block or count that could not be used.
        rows: Rows added.
        parts: Parts added.
    """

    def __init__(self, spool: SpoolReader, plan: RecoveryPlan, folder_fd: int) -> None:
        self.rows = 0
        self.parts = 0
        self.dropped = list(plan.dropped)
        self._spool = spool
        self._plan = plan
        self._folder_fd = folder_fd
        self._balance = Balance()
        self._balance.begin(plan.rotated)
        for part in plan.finished:
            self._balance.add(part.rows, part.metadata.gaps)
        self._index = plan.index
        self._next_block = plan.first_block
        self._clock, self._range = recovered_clock(plan.template, plan.finished, plan.heads, plan.last_tick)
        self._tick = self._range.first  # of the last row or gap so far
        number = plan.finished[-1].metadata.part + 1 if plan.finished else 0
        beginning = Beginning(number, plan.index, plan.rotated)
        self._builder = PartBuilder(folder_fd, plan.template, self._clock, encoder_for("none"), beginning)
        self._pending: list[Block] = []

    def run(self) -> Totals:
        """Store all usable blocks and gaps; return the balance of the whole trace.

        Raises:
            OSError: The disk refused.
        """
        _remove_temporaries(self._folder_fd)
        end = self._index
        for head in self._plan.heads:
            block = self._read(head)
            if block is not None:
                self._put(block, head)
            end = head.end
        self._flush()
        self._finish_gaps(end)
        totals = self._totals()
        self._close(totals)
        return totals

    @property
    def is_incomplete(self) -> bool:
        """Whether the trace has gaps for samples that were taken and could not be recovered."""
        return self._balance.counts["writer"] > 0

    def remove_half_written(self) -> None:
        """Remove half-written parts; after a complete run there are none."""
        if self._builder.part is not None:
            self._builder.part.file.abandon()
        with contextlib.suppress(OSError):
            _remove_temporaries(self._folder_fd)

    def _read(self, head: BlockHead) -> Block | None:
        try:
            block = self._spool.block(head)
            if (
                block.rows
                and not self._tick <= int(block.ticks[0]) <= int(block.ticks[-1]) <= self._range.last
            ):
                raise DamagedBlockError("its times do not follow from those before it")
        except DamagedBlockError as error:
            self.dropped.append(f"block {head.sequence}: {error}")
            return None
        return block

    def _put(self, block: Block, head: BlockHead) -> None:
        if block.first_index > self._index:
            block = replace(block, gaps=(*self._gaps_before(block, head), *block.gaps))
        if block.rows:
            self._tick = int(block.ticks[-1])
        self._index = head.end
        if sum(waiting.rows for waiting in self._pending) + block.rows > ROW_GROUP_ROWS:
            self._flush()
        self._pending.append(block)
        self._next_block = head.sequence + 1

    def _gaps_before(self, block: Block, head: BlockHead) -> tuple[TickGap, ...]:
        if head.sequence == self._plan.oldest:
            t0_ticks = self._clock.to_ticks(self._clock.last_ns)
            return overwritten_gaps(self._index, self._balance.in_all("missed"), block, t0_ticks)
        return (self._absent(block.first_index, block.first_tick),)

    def _absent(self, first_index: int, tick: int) -> TickGap:
        """Return the gap from the current index to `first_index`, of samples that no block and no part has."""
        # After a stretch whose last block was given back whole, the ring may hold nothing but dropped samples.
        given_up = self._plan.template.mode.overwrites and not self._plan.heads and not self.dropped
        cause = "overwritten" if given_up else "writer"
        return TickGap(self._index, first_index - self._index, self._tick, max(tick, self._tick), cause)

    def _flush(self) -> None:
        if not self._pending:
            return
        blocks, self._pending = self._pending, []
        self._begin()
        self._builder.add(blocks)
        part = self._builder.part
        if part is not None and part.is_large:
            self._close(None)

    def _begin(self) -> None:
        if self._builder.part is None:
            self._builder.begin(self._next_block)

    def _close(self, totals: Totals | None) -> None:
        self._begin()
        marks = () if totals is None else self._plan.marks
        part, metadata = self._builder.take(marks, totals, self._next_block)
        self._balance.add(part.file.rows, metadata.gaps)
        part.file.finish(metadata)
        self.rows += part.file.rows
        self.parts += 1

    def _finish_gaps(self, end: int) -> None:
        """Add the gaps after the last block: samples of unusable last blocks, and samples that the capture dropped."""
        gaps = list(self._left_gaps())
        first_index = max(end, gaps[0].first_index) if gaps else end
        if first_index > self._index:
            gaps.insert(0, self._absent(first_index, gaps[0].t0_ticks if gaps else self._tick))
        if gaps:
            self._begin()
            self._builder.add_gaps(gaps)
            self._index += sum(gap.count for gap in gaps)

    def _left_gaps(self) -> list[TickGap]:
        overflow = self._plan.overflow
        if overflow is None:
            return []
        gaps = overflow.gaps
        # When storing resumes the table moves into the new block, and is emptied after that.
        heads = self._plan.heads
        if heads and gaps and heads[-1].gaps[: len(gaps)] == gaps:
            gaps = ()
        left = _one_after_the_other([*gaps, *self._open_gap(overflow, gaps)])
        if left and left[0].first_index < self._index:
            self.dropped.append("the gaps at the end: they do not follow from the blocks before them")
            return []
        return left

    def _open_gap(self, overflow: Overflow, gaps: Sequence[TickGap]) -> list[TickGap]:
        gap = overflow.open_gap
        if gap is None:
            return []
        # All that was ever dropped is counted; what no other gap has is in this one. That holds in the middle of
        # a change of the table too, but not if a block is missing.
        open_part = self._builder.part.gaps if self._builder.part is not None else ()
        noted = self._plan.uncounted + self._balance.in_all("full")
        noted += sum(g.count for g in (*open_part, *gaps) if g.cause == "full")
        count = overflow.dropped - noted
        if self.dropped or not 0 <= count <= gap.count:
            count = gap.count
        return [replace(gap, count=count)] if count else []

    def _totals(self) -> Totals:
        balance = self._balance
        part = self._builder.part
        if part is not None:
            balance = balance.with_part(part.file.rows, part.gaps)
        return balance.totals(paced=self._plan.template.mode.rate_hz is not None)


def _one_after_the_other(gaps: list[TickGap]) -> list[TickGap]:
    """Return gaps that follow each other without rows between them, each at the end of the one before.

    A kill may come while the sampler moves them (Filler::note_gap), and leave indices that overlap.
    """
    laid: list[TickGap] = []
    for gap in gaps:
        at = laid[-1].first_index + laid[-1].count if laid else gap.first_index
        laid.append(replace(gap, first_index=at))
    return laid


def _remove_temporaries(folder_fd: int) -> None:
    for name in half_written_parts(folder_fd):
        os.unlink(name, dir_fd=folder_fd)
