"""The spool: the ring of blocks that the sampler fills, in shared memory that outlives the process.

logger/native/core/spool.hpp describes the layout; this module creates a spool and looks into its blocks.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regtap import _native
from regtap.errors import InputError, RefusedError
from regtap.trace_format import CAUSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from regtap.registers import Register

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - by design: it outlives the process and is no disk
PREFIX = "regtap-"
DEFAULT_BYTES = 1 << 30
SMALL_BYTES = 256 << 20
_LARGE_BYTES = 64 << 20
_SEALED, _OPEN, _RELEASED = 64, 72, 128  # offsets of the header's counters
_BLOCK_HEADER_BYTES = 128
_OVERFLOW = -1
_PAGE = mmap.PAGESIZE

_HEADER = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<u4"),
        ("header_bytes", "<u4"),
        ("block_bytes", "<u8"),
        ("block_count", "<u4"),
        ("rows_per_block", "<u4"),
        ("column_count", "<u4"),
        ("gap_capacity", "<u4"),
        ("has_latency", "<u4"),
        ("document_offset", "<u4"),
        ("document_bytes", "<u8"),
        ("owner_pid", "<u8"),
    ]
)
_BLOCK = np.dtype(
    [
        ("magic", "S8"),
        ("sequence", "<u8"),
        ("first_index", "<u8"),
        ("anchor_ticks", "<u8"),
        ("anchor_raw_ns", "<u8"),
        ("anchor_realtime_ns", "<u8"),
        ("anchor_uncertainty_ticks", "<u8"),
        ("gap_count", "<u8"),
        ("published", "<u8"),
    ]
)
_GAP = np.dtype(
    [
        ("first_index", "<u8"),
        ("count", "<u8"),
        ("t0_ticks", "<u8"),
        ("t1_ticks", "<u8"),
        ("cause", "<u4"),
        ("row", "<u4"),
    ]
)


@dataclass(frozen=True, slots=True)
class TickGap:
    """A gap with its times still in ticks; see trace_format.Gap."""

    first_index: int
    count: int
    t0_ticks: int
    t1_ticks: int
    cause: str


@dataclass(frozen=True, slots=True)
class Block:
    """What a sealed block holds; the arrays are views of the spool, valid until the block is released.

    Attributes:
        first_index: Index of its first sample, slot or gap.
        ticks: Shape (rows,).
        columns: One array of shape (rows,) for each register.
        latency: Shape (rows,) in ticks, or None.
        gaps: Its gaps, in order.
    """

    first_index: int
    ticks: npt.NDArray[np.uint64]
    columns: tuple[npt.NDArray[np.unsignedinteger], ...]
    latency: npt.NDArray[np.uint32] | None
    gaps: tuple[TickGap, ...]

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return len(self.ticks)

    @property
    def first_tick(self) -> int:
        """Earliest tick in it, of a row or a gap; a sealed block has one or the other."""
        ticks = [int(self.ticks[0])] if self.rows else []
        return min(ticks + [gap.t0_ticks for gap in self.gaps[:1]])


def default_size_bytes(folder: str = SHARED_MEMORY) -> int:
    """Return 1 GiB, or a quarter of what is free where spools live."""
    status = os.statvfs(folder)
    return min(DEFAULT_BYTES, status.f_bavail * status.f_frsize // 4)


def needed_bytes(rows: int, row_bytes: int) -> int:
    """Return a size that holds all of `rows` rows, with the small geometry's overhead."""
    small_blocks, small_gaps = _shape(0)
    per_block = _BLOCK_HEADER_BYTES + small_gaps * _GAP.itemsize + 2 * _PAGE
    # Over twice the rows: a part is closed when it holds half of the ring, and this one is to be the only part.
    return 4 * _PAGE + (small_blocks + 1) * per_block + 5 * rows * row_bytes // 2


def _shape(size_bytes: int) -> tuple[int, int]:
    """Return the number of blocks, and of gap table entries in each."""
    return (128, 1024) if size_bytes >= _LARGE_BYTES else (32, 128)


def _round_up(value: int, unit: int) -> int:
    return -(-value // unit) * unit


class Spool:
    """A spool of this process's own: created, filled by the native sampler, and removed at a clean end.

    Attributes:
        path: Where it is.
        memory: All of it, as bytes (shape (size,), uint8).
        block_count: Blocks of the ring.
        rows_per_block: Rows that fit one block.
    """

    def __init__(self, size_bytes: int) -> None:
        """Create and lock a spool, with every page of it present.

        Raises:
            RefusedError: Shared memory has not that much room, or is not there.
        """
        self.path = f"{SHARED_MEMORY}/{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
        self._fd = _create(self.path, size_bytes)
        self._map = mmap.mmap(self._fd, size_bytes)
        self.memory: npt.NDArray[np.uint8] = np.frombuffer(self._map, dtype=np.uint8)
        _native.prefault(self.memory)
        self.block_count, self._gap_capacity = _shape(size_bytes)

    def format(self, registers: Sequence[Register], document: bytes, *, latency: bool) -> None:
        """Lay out blocks for these registers, and store the document that a recovery needs.

        Raises:
            InputError: The size holds no row.
        """
        kinds = [_native.Kind[register.type] for register in registers]
        self.rows_per_block = _native.format_spool(
            self.memory, kinds, latency, self.block_count, self._gap_capacity, document, os.getpid()
        )
        if self.rows_per_block == 0:
            size_bytes = len(self.memory)
            raise InputError(
                f"a spool of {size_bytes} bytes holds no row of these registers; give more --spool-size"
            )
        header = np.frombuffer(self._map, dtype=_HEADER, count=1)[0]
        self._header_bytes = int(header["header_bytes"])
        self._block_bytes = int(header["block_bytes"])
        self._types = [np.dtype(register.dtype) for register in registers]
        self._has_latency = latency

    def close(self, *, keep: bool) -> None:
        """Unmap; `keep` leaves the file for recovery. Views of blocks must be gone."""
        if self._fd < 0:
            return
        if not keep:
            os.unlink(self.path)
        os.close(self._fd)
        self._fd = -1

    def sealed(self) -> int:
        """Return how many blocks the sampler has handed over."""
        return self._counter(_SEALED)

    def released(self) -> int:
        """Return how many of them may be filled again."""
        return self._counter(_RELEASED)

    def _counter(self, offset: int) -> int:
        return int(np.frombuffer(self._map, dtype="<u8", count=1, offset=offset)[0])

    def _start_of(self, sequence: int) -> int:
        index = self.block_count if sequence == _OVERFLOW else sequence % self.block_count
        return self._header_bytes + index * self._block_bytes

    def block(self, sequence: int) -> Block:
        """Return the sealed block of that sequence number."""
        start = self._start_of(sequence)
        header = np.frombuffer(self._map, dtype=_BLOCK, count=1, offset=start)[0]
        rows = int(header["published"])
        at = start + _round_up(_BLOCK_HEADER_BYTES + self._gap_capacity * _GAP.itemsize, 64)
        arrays = []
        for dtype in [np.dtype("<u8"), *self._types, *([np.dtype("<u4")] if self._has_latency else [])]:
            arrays.append(np.frombuffer(self._map, dtype=dtype, count=rows, offset=at))
            at = start + _round_up(at - start + dtype.itemsize * self.rows_per_block, 64)
        latency = arrays.pop() if self._has_latency else None
        return Block(
            int(header["first_index"]), arrays[0], tuple(arrays[1:]), latency, self._gaps(start, header)
        )

    def overflow_gaps(self) -> tuple[TickGap, ...]:
        """Return the gaps that no block could take: those at the very end of a capture."""
        start = self._start_of(_OVERFLOW)
        return self._gaps(start, np.frombuffer(self._map, dtype=_BLOCK, count=1, offset=start)[0])

    def _gaps(self, start: int, header: np.void) -> tuple[TickGap, ...]:
        count = int(header["gap_count"])
        table = np.frombuffer(self._map, dtype=_GAP, count=count, offset=start + _BLOCK_HEADER_BYTES)
        return tuple(
            TickGap(
                int(gap["first_index"]),
                int(gap["count"]),
                int(gap["t0_ticks"]),
                int(gap["t1_ticks"]),
                _cause(gap),
            )
            for gap in table
        )


def _cause(gap: np.void) -> str:
    return CAUSES[int(gap["cause"]) - 1]  # the native numbers begin with "none"


def _create(path: str, size_bytes: int) -> int:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise RefusedError(
            f"cannot create the spool {path}: {os.strerror(error.errno or 0)}",
            remedy=f"see that {SHARED_MEMORY} is a writable tmpfs",
            errno=error.errno,
        ) from error
    try:
        # The lock lives as long as this descriptor: it tells whether the owner does.
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.posix_fallocate(fd, 0, size_bytes)
    except OSError as error:
        os.unlink(path)
        os.close(fd)
        if error.errno != errno.ENOSPC:
            raise
        raise RefusedError(
            f"{SHARED_MEMORY} has no room for a spool of {size_bytes >> 20} MiB",
            remedy="free some of it, or give a smaller --spool-size",
            errno=error.errno,
        ) from error
    return fd
