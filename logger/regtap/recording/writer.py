"""The writer: takes sealed blocks from the ring, makes parts of them, and releases the blocks.

A block is released only when the part with its rows is durable, so that at any moment every completed sample is in a
finished part or in the spool.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.parts.builder import MOST_ROWS, ROW_GROUP_ROWS
from regtap.spool.mark_log import MOST_MARK_LETTERS, MOST_MARKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from regtap.clock.live import Timebase
    from regtap.parts.builder import OpenPart, PartBuilder
    from regtap.recording.rotation import Rotation
    from regtap.sampling.latch import Latch
    from regtap.sampling.sampler import Sampler
    from regtap.spool.block import Block
    from regtap.spool.mark_log import MarkLog
    from regtap.spool.ring import Ring
    from regtap.trace.metadata import Mark, PartMetadata
    from regtap.trace.rotation import Rotated
    from regtap.trace.totals import Totals

PART_NS = 60 * 10**9  # age of a part's first row or gap at which the part is closed
TURN_NS = 50_000_000  # longest sleep of the writer
# A part is closed at so many marks, or letters in them; where the disk is slow, more of them may wait for it.
PART_MARKS, PART_MARK_LETTERS = 10_000, 1 << 20
# Room in each part that users' marks leave to the recorder's own: of a snapshot, of a device that goes.
OWN_MARKS, OWN_MARK_LETTERS = 1_000, 1 << 16


@dataclass(slots=True)
class Stored:
    """Counts of what the writer has stored; other threads read them for progress.

    Attributes:
        log: Keeps the marks of parts that are not finished, for the case of a kill.
        rows: Rows in finished parts.
        bytes: Size of the finished parts.
        parts: The number of finished parts.
        written: Rows handed to the encoder so far, finished or not.
        marks: Marks not yet in a part; see add_mark.
    """

    log: MarkLog
    rows: int = 0
    bytes: int = 0
    parts: int = 0
    written: int = 0
    marks: list[Mark] = field(default_factory=list)
    _letters: int = 0  # in the marks
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _complete: bool = False

    def add_mark(self, mark: Mark) -> bool:
        """Keep a user's mark for the next part; return False once the last part is closed.

        Raises:
            InputError: More marks wait than users may put into a part.
        """
        with self._lock:
            if self._complete:
                return False
            if not self._has_room(mark, MOST_MARKS - OWN_MARKS, MOST_MARK_LETTERS - OWN_MARK_LETTERS):
                raise InputError(
                    f"cannot set a mark: too many wait to be stored ({len(self.marks):,}); set fewer"
                )
            self._keep(mark)
            return True

    def add_own_mark(self, mark: Mark) -> bool:
        """Keep a mark of the recorder itself; return False where a part holds no more, or the last one is closed."""
        with self._lock:
            if self._complete or not self._has_room(mark, MOST_MARKS, MOST_MARK_LETTERS):
                return False
            self._keep(mark)
            return True

    def _has_room(self, mark: Mark, most: int, most_letters: int) -> bool:
        return len(self.marks) < most and self._letters + len(mark.text) <= most_letters

    def _keep(self, mark: Mark) -> None:
        self.marks.append(mark)
        self._letters += len(mark.text)
        self.log.add(mark)

    @property
    def has_many_marks(self) -> bool:
        """Whether the marks fill a part."""
        return len(self.marks) >= PART_MARKS or self._letters >= PART_MARK_LETTERS

    def take_marks(self, *, last: bool) -> tuple[Mark, ...]:
        """Return the marks for a part; `last`: for the last one."""
        with self._lock:
            marks, self.marks, self._letters = tuple(self.marks), [], 0
            self.log.turn()
            self._complete = last
            return marks


@dataclass(frozen=True, slots=True)
class Making:
    """The objects that make parts and give up old ones.

    Attributes:
        builder: Makes parts.
        marks: Keeps marks until their part is finished.
        rotation: Gives up old parts; None: all are kept.
    """

    builder: PartBuilder
    marks: MarkLog
    rotation: Rotation | None = None


class Writer:
    """Empties a ring into a folder; run() is the writer thread's body.

    Args:
        ring: Filled by `sampler`; stays the caller's.
        sampler: Running.
        timebase: Used by this thread alone from now on.
        making: Makes the parts; used by this thread alone from now on.
        asked: Open once the capture is asked to end.

    Attributes:
        stored: Counts of what is stored.
        rotation: Gives up old parts; None: all are kept.
    """

    def __init__(
        self,
        ring: Ring,
        sampler: Sampler,
        timebase: Timebase,
        making: Making,
        asked: Latch,
    ) -> None:
        self.stored = Stored(making.marks)
        self._ring = ring
        self._sampler = sampler
        self._timebase = timebase
        self._asked = asked
        self._builder = making.builder
        self.rotation = making.rotation
        self._seen = 0  # sealed blocks that this thread knows of
        self._pending: list[Block] = []  # of these, the blocks that the encoder does not have yet
        self._part_tick: int | None = None  # of the open part's first row or gap; None: it has none
        self._group_rows, self._most_rows = _row_group_rows(ring, self.rotation)
        self._closer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="regtap-closer")
        self._closer.submit(int)  # if there can be no such thread, it is to be known now
        self._closing: Future[None] | None = None

    @property
    def rotated(self) -> Rotated | None:
        """The parts that were given up, as the last durable part says; None: no part was."""
        return None if self.rotation is None else self.rotation.stated

    def run(self, totals: Callable[[int, Rotated | None], Totals]) -> None:
        """Write until the sampler has ended and its last block is in a durable part.

        Args:
            totals: Returns the balance for the last part, given the rows stored and what is given up.

        Raises:
            OSError: The disk refused; what is not in finished parts is still in the spool.
        """
        try:
            while self._turn():
                if self._asked.is_open:
                    self._sampler.stop()
            self._finish(totals)
        except BaseException:
            self._abandon()
            raise
        finally:
            self._closer.shutdown()

    def _turn(self) -> bool:
        """Take sealed blocks and write row groups as far as they are due; return False once the sampler has ended."""
        ended = not self._sampler.running()
        sealed = self._sampler.wait_sealed(self._seen, 0 if ended else TURN_NS)
        self._pending += [self._ring.block(sequence) for sequence in range(self._seen, sealed)]
        self._seen = sealed
        if self._closing is not None and self._closing.done():
            self._closing.result()  # a failed close ends the capture now, not at the next part
        while self._pending and (ended or self._worth_a_row_group()):
            self._write(self._take_batch())
            if self._part_is_due():
                self._close_part(None)
        return not ended

    def _worth_a_row_group(self) -> bool:
        if sum(block.rows for block in self._pending) >= self._group_rows:
            return True
        return self._held_blocks() >= self._ring.block_count // 2 or self._part_is_old()

    def _held_blocks(self) -> int:
        """Return the number of blocks that the next finished part releases, in the encoder or before it."""
        consumed = self._seen - len(self._pending)
        return self._seen - (consumed if self._builder.part is None else self._builder.part.first_block)

    def _part_is_old(self) -> bool:
        oldest = self._part_tick
        if oldest is None and self._pending:
            oldest = self._pending[0].first_tick
        return oldest is not None and self._timebase.age_ns(oldest) >= PART_NS

    def _part_is_due(self) -> bool:
        part = self._builder.part
        return part is not None and (
            self._held_blocks() - len(self._pending) >= self._ring.block_count // 2
            or part.is_large
            or self.stored.has_many_marks
            or self._part_is_old()
        )

    def _take_batch(self) -> list[Block]:
        """Take blocks off the pending ones: one at least, and no more than a row group may have."""
        rows = 0
        for taken, block in enumerate(self._pending):
            rows += block.rows
            if taken and rows > self._most_rows:
                break
        else:
            taken = len(self._pending)
        batch, self._pending = self._pending[:taken], self._pending[taken:]
        return batch

    def _write(self, blocks: list[Block]) -> None:
        self._timebase.cover(blocks[-1].last_tick)
        if self._builder.part is None:
            self._begin_part(blocks)
        self._builder.add(blocks)
        self.stored.written = self._builder.rows

    def _begin_part(self, blocks: list[Block]) -> None:
        if blocks:
            self._part_tick = blocks[0].first_tick
            self._timebase.forget_before(self._part_tick)
        first_block = self._seen - len(self._pending) - len(blocks)
        self._builder.begin(first_block)

    def _close_part(self, totals: Callable[[int, Rotated | None], Totals] | None) -> None:
        """Hand the open part to the closing thread, which releases its blocks when it is durable."""
        if self._builder.part is None:
            return
        self._wait_for_closer()
        consumed = self._seen - len(self._pending)
        rotated = self._rotate(self._builder.part)
        balance = None if totals is None else totals(self.stored.written, rotated)  # which may add a mark
        marks = self.stored.take_marks(last=totals is not None)
        part, metadata = self._builder.take(marks, balance, consumed)
        self._part_tick = None
        finish = partial(self._finish_part, part, metadata, consumed, self._timebase.last_ns)
        try:
            self._closing = self._closer.submit(finish)
        except RuntimeError:
            # The interpreter ends, before the capture was closed: no pool takes work any more.
            finish()

    def _rotate(self, part: OpenPart) -> Rotated | None:
        """Decide which parts the open one gives up."""
        if self.rotation is None:
            return None
        rotated = self.rotation.plan(part.file.rows, part.file.bytes_written, len(part.gaps))
        self._builder.state_rotated(rotated)
        return rotated

    def _finish_part(self, part: OpenPart, metadata: PartMetadata, consumed: int, last_ns: int) -> None:
        size_bytes = part.file.finish(metadata)
        self.stored.rows += part.file.rows
        self.stored.bytes += size_bytes
        self.stored.parts += 1
        self.stored.log.clear()
        with self._ring.copying:
            self._sampler.release(consumed)
        if self.rotation is not None:
            self.rotation.finished(metadata, part.file.rows, size_bytes, last_ns)

    def _wait_for_closer(self) -> None:
        if self._closing is not None:
            self._closing.result()

    def _finish(self, totals: Callable[[int, Rotated | None], Totals]) -> None:
        self._timebase.advance()
        if self._builder.part is None:
            self._begin_part([])
        self._builder.add_gaps(self._ring.overflow_gaps())
        self._close_part(totals)
        self._wait_for_closer()

    def _abandon(self) -> None:
        """Stop the sampler and remove the half-written part; finished parts stay."""
        self._sampler.stop()
        if self._builder.part is not None:
            self._builder.part.file.abandon()


def _row_group_rows(ring: Ring, rotation: Rotation | None) -> tuple[int, int]:
    """Return at how many rows a row group is made, and how many it may have: whatever they hold, it fits a part."""
    part_bytes = None if rotation is None else rotation.part_bytes
    if part_bytes is None:
        return ROW_GROUP_ROWS, MOST_ROWS
    most = max(1, part_bytes // ring.header.row_bytes)
    return min(ROW_GROUP_ROWS, most), min(MOST_ROWS, most)
