"""A spool of this process: its file in shared memory, locked while the process lives."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
from typing import TYPE_CHECKING

import numpy as np

from regtap import _native
from regtap.errors import InputError, RefusedError
from regtap.spool.header import parse_header, write_header_check
from regtap.spool.layout import OPEN
from regtap.spool.location import SHARED_MEMORY, new_spool_path
from regtap.spool.mark_log import MarkLog
from regtap.spool.ring import Ring
from regtap.spool.size import no_room, shape_of
from regtap.system.closeable import Closeable
from regtap.units.format import count_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from regtap.registers.model import Register


class OwnSpool(Closeable):
    """The file of a spool: created and locked by this process, and removed by it at a clean end.

    Attributes:
        path: Path of the file.
        memory: All of it, as bytes (shape (size,), uint8).
    """

    def __init__(self, size_bytes: int) -> None:
        """Create and lock the file, with every page of it present.

        Raises:
            RefusedError: Shared memory has not that much room, or is not there.
        """
        self.path = new_spool_path()
        self._fd, self._map = _create(self.path, size_bytes)
        self._status = os.fstat(self._fd)
        self.memory: npt.NDArray[np.uint8] = np.frombuffer(self._map, dtype=np.uint8)
        _native.prefault(self.memory)

    def format(
        self,
        registers: Sequence[Register],
        document: bytes,
        *,
        latency: bool,
        most_block_bytes: int | None = None,
    ) -> Ring:
        """Lay out the blocks for the registers, and store the document for a recovery.

        Args:
            registers: In the order of access.
            document: Made by make_document().
            latency: Rows carry a latency.
            most_block_bytes: See shape_of().

        Raises:
            InputError: The spool is too small for a row.
        """
        block_count, gap_capacity = shape_of(len(self.memory), most_block_bytes)
        rows_per_block = _native.format_spool(
            self.memory,
            kinds=[_native.Kind[register.kind] for register in registers],
            latency=latency,
            blocks=block_count,
            gap_capacity=gap_capacity,
            document=document,
            owner_pid=os.getpid(),
        )
        if rows_per_block == 0:
            raise InputError(
                f"a spool of {count_of(len(self.memory), 'byte')} holds no row of these registers; give more "
                "--spool-size"
            )
        write_header_check(self.memory)
        return Ring(self.memory, parse_header(self._read, len(self.memory), self.path))

    def _read(self, offset: int, size: int) -> bytes:
        return self._map[offset : offset + size]

    def status(self) -> os.stat_result:
        """Return the file's fstat() from when it was created."""
        return self._status

    def mark_log(self, ring: Ring) -> MarkLog:
        """Return the log of the marks that no finished part has; `ring` is that of format()."""
        return MarkLog(self._fd, ring.header)

    def has_begun(self) -> bool:
        """Return whether a sampler has opened the first block, and so may have taken samples."""
        return _native.load_counter(self.memory, OPEN) > 0

    def is_there(self) -> bool:
        """Return whether the file still has its name: without a name no recovery finds the samples."""
        with contextlib.suppress(OSError):
            return os.path.samestat(self._status, os.lstat(self.path))
        return False

    def remove(self) -> None:
        """Remove the file, if it still has its name.

        Raises:
            OSError: As the kernel said.
        """
        if self.is_there():
            os.unlink(self.path)

    def close(self) -> None:
        """Close the file and give up its lock. The memory stays mapped as long as arrays are views of it."""
        if self._fd < 0:
            return
        with contextlib.suppress(OSError):  # of a descriptor that somebody has closed; nothing waits in it
            fcntl.flock(self._fd, fcntl.LOCK_UN)  # the mapping's own descriptor would hold it
            os.close(self._fd)
        self._fd = -1


def _create(path: str, size_bytes: int) -> tuple[int, mmap.mmap]:
    """Create a file, lock it, and map it; an error leaves no file."""
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
        raise no_room(size_bytes, error, _undo_create(path, fd)) from error


def _undo_create(path: str, fd: int) -> str:
    """Delete the file just created. Return text for the error message: empty, or that the deletion failed."""
    try:
        os.unlink(path)
        left = ""
    except OSError:
        left = f"; {path} is left and could not be removed"
    with contextlib.suppress(OSError):
        os.close(fd)
    return left
