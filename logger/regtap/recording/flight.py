"""The writer of a flight recorder: the ring keeps the newest samples, and only snapshots become parts.

Between snapshots the sampler overwrites its oldest blocks, and the writer reads none of them. Who requests a snapshot
holds the ring at once (core/spool.hpp says how), so that nothing is overwritten while the writer waits for its turn.
Then the open block is sealed, and the wanted blocks become parts, oldest first; each part releases its blocks as soon
as it is durable. Sampling goes on in the other blocks, an eighth of the ring at first, and in released ones; without a
free block samples are dropped, and counted and located as with `--on-full discard`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from regtap.recording.messages import snapshot_fault
from regtap.recording.snapshots import Request, Requests, Snapshot
from regtap.recording.summary import RetainedWindow
from regtap.recording.writer import TURN_NS, Writer
from regtap.spool.overwriting import SPARE, count_ended_before, most_kept, overwritten_gaps
from regtap.trace.metadata import Mark

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from typing import Any

    from regtap.spool.block import Block, TickGap
    from regtap.trace.rotation import Rotated
    from regtap.trace.totals import Totals

MARK = "snapshot"


class FlightWriter(Writer):
    """Stores snapshots of the ring on request, and the last one at the end.

    Args:
        shared: Arguments of Writer.
        keep_ns: How much to keep; None: all that the ring holds.
        output: The trace's folder, for messages.

    Attributes:
        snapshots: The snapshots, in order; the last one is taken at the end.
        overwritten: Samples that were overwritten before a snapshot could store them.
    """

    def __init__(self, *shared: Any, keep_ns: int | None, output: str) -> None:
        super().__init__(*shared)
        self._requests = Requests()
        self.snapshots: list[Snapshot] = []
        self.overwritten = 0
        self._keep_ns = keep_ns
        self._output = output
        self._missed = 0  # slots, before the next block to be stored
        self._last_tick = self._timebase.first_ticks  # of the stored rows and gaps

    def request(self, raw_ns: int) -> Future[Snapshot] | None:
        """Request a snapshot; return its future, or None if the capture takes no more snapshots.

        May be called by any thread, and by signal handlers.

        Args:
            raw_ns: The moment of the snapshot, on CLOCK_MONOTONIC_RAW.
        """
        request = Request(raw_ns - self._timebase.start.raw_ns)
        if not self._sampler.running():
            return None
        self._hold()  # before the request, which may be answered at once: a hold after that would be for nobody
        if not self._requests.put(request):
            return None
        if self._requests.waiting():  # again: the writer may have let go in between
            self._hold()
        return request.done

    def _hold(self) -> tuple[int, int]:
        """Hold the ring but for an eighth, which sampling goes on in; where it is held, it stays as it is.

        Returns:
            The first block that is held, and the one after the last that is sealed.
        """
        return self._sampler.hold_newest(most_kept(self._ring.block_count))

    def _let_go(self) -> None:
        """Let the sampler overwrite its oldest blocks again, unless somebody waits for a snapshot of them."""
        if self._requests.waiting():
            return
        self._sampler.end_hold()
        if self._requests.waiting() and self._sampler.running():
            self._hold()  # for a request that came in between: its hold may have ended with the old one

    def kept(self, taken: int) -> RetainedWindow:
        """Return the window that the ring retains after `taken` samples; may be called by any thread."""
        oldest = self._ring.oldest()
        if oldest is None:
            return RetainedWindow(0, 0.0, len(self.snapshots))
        before, ticks = oldest
        age_ns = max(1, self._timebase.age_ns(ticks))
        share = 1.0 if self._keep_ns is None else min(1.0, self._keep_ns / age_ns)
        return RetainedWindow(
            round(share * max(0, taken - before)), share * age_ns / 1e9, len(self.snapshots)
        )

    def _turn(self) -> bool:
        if not self._sampler.running() and not self._requests.waiting():
            return False
        self._timebase.keep_up()
        request = self._requests.get(TURN_NS / 1e9)
        if request is None:
            self._let_go()  # of what was held for a request that was cancelled, or not made
        else:
            self._answer(request)
        return True

    def _answer(self, request: Request) -> None:
        self._hold()  # at once: its own may have been ended, and it takes a while to seal the open block
        try:
            self.stored.add_own_mark(Mark(request.t_ns, MARK))
            snapshot = self._take_snapshot(request.t_ns)
        except OSError as error:
            request.done.set_exception(snapshot_fault(self._output, error))
            raise
        except BaseException as error:
            request.done.set_exception(error)
            raise
        request.done.set_result(snapshot)

    def _take_snapshot(self, t_ns: int) -> Snapshot:
        self._sampler.seal()
        snapshot = self._store(t_ns, self._hold())
        self._close_part(None)
        self._wait_for_closer()
        self._let_go()
        return snapshot

    def _finish(self, totals: Callable[[int, Rotated | None], Totals]) -> None:
        last = self._store(None, self._sampler.hold_newest(self._ring.block_count))
        super()._finish(totals)
        self._requests.close(last)

    def _abandon(self) -> None:
        super()._abandon()
        self._requests.close(snapshot_fault(self._output))

    def _store(self, t_ns: int | None, held: tuple[int, int]) -> Snapshot:
        """Write the window before a moment (None: the last sample); the last part stays open.

        Args:
            t_ns: The moment, in ns of the trace.
            held: The first block that is held, and the one after the last.
        """
        first, sealed = held
        self._timebase.advance()  # after the last of their ticks
        blocks = [self._ring.block(sequence) for sequence in range(first, sealed)]
        ends_ns = [self._timebase.to_ns(block.last_tick) for block in blocks]
        cutoff_ns = self._cutoff_ns(ends_ns[-1] if t_ns is None and blocks else t_ns)
        skipped = count_ended_before(ends_ns, cutoff_ns)
        self._sampler.release(first + skipped)
        snapshot = self._write_all(blocks[skipped:], first + skipped, None if skipped else cutoff_ns)
        self.snapshots.append(snapshot)
        return snapshot

    def _cutoff_ns(self, t_ns: int | None) -> int | None:
        return None if self._keep_ns is None or t_ns is None else t_ns - self._keep_ns

    def _write_all(self, blocks: list[Block], first_block: int, wanted_ns: int | None) -> Snapshot:
        """Write the blocks of a snapshot.

        Args:
            blocks: In order.
            first_block: Sequence number of the first of them.
            wanted_ns: The snapshot was to begin at this time; None: nothing of it was overwritten.
        """
        if not blocks:
            return Snapshot(0, 0, 0, short=False)
        gaps = overwritten_gaps(self._builder.index, self._missed, blocks[0], self._last_tick)
        self._missed, self._last_tick = blocks[-1].missed_after, blocks[-1].last_tick
        snapshot = self._describe(blocks, gaps, wanted_ns)
        blocks[0] = replace(blocks[0], gaps=(*gaps, *blocks[0].gaps))
        step = max(1, self._ring.block_count // SPARE)
        for at in range(0, len(blocks), step):
            self._pending = blocks[at : at + step]
            self._seen = first_block + at + len(self._pending)
            self._write_pending()
            if at + step < len(blocks) and self._part_is_due():
                self._close_part(None)
        return snapshot

    def _describe(self, blocks: list[Block], gaps: tuple[TickGap, ...], wanted_ns: int | None) -> Snapshot:
        self.overwritten += sum(gap.count for gap in gaps if gap.cause == "overwritten")
        filled = [block for block in blocks if block.rows]
        if not filled:
            return Snapshot(0, 0, 0, short=False)
        first, last = int(filled[0].ticks[0]), int(filled[-1].ticks[-1])
        if gaps:
            self._timebase.begin_stretch(first)
        first_ns = self._timebase.to_ns(first)
        short = bool(gaps) and wanted_ns is not None and first_ns > wanted_ns
        return Snapshot(sum(block.rows for block in filled), first_ns, self._timebase.to_ns(last), short)

    def _write_pending(self) -> None:
        while self._pending:
            self._write(self._take_batch())

    def _part_is_due(self) -> bool:
        """Return whether the part is large, or the sampler has used up half of its spare blocks."""
        free = self._ring.block_count - (self._ring.sealed() - self._ring.released())
        needs_room = self._sampler.running() and free <= self._ring.block_count // SPARE // 2
        return needs_room or (self._builder.part is not None and self._builder.part.is_large)
