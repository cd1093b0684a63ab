"""The header of a spool, live or left behind, with all checks that it must pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regtap.errors import TraceError
from regtap.registers.model import type_width_bytes
from regtap.spool.layout import (
    CHECK,
    HEADER,
    HELD,
    KINDS,
    MAGIC,
    MOST_BLOCKS,
    MOST_DOCUMENT_BYTES,
    PAGE,
    SEALED,
    VERSION,
    column_offsets,
    header_check,
    round_up,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import numpy.typing as npt

    Read = Callable[
        [int, int], bytes | None
    ]  # so many bytes at an offset, or None where the spool ends before


@dataclass(frozen=True, slots=True)
class Column:
    """One array of a block: ticks, the values of a register, or latencies.

    Attributes:
        dtype: Type of the elements, little-endian.
        offset: Offset in the block, in bytes.
    """

    dtype: np.dtype[Any]
    offset: int


@dataclass(frozen=True, slots=True)
class Header:
    """The checked header of a spool; logger/native/core/spool.hpp describes the layout.

    Attributes:
        fields: The whole header, in this machine's byte order.
        is_swapped: Whether the spool was written in the other byte order.
        types: The registers' types, such as `u32be`.
        columns: The arrays of each block: ticks, one for each register, latencies if any.
        block_count: Blocks of the ring, without the overflow block behind them.
        rows_per_block: Rows that fit one block.
        gap_capacity: Entries that fit the gap table of a block.
        header_bytes: Offset of the first block, in bytes.
        block_bytes: Size of each block.
        document: Offset and size of the document, in bytes.
    """

    fields: np.void
    is_swapped: bool
    types: tuple[str, ...]
    columns: tuple[Column, ...]
    block_count: int
    rows_per_block: int
    gap_capacity: int
    header_bytes: int
    block_bytes: int
    document: tuple[int, int]

    @property
    def row_bytes(self) -> int:
        """Bytes of a row in its block."""
        return sum(column.dtype.itemsize for column in self.columns)

    @property
    def has_latency(self) -> bool:
        """Whether rows carry a latency."""
        return bool(self.fields["has_latency"])

    @property
    def owner_pid(self) -> int:
        """Process id of the recorder."""
        return int(self.fields["owner_pid"])

    @property
    def sealed(self) -> int:
        """The number of sealed blocks when the header was read."""
        return int(self.fields["sealed"])

    @property
    def opened(self) -> int:
        """The number of opened blocks when the header was read: `sealed`, or one more."""
        return int(self.fields["open"])

    @property
    def released(self) -> int:
        """The number of released blocks when the header was read: durable in parts, or overwritten."""
        return int(self.fields["released"]) & ~HELD

    def block_start(self, sequence: int) -> int:
        """Return the offset of a block in the spool, in bytes, given its sequence number."""
        return self.header_bytes + sequence % self.block_count * self.block_bytes

    @property
    def overflow_start(self) -> int:
        """Offset of the overflow block in the spool, in bytes."""
        return self.header_bytes + self.block_count * self.block_bytes

    def table(self, raw: bytes, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """Return bytes of the spool as an array in this machine's byte order.

        Args:
            raw: Bytes as they are in the spool.
            dtype: Type of the elements, little-endian, whatever the spool's byte order is.
        """
        return _table(raw, dtype, is_swapped=self.is_swapped)


def parse_header(read: Read, size_bytes: int, path: str) -> Header:
    """Return a spool's header.

    Args:
        read: Reads the spool.
        size_bytes: Size of the file, which may be shorter than the spool was.
        path: Path of the spool, for messages.

    Raises:
        TraceError: It is no spool's, of another version, damaged or cut short.
    """
    raw = read(0, HEADER.itemsize)
    if raw is None:
        raise damaged_header(path)
    is_swapped = _is_swapped(raw, path)
    fields = _table(raw, HEADER, is_swapped=is_swapped)[0]
    count = int(fields["column_count"])
    kinds = read(HEADER.itemsize, 4 * count) if count <= size_bytes // 4 else None
    if kinds is None or int(fields["check"]) != header_check(raw, kinds):
        raise damaged_header(path)
    types = _types(_table(kinds, np.dtype("<u4"), is_swapped=is_swapped).tolist())
    header = None if types is None else _header(fields, types, is_swapped=is_swapped)
    if header is None or not _is_sound(header, size_bytes):
        raise damaged_header(path)
    return header


def damaged_header(path: str) -> TraceError:
    """Return the error for a damaged header."""
    return TraceError(f"{path}: its header is damaged or cut short; nothing can be read from it")


def write_header_check(memory: npt.NDArray[np.uint8]) -> None:
    """Store the check of a header that was formatted just now.

    Args:
        memory: The whole spool, shape (size,), uint8.
    """
    count = int(memory[: HEADER.itemsize].view(HEADER)["column_count"][0])
    kinds = memory[HEADER.itemsize : HEADER.itemsize + 4 * count]
    memory[CHECK : CHECK + 4].view("<u4")[0] = header_check(memory[:SEALED].tobytes(), kinds.tobytes())


def _is_swapped(raw: bytes, path: str) -> bool:
    """Return whether a header is in the other byte order: its version number shows that."""
    if raw[: len(MAGIC)] != MAGIC:
        raise TraceError(f"{path} is no spool: it does not begin with a spool's magic")
    if int.from_bytes(raw[8:12], "little") == VERSION:
        return False
    if int.from_bytes(raw[8:12], "big") == VERSION:
        return True
    raise TraceError(f"{path}: its version is not one that this regtap reads; upgrade it")


def _table(raw: bytes, dtype: np.dtype[Any], *, is_swapped: bool) -> npt.NDArray[Any]:
    written = dtype.newbyteorder(">") if is_swapped else dtype
    return np.frombuffer(raw, dtype=written).astype(dtype.newbyteorder("="), copy=False)


def _types(kinds: list[int]) -> tuple[str, ...] | None:
    if not kinds or max(kinds) >= len(KINDS):
        return None
    return tuple(KINDS[kind] for kind in kinds)


def _header(fields: np.void, types: tuple[str, ...], *, is_swapped: bool) -> Header:
    dtypes = [np.dtype("<u8"), *(np.dtype(f"<u{type_width_bytes(name)}") for name in types)]
    dtypes += [np.dtype("<u4")] * bool(fields["has_latency"])
    rows_per_block, gap_capacity = int(fields["rows_per_block"]), int(fields["gap_capacity"])
    offsets = column_offsets([dtype.itemsize for dtype in dtypes], rows_per_block, gap_capacity)
    return Header(
        fields=fields,
        is_swapped=is_swapped,
        types=types,
        columns=tuple(Column(dtype, offset) for dtype, offset in zip(dtypes, offsets, strict=False)),
        block_count=int(fields["block_count"]),
        rows_per_block=rows_per_block,
        gap_capacity=gap_capacity,
        header_bytes=int(fields["header_bytes"]),
        block_bytes=int(fields["block_bytes"]),
        document=(int(fields["document_offset"]), int(fields["document_bytes"])),
    )


def _is_sound(header: Header, size_bytes: int) -> bool:
    """Return whether every size, offset and count in a header holds, as Spool::attach demands."""
    kinds_end = round_up(HEADER.itemsize + 4 * len(header.types), 64)
    document_offset, document_bytes = header.document
    last = header.columns[-1]
    columns_end = round_up(last.offset + last.dtype.itemsize * header.rows_per_block, 64)
    return (
        header.rows_per_block > 0
        and 2 <= header.block_count <= MOST_BLOCKS
        and document_bytes <= MOST_DOCUMENT_BYTES
        and int(header.fields["has_latency"]) <= 1
        and document_offset == kinds_end
        and header.header_bytes == round_up(document_offset + document_bytes, PAGE)
        and header.header_bytes <= size_bytes
        and header.block_bytes == round_up(columns_end, PAGE)
        and header.released <= header.sealed <= header.opened <= header.sealed + 1
        and header.opened - header.released <= header.block_count
    )
