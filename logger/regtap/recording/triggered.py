"""The writer of a capture with a trigger: the ring keeps the newest samples, and stretches around hits become parts.

The native loop judges every row, opens a stretch at a hit and ends it (core/stretches.hpp); from a hit on it
overwrites nothing that belongs to the stretch, until that is settled here. A stretch ends with a block, and begins
within one: rows older than the pre-trigger are left out. What comes while the ring is full of what is to be stored
follows `on_full`.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from regtap.recording.stretches import Caught, Stretch
from regtap.recording.writer import TURN_NS, Writer
from regtap.spool.overwriting import most_kept, overwritten_gaps, rest_gaps, since
from regtap.trace.metadata import Mark, trigger_mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from regtap.recording.trigger_options import TriggerOptions
    from regtap.recording.trigger_program import TriggerProgram
    from regtap.sampling.sampler import StretchEvent
    from regtap.spool.block import Block, TickGap
    from regtap.trace.rotation import Rotated
    from regtap.trace.totals import Totals

_NEVER = 2**64 - 1
_RATE_BLOCKS = 8  # whose mean is the rate: the loop counts by the block
_CLEARLY = 0.9  # short of a pre-trigger: the rate is off by up to a block in eight


@dataclass(slots=True)
class _Open:
    """A stretch while it is being stored.

    Attributes:
        hit: Its first hit.
        cutoff_ticks: Rows before are left out.
        hit_ns: Time of the first hit.
        last_hit_ns: Time of the last hit that is known.
        told: Number of hits that the loop has told one by one.
        end: The event of the stretch's end; None: it has not ended.
        first_row: Number of the stretch's first row among the rows of the trace; None: it has no row yet.
        first_ns: Time of the first row.
        pre_from_ns: Since when the trace has everything before the hit.
        has_all_before: Whether a block was looked at and left out as too old.
        is_short: Whether samples of the pre-trigger were overwritten already.
    """

    hit: StretchEvent
    cutoff_ticks: int
    hit_ns: int
    last_hit_ns: int
    told: int = 0
    end: StretchEvent | None = None
    first_row: int | None = None
    first_ns: int = 0
    pre_from_ns: int = 0
    has_all_before: bool = False
    is_short: bool = False


class TriggeredWriter(Writer):
    """Stores the stretches around hits; arguments are those of Writer, and more.

    Args:
        shared: Arguments of Writer.
        options: The trigger, and how much to store around its hits.
        unchecked_pre_ns: Pre-trigger that the ring may not hold, where the rate was not known before; None: it was
            checked.
        program: Runs at each hit; None: nothing does.

    Attributes:
        overwritten: Samples that no stretch wanted, or that came too early for it.
        notes: What the user should know of the program that is run at hits, once the capture has ended.
    """

    def __init__(
        self,
        *shared: Any,
        options: TriggerOptions,
        unchecked_pre_ns: int | None,
        program: TriggerProgram | None,
    ) -> None:
        super().__init__(*shared)
        self.overwritten = 0
        self._stretches: list[Stretch] = []
        self._hits_before = 0  # of the complete stretches
        self._options = options
        self._program = program
        self.notes: list[str] = []
        self._pre_ticks = self._timebase.in_ticks(options.pre_ns)
        self._events: deque[StretchEvent] = deque()
        self._open: _Open | None = None
        self._unmarked = 0
        self._short_pre_ns: int | None = None
        self._unchecked_pre_ns = unchecked_pre_ns
        self._rate_from: tuple[int, int] | None = None  # samples and time, at the first look
        self._missed = 0  # slots, before the next block to be stored
        self._last_tick = self._timebase.first_ticks  # of the stored rows and gaps
        self._contiguous_from_ns = 0  # the trace has everything from this time up to the last stored row

    def caught(self) -> Caught:
        """Return what came of the trigger so far; for any thread."""
        progress = self._sampler.progress()
        return Caught(
            self._options.expression,
            progress.hits,
            progress.held_off,
            self._unmarked,
            progress.held_at_start,
            progress.stretches,
            tuple(self._stretches),
            self._short_pre_ns,
        )

    def _turn(self) -> bool:
        ended = not self._sampler.running()
        self._timebase.keep_up()
        if self._unchecked_pre_ns is not None:
            self._look_at_rate(self._unchecked_pre_ns)
        if not ended:
            self._sampler.wait_stretch(_NEVER if self._open is None else self._seen, TURN_NS)
        sealed = (
            self._ring.sealed()
        )  # before the events: no block beyond a stretch that has not ended in them
        self._events += self._sampler.take_events()
        if self._closing is not None and self._closing.done():
            self._closing.result()
        while self._store_on(sealed, ended=ended):
            pass
        return not ended

    def _look_at_rate(self, pre_ns: int) -> None:
        """See whether the ring holds the pre-trigger at the rate of its first blocks: a bus has its own."""
        taken, now_ns = self._sampler.progress().taken, time.monotonic_ns()
        if self._rate_from is None:
            self._rate_from = (taken, now_ns) if taken else None
            return
        rows, elapsed_ns = taken - self._rate_from[0], now_ns - self._rate_from[1]
        if rows < _RATE_BLOCKS * self._ring.rows_per_block:
            return
        self._unchecked_pre_ns = None
        holds_ns = most_kept(self._ring.block_count) * self._ring.rows_per_block * elapsed_ns // rows
        if holds_ns < _CLEARLY * pre_ns:
            self._short_pre_ns = holds_ns

    def _store_on(self, sealed: int, *, ended: bool) -> bool:
        """Store what there is of a stretch; return whether it is complete, and another may follow."""
        if self._open is None:
            if not self._events:
                return False
            self._open = self._begin(self._events[0])
        self._hear(self._open)
        self._take_blocks(self._open, sealed if self._open.end is None else self._open.end.sequence)
        is_over = ended or self._open.end is not None
        while self._pending and (is_over or self._worth_a_row_group()):
            self._write(self._take_batch())
            if self._part_is_due():
                self._close_part(None)
        if is_over:
            self._complete(self._open)
        return is_over

    def _begin(self, hit: StretchEvent) -> _Open:
        """Hold the ring, and give back what lies too far before a hit."""
        self._seen, _ = self._sampler.hold(max(self._seen, hit.keep_from))
        self._timebase.advance()  # after the hit's tick
        hit_ns = self._timebase.row_ns(hit.ticks)
        return _Open(hit, max(0, hit.ticks - self._pre_ticks), hit_ns, hit_ns)

    def _hear(self, stretch: _Open) -> None:
        """Take the events of a stretch; those of the next one stay."""
        if self._events:
            self._timebase.advance()
        while self._events and self._events[0].stretch == stretch.hit.stretch:
            event = self._events.popleft()
            if event.is_end:
                stretch.end = event
                return
            stretch.told += 1
            stretch.last_hit_ns = self._timebase.row_ns(event.ticks)
            self._mark(stretch.last_hit_ns)
            if self._program is not None:
                self._program.at_hit(self._hits_before + event.hits, stretch.last_hit_ns)

    def _mark(self, t_ns: int) -> None:
        if not self.stored.add_own_mark(Mark(t_ns, trigger_mark(self._options.expression))):
            self._unmarked += 1

    def _take_blocks(self, stretch: _Open, last: int) -> None:
        while self._seen < last:
            block = self._ring.block(self._seen)
            self._seen += 1
            if stretch.first_row is None:
                self._take_first(stretch, block)
            else:
                self._take(block, ())

    def _take_first(self, stretch: _Open, block: Block) -> None:
        """Take what a block has of the pre-trigger, or give it back if that is nothing."""
        wanted = since(block, stretch.cutoff_ticks)
        if wanted is None:
            stretch.has_all_before = True
            self._sampler.release(self._seen)
            return
        gaps = overwritten_gaps(self._builder.index, self._missed, wanted, self._last_tick)
        self._timebase.advance()
        first_tick = int(wanted.ticks[0])
        stretch.first_row, stretch.first_ns = self._rows_taken(), self._timebase.row_ns(first_tick)
        if gaps or not stretch.first_row:
            self._contiguous_from_ns = stretch.first_ns
        if gaps:
            self._timebase.begin_stretch(first_tick)
        has_all = stretch.has_all_before or wanted.first_index > block.first_index
        stretch.is_short = bool(gaps) and not has_all and block.opened_ticks > stretch.cutoff_ticks
        stretch.pre_from_ns = self._contiguous_from_ns
        self._take(wanted, gaps)

    def _take(self, block: Block, gaps: tuple[TickGap, ...]) -> None:
        self._note_overwritten(gaps)
        self._missed, self._last_tick = block.missed_after, block.last_tick
        self._pending.append(replace(block, gaps=(*gaps, *block.gaps)) if gaps else block)

    def _note_overwritten(self, gaps: tuple[TickGap, ...]) -> None:
        self.overwritten += sum(gap.count for gap in gaps if gap.cause == "overwritten")

    def _rows_taken(self) -> int:
        return self._builder.rows + sum(block.rows for block in self._pending)

    def _complete(self, stretch: _Open) -> None:
        """Close the stretch's part, wait until it is on disk, and let the loop overwrite its blocks again."""
        self._close_part(None)
        self._wait_for_closer()
        self._stretches.append(self._described(stretch))
        self._hits_before += self._stretches[-1].hits
        self._sampler.release(self._seen)  # also where no part was made
        self._sampler.settle(stretch.hit.stretch)
        self._sampler.end_hold()
        self._open = None

    def _described(self, stretch: _Open) -> Stretch:
        hits_so_far = self._sampler.progress().hits
        hits = hits_so_far - self._hits_before if stretch.end is None else stretch.end.hits
        self._unmarked += hits - stretch.told
        rows = 0 if stretch.first_row is None else self._rows_taken() - stretch.first_row
        return Stretch(
            hits=hits,
            hit_ns=stretch.hit_ns,
            last_hit_ns=stretch.last_hit_ns,
            rows=rows,
            first_ns=stretch.first_ns if rows else stretch.hit_ns,
            last_ns=self._timebase.last_ns if rows else stretch.hit_ns,
            pre_ns=max(0, stretch.hit_ns - stretch.pre_from_ns) if rows else 0,
            short=stretch.is_short,
        )

    def _finish(self, totals: Callable[[int, Rotated | None], Totals]) -> None:
        """Account for what came after the last stretch, or too early for one that has no rows."""
        sealed = self._ring.sealed()
        if sealed:
            gaps = rest_gaps(self._builder.index, self._missed, self._ring.block(sealed - 1), self._last_tick)
            self._note_overwritten(gaps)
            self._seen = sealed
            self._timebase.advance()
            self._begin_part([])
            self._builder.add_gaps(gaps)
        super()._finish(totals)
        self._close_program()

    def _abandon(self) -> None:
        super()._abandon()
        self._close_program()

    def _close_program(self) -> None:
        if self._program is not None:
            self.notes += self._program.close()
