"""The writer: takes sealed blocks from the ring, makes parts of them, and gives the blocks back.

A block is given back only when the part that holds its rows is durable, so that at any moment every completed
sample is in a finished part or in the spool.
"""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from regtap.trace_format import Gap, Mark, PartMetadata, Totals
from regtap.writer import EncodingChoice, PartWriter, schema_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from regtap import _native
    from regtap.spool import Block, Spool, TickGap
    from regtap.timebase import Timebase

ROW_GROUP_ROWS = 1 << 20  # smaller ones cost space and time, and what waits is safe in the spool
MOST_ROWS = 4 << 20  # in one go: bounds the memory for converted times
PART_BYTES = 128 << 20
PART_NS = 60 * 10**9
PART_GAPS = 10_000
TURN_NS = 50_000_000  # longest sleep of the writer


@dataclass(slots=True)
class Stored:
    """What the writer has made durable; read by other threads for progress.

    Attributes:
        rows: Rows in finished parts.
        bytes: Their size.
        parts: How many there are.
        written: Rows handed to the encoder so far, finished or not.
        marks: Marks not yet in a part; append is atomic.
    """

    rows: int = 0
    bytes: int = 0
    parts: int = 0
    written: int = 0
    marks: list[Mark] = field(default_factory=list)


@dataclass(slots=True)
class _OpenPart:
    """The part under construction, and the blocks that it holds back."""

    writer: PartWriter
    first_block: int
    first_index: int
    opened_ns: int  # CLOCK_MONOTONIC
    gaps: list[Gap] = field(default_factory=list)


class Pipeline:
    """Empties a spool into a folder; run() is the writer thread's body.

    Args:
        spool: Filled by `sampler`; stays the caller's.
        sampler: Running.
        timebase: Used by this thread alone from now on.
        folder_fd: The trace's folder, open; stays the caller's.
        template: What every part says; its part, first_index, gaps, marks, clock and totals are filled in.
        compression: `none` or `zstd`.
    """

    def __init__(  # noqa: PLR0913 - the threads' shared parts, each used by name
        self,
        spool: Spool,
        sampler: _native.Sampler,
        timebase: Timebase,
        folder_fd: int,
        template: PartMetadata,
        *,
        compression: str = "none",
    ) -> None:
        self.stored = Stored()
        self._spool = spool
        self._sampler = sampler
        self._timebase = timebase
        self._folder_fd = folder_fd
        self._template = template
        self._encodings = EncodingChoice(compression)
        self._schema = schema_of(template.registers, latency=template.mode.latency)
        self._times = np.empty(max(MOST_ROWS, spool.rows_per_block), dtype=np.int64)
        self._seen = 0  # sealed blocks that this thread knows of
        self._pending: list[Block] = []  # of those, the ones whose rows are not yet with the encoder
        self._next_index = 0
        self._part: _OpenPart | None = None
        self._parts_begun = 0
        self._closer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="regtap-closer")
        self._closing: Future[None] | None = None

    def run(self, totals: Callable[[int], Totals]) -> None:
        """Write until the sampler has ended and its last block is in a durable part.

        Args:
            totals: Returns the balance for the last part, given the rows stored.

        Raises:
            OSError: The disk refused; what is not in finished parts is still in the spool.
        """
        try:
            while self._turn():
                pass
            self._finish(totals)
        except BaseException:
            self._give_up()
            raise
        finally:
            self._closer.shutdown()

    def _turn(self) -> bool:
        """Do what there is to do now; return whether there may be more."""
        ended = not self._sampler.running()
        sealed = self._sampler.wait_sealed(self._seen, 0 if ended else TURN_NS)
        self._pending += [self._spool.block(sequence) for sequence in range(self._seen, sealed)]
        self._seen = sealed
        if self._closing is not None and self._closing.done():
            self._closing.result()  # a failed close ends the capture now, not at the next part
        while self._pending and (ended or self._worth_a_row_group()):
            self._write(self._take_batch())
            if self._part_is_due():
                self._close_part(None)
        return not ended

    def _worth_a_row_group(self) -> bool:
        if sum(block.rows for block in self._pending) >= ROW_GROUP_ROWS:
            return True
        return self._held_blocks() >= self._spool.block_count // 2 or self._part_is_old()

    def _held_blocks(self) -> int:
        """Return how many blocks wait for the next close, with the encoder or before it."""
        consumed = self._seen - len(self._pending)
        return self._seen - (consumed if self._part is None else self._part.first_block)

    def _part_is_old(self) -> bool:
        if self._part is not None:
            return time.monotonic_ns() - self._part.opened_ns >= PART_NS
        return bool(self._pending) and self._timebase.age_ns(self._pending[0].first_tick) >= PART_NS

    def _part_is_due(self) -> bool:
        part = self._part
        return part is not None and (
            self._held_blocks() - len(self._pending) >= self._spool.block_count // 2
            or part.writer.bytes_written >= PART_BYTES
            or len(part.gaps) >= PART_GAPS
            or self._part_is_old()
        )

    def _take_batch(self) -> list[Block]:
        """Take blocks off the pending ones: one at least, and no more than MOST_ROWS rows."""
        rows = 0
        for taken, block in enumerate(self._pending):
            rows += block.rows
            if taken and rows > MOST_ROWS:
                break
        else:
            taken = len(self._pending)
        batch, self._pending = self._pending[:taken], self._pending[taken:]
        return batch

    def _write(self, blocks: list[Block]) -> None:
        self._timebase.advance()
        part = self._part or self._open_part(blocks)
        part.gaps += [self._gap(gap) for block in blocks for gap in block.gaps]
        blocks = [block for block in blocks if block.rows]
        if blocks:
            part.writer.write(self._arrays(blocks))
        self.stored.written += sum(block.rows for block in blocks)

    def _open_part(self, blocks: list[Block]) -> _OpenPart:
        behind = len(blocks) + len(self._pending) > self._spool.block_count // 4
        encoding = self._encodings.choose(behind=behind)
        writer = PartWriter(self._folder_fd, self._parts_begun, self._schema, encoding)
        self._parts_begun += 1
        first_block = self._seen - len(self._pending) - len(blocks)
        if blocks:
            self._next_index = blocks[0].first_index
            self._timebase.forget_before(blocks[0].first_tick)
        self._part = _OpenPart(writer, first_block, self._next_index, time.monotonic_ns())
        return self._part

    def _arrays(self, blocks: list[Block]) -> list[pa.ChunkedArray]:
        """Return the columns of these blocks: times converted, values as they lie in the spool."""
        times = []
        at = 0
        for block in blocks:
            out = self._times[at : at + block.rows]
            self._timebase.convert(block.ticks, out)
            times.append(out)
            at += block.rows
        columns: list[list[np.ndarray]] = [times]
        columns += [[block.columns[k] for block in blocks] for k in range(len(self._template.registers))]
        latencies = [block.latency for block in blocks if block.latency is not None]
        if latencies:
            columns.append([self._timebase.latency_ns(latency) for latency in latencies])
        return [pa.chunked_array([pa.array(chunk) for chunk in chunks]) for chunks in columns]

    def _gap(self, gap: TickGap) -> Gap:
        t0_ns = self._timebase.to_ns(gap.t0_ticks)
        return Gap(
            gap.first_index, gap.count, t0_ns, max(t0_ns, self._timebase.to_ns(gap.t1_ticks)), gap.cause
        )

    def _close_part(self, totals: Totals | None) -> None:
        """Hand the open part to the closer; its blocks are given back when it is durable."""
        part = self._part
        if part is None:
            return
        self._wait_for_closer()
        marks = tuple(self.stored.marks)
        del self.stored.marks[: len(marks)]
        metadata = replace(
            self._template,
            clock=self._timebase.info(),
            part=part.writer.number,
            first_index=part.first_index,
            gaps=tuple(part.gaps),
            marks=marks,
            totals=totals,
        )
        consumed = self._seen - len(self._pending)
        self._closing = self._closer.submit(self._finish_part, part, metadata, consumed)
        self._encodings.learn(part.writer.encoding, part.writer.rows, part.writer.spent_ns)
        self._part = None

    def _finish_part(self, part: _OpenPart, metadata: PartMetadata, consumed: int) -> None:
        size_bytes = part.writer.finish(metadata)
        self.stored.rows += part.writer.rows
        self.stored.bytes += size_bytes
        self.stored.parts += 1
        self._sampler.release(consumed)

    def _wait_for_closer(self) -> None:
        if self._closing is not None:
            self._closing.result()

    def _finish(self, totals: Callable[[int], Totals]) -> None:
        self._timebase.advance()
        part = self._part or self._open_part([])
        part.gaps += [self._gap(gap) for gap in self._spool.overflow_gaps()]
        self._close_part(totals(self.stored.written))
        self._wait_for_closer()

    def _give_up(self) -> None:
        """Leave finished parts as they are, and nothing half-written beside them."""
        self._sampler.stop()
        if self._part is not None:
            with contextlib.suppress(OSError):  # the disk already refused; that error is the one to tell
                self._part.writer.abandon()
