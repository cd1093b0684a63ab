"""Reads a spool that a killed capture left behind, and checks everything before it is used.

A copy of a spool from another machine can be read too, whatever its byte order is. Register values carry no check of
their own; everything that locates them does.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import numpy as np

from regtap.errors import RefusedError
from regtap.spool.block import Block, BlockHead, DamagedBlockError, Overflow, TickGap, tick_gaps
from regtap.spool.header import damaged_header, parse_header
from regtap.spool.layout import BLOCK, BLOCK_HEADER_BYTES, BLOCK_MAGIC, GAP
from regtap.spool.mark_log import read_marks
from regtap.spool.raw_file import RawSpoolFile
from regtap.system.closeable import Closeable
from regtap.trace.gaps import SPOOL_CAUSES
from regtap.trace.ranges import LARGEST

if TYPE_CHECKING:
    from regtap.trace.metadata import Mark

# Over a year at 100 MHz; the sum of a thousand such counts still fits a part's metadata.
_LARGEST_COUNT = 1 << 52


class SpoolReader(Closeable):
    """The file of a spool, open for reading; a context manager.

    Attributes:
        path: Path of the spool.
        header: The checked header.
        document: The description of the capture: bytes for parse_document().
        broken: One line for each block that is known to have lost rows before it is read.
    """

    def __init__(self, path: str, source: RawSpoolFile | None = None) -> None:
        """Open a spool and check its header.

        Args:
            path: Path of the spool.
            source: The open file, or another source of the spool's bytes; this object closes it. None: open `path`.

        Raises:
            TraceError: The file is no spool, or its header is damaged.
            OSError: As the kernel said.
        """
        self.path = path
        self.broken: list[str] = []
        self._bytes = source or RawSpoolFile(path)
        try:
            self.header = parse_header(self._bytes.read, self._bytes.size_bytes, path)
            document = self._bytes.read(*self.header.document)
            if document is None:
                raise damaged_header(path)
        except BaseException:
            self.close()
            raise
        self.document = document

    @property
    def source(self) -> RawSpoolFile:
        """The open file, or the other source of the spool's bytes."""
        return self._bytes

    def close(self) -> None:
        """Close the file; that gives up the lock."""
        self._bytes.close()

    def lock(self) -> None:
        """Take the spool's lock, so that no other recovery runs at the same time.

        Raises:
            RefusedError: The recorder is alive, or another recovery runs.
        """
        if not self._bytes.try_lock():
            raise RefusedError(
                f"the spool {self.path} is in use: its recorder (process {self.header.owner_pid}) is alive, "
                "or it is being recovered",
                remedy="end the capture first",
            )

    def is_owned(self) -> bool:
        """Return whether another process holds the spool's lock; this one takes the lock and gives it up at once."""
        if not self._bytes.try_lock():
            return True
        self._bytes.unlock()
        return False

    def rows_at(self, sequence: int) -> int:
        """Return the number of rows in the header of a block, given its sequence number; 0 if the header is damaged."""
        with contextlib.suppress(DamagedBlockError):
            header = self._block_header(self.header.block_start(sequence))
            if header["magic"] == BLOCK_MAGIC and int(header["sequence"]) == sequence:
                return min(int(header["published"]), self.header.rows_per_block)
        return 0

    def oldest(self) -> int:
        """Return the sequence number of the oldest block that can still be in the ring."""
        return max(0, self.header.opened - self.header.block_count)

    def head(self, sequence: int) -> BlockHead:
        """Return the checked header of a block, with its gaps.

        Raises:
            DamagedBlockError: The block lies past the end of the file, or its header or gap table is impossible.
        """
        start = self.header.block_start(sequence)
        header = self._block_header(start)
        rows = int(header["published"])
        if header["magic"] != BLOCK_MAGIC or int(header["sequence"]) != sequence:
            raise DamagedBlockError("its header is not that of this block")
        if rows > self.header.rows_per_block:
            raise DamagedBlockError("it claims more rows than fit")
        first_index = int(header["first_index"])
        if first_index > _LARGEST_COUNT:
            raise DamagedBlockError("its first index cannot be")
        anchor = (
            int(header["anchor_ticks"]),
            int(header["anchor_raw_ns"]),
            int(header["anchor_realtime_ns"]),
            int(header["anchor_uncertainty_ticks"]),
        )
        gaps = self._gaps(start, header)
        before = int(header["missed_before"]), int(header["dropped_before"])
        return BlockHead(sequence, first_index, rows, gaps, anchor, *before)

    def tick_at(self, head: BlockHead, row: int) -> int:
        """Return the tick of one row; raises DamagedBlockError if the file ends before it."""
        ticks = self.header.columns[0]
        start = self.header.block_start(head.sequence) + ticks.offset
        return int(self.header.table(self._read_block(start + 8 * row, 8), ticks.dtype)[0])

    def block(self, head: BlockHead) -> Block:
        """Return a copy of a block's rows, in this machine's byte order.

        Raises:
            DamagedBlockError: The file ends before the block does, or ticks in it go back.
        """
        start = self.header.block_start(head.sequence)
        arrays = [
            self.header.table(
                self._read_block(start + column.offset, head.rows * column.dtype.itemsize), column.dtype
            )
            for column in self.header.columns
        ]
        ticks = arrays[0]
        if np.any(ticks[1:] < ticks[:-1]):
            raise DamagedBlockError("its times go back")
        latency = arrays.pop() if self.header.has_latency else None
        return Block(head.first_index, ticks, tuple(arrays[1:]), latency, head.gaps, head.missed_before)

    def marks(self) -> tuple[Mark, ...]:
        """Return the marks that were in no finished part, or in the last one only."""
        return read_marks(self._bytes.read, self.header)

    def overflow(self) -> Overflow:
        """Return the overflow block: the samples that were dropped while no block was free.

        Raises:
            DamagedBlockError: The block lies past the end of the file, or its content is impossible.
        """
        start = self.header.overflow_start
        header = self._block_header(start)
        dropped = int(header["published"])
        if dropped > _LARGEST_COUNT:
            raise DamagedBlockError("it claims more samples than can be")
        gaps = self._gaps(start, header)
        column = self.header.columns[0]
        ticks = self.header.table(
            self._read_block(start + column.offset, 8 * self.header.rows_per_block), column.dtype
        )
        last_tick = int(ticks.max())
        return Overflow(dropped, gaps, self._open_gap(dropped, gaps, last_tick), last_tick)

    def _open_gap(self, dropped: int, gaps: tuple[TickGap, ...], last_tick: int) -> TickGap | None:
        header = self.header.fields
        cause, base = int(header["gap_cause"]), int(header["gap_base"])
        if not cause:
            return None
        first_index, t0_ticks = int(header["gap_first_index"]), int(header["gap_t0_ticks"])
        if cause > len(SPOOL_CAUSES) or base > dropped or first_index > _LARGEST_COUNT:
            raise DamagedBlockError("the gap that was open says what cannot be")
        # Between the entry in the table and the end of the open gap there is an instant where both say the same.
        if any(
            gap.first_index == first_index and gap.t0_ticks == t0_ticks and gap.cause == "full"
            for gap in gaps
        ):
            return None
        return TickGap(
            first_index, dropped - base, t0_ticks, max(t0_ticks, last_tick), SPOOL_CAUSES[cause - 1]
        )

    def _block_header(self, start: int) -> np.void:
        header: np.void = self.header.table(self._read_block(start, BLOCK.itemsize), BLOCK)[0]
        return header

    def _gaps(self, start: int, header: np.void) -> tuple[TickGap, ...]:
        count = int(header["gap_count"])
        if count > self.header.gap_capacity:
            raise DamagedBlockError("it claims more gaps than fit")
        table = self.header.table(self._read_block(start + BLOCK_HEADER_BYTES, count * GAP.itemsize), GAP)
        causes, counts = table["cause"].astype(np.int64), table["count"]
        if np.any((causes < 1) | (causes > len(SPOOL_CAUSES)) | (counts > _LARGEST_COUNT)):
            raise DamagedBlockError("its gap table says what cannot be")
        if np.any(table["first_index"] > _LARGEST_COUNT) or np.any(table["t1_ticks"] > LARGEST):
            raise DamagedBlockError("its gap table says what cannot be")
        return tick_gaps(table, int(header["first_index"]), int(header["published"]))

    def _read_block(self, offset: int, size: int) -> bytes:
        data = self._bytes.read(offset, size)
        if data is None:
            raise DamagedBlockError("the file ends before it does")
        return data
