"""A spool that somebody left behind: read from its file, and nothing in it believed before it is checked.

Spools are read in the byte order and on behalf of the machine that filled them: a copy from another one will do.
Register values carry no check of their own; everything that says where they are does.
"""

from __future__ import annotations

import contextlib

import numpy as np

from regtap.errors import RefusedError, TraceError
from regtap.spool.block import Block, BlockHead, DamagedBlockError, Overflow, TickGap, tick_gaps
from regtap.spool.layout import (
    BLOCK,
    BLOCK_HEADER_BYTES,
    BLOCK_MAGIC,
    GAP,
    HEADER,
    HELD,
    KINDS,
    MAGIC,
    MOST_BLOCKS,
    MOST_DOCUMENT_BYTES,
    PAGE,
    VERSION,
    column_offsets,
    header_check,
    round_up,
)
from regtap.spool.raw_file import RawSpoolFile
from regtap.system.closeable import Closeable
from regtap.trace.gaps import CAUSES
from regtap.trace.ranges import LARGEST

_LARGEST_COUNT = 1 << 52  # over a year at 100 MHz; a thousand of them still add up to what a part can say


class SpoolReader(Closeable):
    """A spool's file, open for reading; a context manager.

    Attributes:
        path: Where it is.
        size_bytes: Size of the file, which may be shorter than the spool was.
        block_count: Blocks of the ring.
        rows_per_block: Rows that fit one block.
        types: numpy's names of the registers' types.
        has_latency: Whether rows carry a latency.
        document: What the recorder left for a recovery, as JSON text.
        owner_pid: The process that filled it.
        sealed: Blocks handed over.
        opened: Blocks begun: as many, or one more.
        released: Blocks that were durable elsewhere, or overwritten.
        broken: One line for each block of which less is left than there was, where that is known beforehand.
    """

    def __init__(self, path: str, source: RawSpoolFile | None = None) -> None:
        """Open it and check its header.

        Args:
            path: Where it is.
            source: Its bytes, where they are not simply those of that file; becomes this object's own.

        Raises:
            TraceError: It is no spool, or its header is damaged.
            OSError: As the kernel said.
        """
        self.path = path
        self.broken: list[str] = []
        self._bytes = source or RawSpoolFile(path)
        self.size_bytes = self._bytes.size_bytes
        try:
            self._parse()
        except BaseException:
            self.close()
            raise

    @property
    def source(self) -> RawSpoolFile:
        """Its bytes, with the file that they are in."""
        return self._bytes

    def close(self) -> None:
        """Close the file, and with it give up the lock."""
        self._bytes.close()

    def lock(self) -> None:
        """Keep others from recovering it at the same time.

        Raises:
            RefusedError: Its recorder is alive, or it is being recovered.
        """
        if not self._bytes.try_lock():
            raise RefusedError(
                f"the spool {self.path} is in use: its recorder (process {self.owner_pid}) is alive, "
                "or it is being recovered",
                remedy="end the capture first",
            )

    def is_owned(self) -> bool:
        """Return whether some process holds it, by a lock that is let go at once."""
        if not self._bytes.try_lock():
            return True
        self._bytes.unlock()
        return False

    def rows_at(self, sequence: int) -> int:
        """Return how many rows a block says it has; 0 where it is damaged. Its gaps are not read."""
        with contextlib.suppress(DamagedBlockError):
            header = self._block_header(self._start_of(sequence % self.block_count))
            if header["magic"] == BLOCK_MAGIC and int(header["sequence"]) == sequence:
                return min(int(header["published"]), self.rows_per_block)
        return 0

    def _parse(self) -> None:
        raw = self._read(0, HEADER.itemsize)
        if raw[: len(MAGIC)] != MAGIC:
            raise TraceError(f"{self.path} is no spool: it does not begin with a spool's magic")
        self._bytes.swapped = int.from_bytes(raw[8:12], "little") != VERSION
        if self._bytes.swapped and int.from_bytes(raw[8:12], "big") != VERSION:
            raise TraceError(f"{self.path}: its version is not one that this regtap reads; upgrade it")
        header = self._bytes.table(raw, HEADER)[0]
        self.block_count, self.rows_per_block = int(header["block_count"]), int(header["rows_per_block"])
        self.has_latency, self.owner_pid = bool(header["has_latency"]), int(header["owner_pid"])
        self.sealed, self.opened = int(header["sealed"]), int(header["open"])
        self.released = int(header["released"]) & ~HELD
        self._header, self._gap_capacity = header, int(header["gap_capacity"])
        self._header_bytes, self._block_bytes = int(header["header_bytes"]), int(header["block_bytes"])
        count = int(header["column_count"])
        if count > self.size_bytes // 4:
            raise self._damaged()
        kinds = self._read(HEADER.itemsize, 4 * count)
        if int(header["check"]) != header_check(raw, kinds):
            raise self._damaged()
        self.types = self._types(kinds)
        self._check()
        self.document = self._read(int(header["document_offset"]), int(header["document_bytes"]))

    def _types(self, raw: bytes) -> tuple[str, ...]:
        kinds = [int(kind) for kind in self._bytes.table(raw, np.dtype("<u4"))]
        if not kinds or max(kinds) >= len(KINDS):
            raise self._damaged()
        return tuple(KINDS[kind] for kind in kinds)

    def _check(self) -> None:
        """Raise unless every size, offset and count in the header holds, as Spool::attach demands."""
        header = self._header
        offset = round_up(HEADER.itemsize + 4 * len(self.types), 64)
        wide = [np.dtype(f"<u{int(name.strip('ube')) // 8}") for name in self.types]
        self._dtypes = [np.dtype("<u8"), *wide, *([np.dtype("<u4")] if self.has_latency else [])]
        widths = [dtype.itemsize for dtype in self._dtypes]
        self._offsets = column_offsets(widths, self.rows_per_block, self._gap_capacity)
        holds = (
            self.rows_per_block > 0
            and 2 <= self.block_count <= MOST_BLOCKS
            and int(header["document_bytes"]) <= MOST_DOCUMENT_BYTES
            and int(header["has_latency"]) <= 1
            and int(header["document_offset"]) == offset
            and self._header_bytes == round_up(offset + int(header["document_bytes"]), PAGE)
            and self._header_bytes <= self.size_bytes
            and self._block_bytes == round_up(self._offsets[-1], PAGE)
            and self.released <= self.sealed <= self.opened <= self.sealed + 1
            and self.opened - self.released <= self.block_count
        )
        if not holds:
            raise self._damaged()

    def _damaged(self) -> TraceError:
        return TraceError(f"{self.path}: its header is damaged or cut short; nothing can be read from it")

    def _read(self, offset: int, size: int) -> bytes:
        data = self._bytes.read(offset, size)
        if data is None:
            raise self._damaged()
        return data

    def oldest(self) -> int:
        """Return the first sequence number that may still be in the ring."""
        return max(0, self.opened - self.block_count)

    def head(self, sequence: int) -> BlockHead:
        """Return what a block says about itself.

        Raises:
            DamagedBlockError: It lies past the file's end, or says what cannot be.
        """
        start = self._start_of(sequence % self.block_count)
        header = self._block_header(start)
        rows = int(header["published"])
        if header["magic"] != BLOCK_MAGIC or int(header["sequence"]) != sequence:
            raise DamagedBlockError("its header is not that of this block")
        if rows > self.rows_per_block:
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
        """Return one row's tick; raises DamagedBlockError where the file ends before it."""
        start = self._start_of(head.sequence % self.block_count) + self._offsets[0]
        return int(self._bytes.table(self._read_block(start + 8 * row, 8), self._dtypes[0])[0])

    def block(self, head: BlockHead) -> Block:
        """Return a copy of a block's rows, in this machine's byte order.

        Raises:
            DamagedBlockError: The file ends before, or its times go back.
        """
        start = self._start_of(head.sequence % self.block_count)
        arrays = [
            self._bytes.table(self._read_block(start + at, head.rows * dtype.itemsize), dtype)
            for dtype, at in zip(self._dtypes, self._offsets, strict=False)
        ]
        ticks = arrays[0]
        if np.any(ticks[1:] < ticks[:-1]):
            raise DamagedBlockError("its times go back")
        latency = arrays.pop() if self.has_latency else None
        return Block(head.first_index, ticks, tuple(arrays[1:]), latency, head.gaps, head.missed_before)

    def overflow(self) -> Overflow:
        """Return what was dropped while no block was free.

        Raises:
            DamagedBlockError: It lies past the file's end, or says what cannot be.
        """
        start = self._start_of(self.block_count)
        header = self._block_header(start)
        dropped = int(header["published"])
        if dropped > _LARGEST_COUNT:
            raise DamagedBlockError("it claims more samples than can be")
        gaps = self._gaps(start, header)
        ticks = self._bytes.table(
            self._read_block(start + self._offsets[0], 8 * self.rows_per_block), self._dtypes[0]
        )
        last_tick = int(ticks.max())
        return Overflow(dropped, gaps, self._open_gap(dropped, gaps, last_tick), last_tick)

    def _open_gap(self, dropped: int, gaps: tuple[TickGap, ...], last_tick: int) -> TickGap | None:
        header = self._header
        cause, base = int(header["gap_cause"]), int(header["gap_base"])
        if not cause:
            return None
        first_index, t0_ticks = int(header["gap_first_index"]), int(header["gap_t0_ticks"])
        if cause > len(CAUSES) or base > dropped or first_index > _LARGEST_COUNT:
            raise DamagedBlockError("the gap that was open says what cannot be")
        # Between the entry in the table and the end of the open gap there is an instant where both say the same.
        if any(
            gap.first_index == first_index and gap.t0_ticks == t0_ticks and gap.cause == "full"
            for gap in gaps
        ):
            return None
        return TickGap(first_index, dropped - base, t0_ticks, max(t0_ticks, last_tick), CAUSES[cause - 1])

    def _start_of(self, index: int) -> int:
        return self._header_bytes + index * self._block_bytes

    def _block_header(self, start: int) -> np.void:
        header: np.void = self._bytes.table(self._read_block(start, BLOCK.itemsize), BLOCK)[0]
        return header

    def _gaps(self, start: int, header: np.void) -> tuple[TickGap, ...]:
        count = int(header["gap_count"])
        if count > self._gap_capacity:
            raise DamagedBlockError("it claims more gaps than fit")
        table = self._bytes.table(self._read_block(start + BLOCK_HEADER_BYTES, count * GAP.itemsize), GAP)
        causes, counts = table["cause"].astype(np.int64), table["count"]
        if np.any((causes < 1) | (causes > len(CAUSES)) | (counts > _LARGEST_COUNT)):
            raise DamagedBlockError("its gap table says what cannot be")
        if np.any(table["first_index"] > _LARGEST_COUNT) or np.any(table["t1_ticks"] > LARGEST):
            raise DamagedBlockError("its gap table says what cannot be")
        return tick_gaps(table, int(header["first_index"]), int(header["published"]))

    def _read_block(self, offset: int, size: int) -> bytes:
        data = self._bytes.read(offset, size)
        if data is None:
            raise DamagedBlockError("the file ends before it does")
        return data
