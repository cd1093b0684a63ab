"""The spool: the ring of blocks that the sampler fills, in shared memory that outlives the process.

logger/native/core/spool.hpp describes the layout; this module creates a spool and looks into its blocks.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import threading
from typing import TYPE_CHECKING

import numpy as np

from regtap import _native
from regtap.errors import InputError, RefusedError
from regtap.spool.block import Block, TickGap, tick_gaps
from regtap.spool.layout import (
    BLOCK,
    BLOCK_HEADER_BYTES,
    CHECK,
    GAP,
    HEADER,
    HELD,
    OPEN,
    OVERFLOW,
    PAGE,
    PUBLISHED,
    RELEASED,
    SEALED,
    column_offsets,
    header_check,
    round_up,
)
from regtap.spool.location import LEAST_BYTES, SHARED_MEMORY, default_spool_bytes, new_spool_path
from regtap.system.permissions import describe_node
from regtap.system.remedies import remedy_for
from regtap.units.format import format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from regtap.registers.model import Register
    from regtap.system.memory import Memory

_LARGE_BYTES = 64 << 20


def default_size_bytes(memory: Memory | None, folder: str = SHARED_MEMORY) -> int:
    """Return the size of a spool where nobody gave one, by what is free now, there and of memory.

    Raises:
        RefusedError: There is no such folder.
    """
    try:
        status = os.statvfs(folder)
    except OSError as error:
        raise _no_room(LEAST_BYTES, error, "") from error
    return default_spool_bytes(
        status.f_bavail * status.f_frsize, None if memory is None else memory.available_bytes
    )


def free_size_bytes(memory: Memory | None) -> int:
    """Return the default size, where there is room for a spool.

    Args:
        memory: What this process may still use; None: not known.

    Raises:
        RefusedError: There is none to speak of.
    """
    size_bytes = default_size_bytes(memory)
    if size_bytes < LEAST_BYTES:
        raise _no_room(LEAST_BYTES, OSError(errno.ENOSPC, ""), "")
    return size_bytes


def check_memory(size_bytes: int, memory: Memory | None) -> None:
    """Check that memory holds a spool of that size: all of it is made present, and without room that ends in a kill.

    Args:
        size_bytes: Of the spool.
        memory: What this process may still use; None: not known.

    Raises:
        RefusedError: It does not, even with all free swap.
    """
    if memory is None or size_bytes <= memory.available_bytes + memory.swap_bytes:
        return
    raise RefusedError(
        f"a spool of {format_size(size_bytes)} does not fit into the {format_size(memory.available_bytes)} that "
        f"{memory.bound} leaves",
        remedy="give a smaller --spool-size",
        errno=errno.ENOMEM,
    )


def needed_bytes(rows: int, widths: Sequence[int], document_bytes: int) -> int:
    """Return a size that holds all of `rows` rows in half of its ring.

    Args:
        rows: How many.
        widths: Bytes of each column's elements: of ticks, of each register, of the latency if any.
        document_bytes: Size of the spool's document.
    """
    # Over twice the rows: a part is closed when it holds half of the ring, and this one is to be the only part.
    size_bytes = _laid_out(5 * rows, widths, document_bytes, _shape(0))
    if size_bytes < _LARGE_BYTES:
        return size_bytes
    return max(_LARGE_BYTES, _laid_out(5 * rows, widths, document_bytes, _shape(_LARGE_BYTES)))


def _laid_out(half_rows: int, widths: Sequence[int], document_bytes: int, shape: tuple[int, int]) -> int:
    """Return what half as many rows take as core/spool.cpp (fit) lays them out, padding of each column included."""
    blocks, gaps = shape
    tables = round_up(BLOCK_HEADER_BYTES + gaps * GAP.itemsize, 64) + 64 * (len(widths) + 1) + PAGE
    block_bytes = tables + -(-half_rows // (2 * blocks)) * sum(widths)
    header_bytes = round_up(round_up(HEADER.itemsize + 4 * len(widths), 64) + document_bytes, PAGE)
    return header_bytes + (blocks + 1) * block_bytes


def _shape(size_bytes: int) -> tuple[int, int]:
    """Return the number of blocks, and of gap table entries in each."""
    return (128, 1024) if size_bytes >= _LARGE_BYTES else (32, 128)


class Ring:
    """The ring of blocks in a spool of this process: created, filled by the native sampler, removed at a clean end.

    Attributes:
        path: Of the spool.
        memory: All of it, as bytes (shape (size,), uint8).
        block_count: Blocks of the ring.
        rows_per_block: Rows that fit one block.
        header_bytes: Where the blocks begin.
        block_bytes: Size of each.
        column_places: For each column where in a block it begins, and the width of its elements, in bytes.
        copying: Held by who copies out of blocks that may be released meanwhile, and while they are released.
    """

    def __init__(self, size_bytes: int) -> None:
        """Create and lock a spool, with every page of it present.

        Raises:
            RefusedError: Shared memory has not that much room, or is not there.
        """
        self.path = new_spool_path()
        self._fd, self._map = _create(self.path, size_bytes)
        self.memory: npt.NDArray[np.uint8] = np.frombuffer(self._map, dtype=np.uint8)
        _native.prefault(self.memory)
        self.block_count, self._gap_capacity = _shape(size_bytes)
        self.copying = threading.Lock()

    def format(self, registers: Sequence[Register], document: bytes, *, latency: bool) -> None:
        """Lay out blocks for these registers, and store the document that a recovery needs.

        Raises:
            InputError: The size holds no row.
        """
        kinds = [_native.Kind[register.type] for register in registers]
        self.rows_per_block = _native.format_spool(
            self.memory,
            kinds=kinds,
            latency=latency,
            blocks=self.block_count,
            gap_capacity=self._gap_capacity,
            document=document,
            owner_pid=os.getpid(),
        )
        if self.rows_per_block == 0:
            size_bytes = len(self.memory)
            raise InputError(
                f"a spool of {size_bytes} bytes holds no row of these registers; give more --spool-size"
            )
        kinds_end = HEADER.itemsize + 4 * len(kinds)
        check = header_check(self._map[:SEALED], self._map[HEADER.itemsize : kinds_end])
        self.memory[CHECK : CHECK + 4].view("<u4")[0] = check
        header = np.frombuffer(self._map, dtype=HEADER, count=1)[0]
        self.header_bytes = int(header["header_bytes"])
        self.block_bytes = int(header["block_bytes"])
        self._types = [np.dtype("<u8"), *(np.dtype(register.dtype) for register in registers)]
        self._types += [np.dtype("<u4")] * latency
        widths = [dtype.itemsize for dtype in self._types]
        offsets = column_offsets(widths, self.rows_per_block, self._gap_capacity)
        self.column_places = tuple(zip(offsets, widths, strict=False))
        self._has_latency = latency

    def status(self) -> os.stat_result:
        """Return what fstat() says of its file."""
        return os.fstat(self._fd)

    def is_there(self) -> bool:
        """Return whether its file still has its name: without it, nobody finds what is in it."""
        with contextlib.suppress(OSError):
            return os.path.samestat(os.fstat(self._fd), os.lstat(self.path))
        return False

    def remove(self) -> None:
        """Remove its file, which may be gone: nothing in it is needed any more.

        Raises:
            OSError: As the kernel said.
        """
        if self.is_there():
            os.unlink(self.path)

    def close(self) -> None:
        """Let go of the file and its lock. What is mapped stays so while views of blocks do."""
        if self._fd < 0:
            return
        fcntl.flock(self._fd, fcntl.LOCK_UN)  # the mapping's own descriptor would hold it
        with contextlib.suppress(OSError):  # nothing was written through it
            os.close(self._fd)
        self._fd = -1

    def sealed(self) -> int:
        """Return how many blocks the sampler has handed over."""
        return self.counter(SEALED)

    def released(self) -> int:
        """Return how many of them may be filled again, or were."""
        return self.counter(RELEASED) & ~HELD

    def counter(self, offset: int) -> int:
        """Return a counter of the spool, read with acquire order: all that it counts is visible then."""
        return _native.load_counter(self.memory, offset)

    def start_of(self, sequence: int) -> int:
        """Return where the block of that sequence number begins, in bytes."""
        index = self.block_count if sequence == OVERFLOW else sequence % self.block_count
        return self.header_bytes + index * self.block_bytes

    def block(self, sequence: int) -> Block:
        """Return the sealed block of that sequence number."""
        start = self.start_of(sequence)
        header = np.frombuffer(self._map, dtype=BLOCK, count=1, offset=start)[0]
        rows = int(header["published"])
        arrays = [
            np.frombuffer(self._map, dtype=dtype, count=rows, offset=start + at)
            for dtype, (at, _) in zip(self._types, self.column_places, strict=True)
        ]
        latency = arrays.pop() if self._has_latency else None
        return Block(
            int(header["first_index"]),
            arrays[0],
            tuple(arrays[1:]),
            latency,
            self._gaps(start, header),
            int(header["missed_before"]),
        )

    def has_begun(self) -> bool:
        """Return whether the sampler has opened a block, and so may have taken samples."""
        return self.counter(OPEN) > 0

    def holds_rows(self) -> bool:
        """Return whether a row in it was not given back, by the writer or for good; the sampler has ended."""
        return any(
            self.counter(self.start_of(sequence) + PUBLISHED)
            for sequence in range(self.released(), self.counter(OPEN))
        )

    def waiting_rows(self) -> int:
        """Return how many rows are in blocks that were handed over and not released; nobody may fill any."""
        return sum(self.block(sequence).rows for sequence in range(self.released(), self.sealed()))

    def oldest(self) -> tuple[int, int] | None:
        """Return where the oldest block begins, while it may be overwritten: (samples before it, tick).

        None: there is none at the moment, or it was overwritten just now.
        """
        sequence = self.released()
        header = np.frombuffer(self._map, dtype=BLOCK, count=1, offset=self.start_of(sequence))[0].copy()
        if int(header["sequence"]) != sequence or self.released() != sequence:
            return None
        return int(header["first_index"]) - int(header["missed_before"]), int(header["anchor_ticks"])

    def overflow_gaps(self) -> tuple[TickGap, ...]:
        """Return the gaps that no block could take: those at the very end of a capture."""
        start = self.start_of(OVERFLOW)
        return self._gaps(start, np.frombuffer(self._map, dtype=BLOCK, count=1, offset=start)[0])

    def _gaps(self, start: int, header: np.void) -> tuple[TickGap, ...]:
        count = int(header["gap_count"])
        table = np.frombuffer(self._map, dtype=GAP, count=count, offset=start + BLOCK_HEADER_BYTES)
        return tick_gaps(table, int(header["first_index"]), int(header["published"]))


def _create(path: str, size_bytes: int) -> tuple[int, mmap.mmap]:
    """Make the file, lock it, and map it; after an error there is none."""
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
        return fd, mmap.mmap(fd, size_bytes)
    except OSError as error:
        raise _no_room(size_bytes, error, _undone(path, fd)) from error


def _undone(path: str, fd: int) -> str:
    """Take back the making of a file; return what is to be said of what is left."""
    try:
        os.unlink(path)
        left = ""
    except OSError:
        left = f"; {path} is left and could not be removed"
    with contextlib.suppress(OSError):
        os.close(fd)
    return left


def _no_room(size_bytes: int, error: OSError, left: str) -> RefusedError:
    room = format_size(size_bytes)
    if error.errno == errno.ENOSPC:
        cause = f"{SHARED_MEMORY} has no room for a spool of {room}"
    else:
        cause = f"cannot have a spool of {room} in {SHARED_MEMORY}: {os.strerror(error.errno or 0)}"
    return RefusedError(cause + left, remedy=_remedy(size_bytes, error), errno=error.errno)


def _remedy(size_bytes: int, error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"mount a tmpfs there (mkdir -p {SHARED_MEMORY}, mount -t tmpfs tmpfs {SHARED_MEMORY})"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"chmod 1777 {SHARED_MEMORY}, which is {describe_node(SHARED_MEMORY)}"
    if error.errno == errno.ENOSPC and size_bytes <= LEAST_BYTES:  # there is no smaller one
        return f"free some of it, or mount it larger (mount -o remount,size=64M {SHARED_MEMORY})"
    return remedy_for(error, "free some of it, or give a smaller --spool-size")
