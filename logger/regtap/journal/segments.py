"""The files of a journal: allocated before the capture, written one after the other, and used again in turn."""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regtap.journal.layout import (
    MAGIC,
    SEGMENT,
    UNIT,
    VERSION,
    check_of,
    records_begin,
    segment_name,
)
from regtap.spool.layout import round_up

if TYPE_CHECKING:
    import numpy.typing as npt

# A segment holds the records of an eighth of the ring. A record is not cut, so that up to a quarter of a segment may
# stay empty at its end (a ring of 32 blocks): a full ring takes eleven segments, and one more if it begins inside one.
# The last UNIT of each is kept free for append_last.
COUNT = 12
RING_SHARE = 8


def _segment_bytes(base_bytes: int, ring_bytes: int) -> int:
    return records_begin(base_bytes) + round_up(-(-ring_bytes // RING_SHARE), UNIT) + UNIT


def total_bytes(base_bytes: int, ring_bytes: int) -> int:
    """Return the size of all files of a journal together, in bytes; see Segments for the arguments."""
    return COUNT * _segment_bytes(base_bytes, ring_bytes)


@dataclass(slots=True)
class _Segment:
    fd: int
    size: int  # bytes used
    last_block: int = -1  # the latest block that it holds; -1: none
    last_serial: int = 0  # of its latest record; 0: none


class Segments:
    """A journal's files, open for writing by one thread.

    Attributes:
        size_bytes: Size of all files together.
        written_bytes: Bytes written so far.
    """

    def __init__(self, folder_fd: int, identity: int, base: bytes, spool_bytes: int, ring_bytes: int) -> None:
        """Make the files, durably.

        Args:
            folder_fd: The trace's folder, open; stays the caller's.
            identity: A random number of this journal.
            base: The spool's header.
            spool_bytes: The spool's size.
            ring_bytes: Size of the records that the journal must be able to keep at once.

        Raises:
            OSError: As the kernel said; nothing is left then.
        """
        self._folder_fd = folder_fd
        self._begin = records_begin(len(base))
        self._segment_bytes = _segment_bytes(len(base), ring_bytes)
        self.size_bytes = total_bytes(len(base), ring_bytes)
        self.written_bytes = 0
        self._segments: list[_Segment] = []
        self._current = 0
        self._unsynced: set[int] = set()
        try:
            for number in range(COUNT):
                self._make(number, _head(number, identity, base, self._segment_bytes, spool_bytes))
            os.fsync(folder_fd)
        except BaseException:
            self.remove()
            raise

    def _make(self, number: int, head: npt.NDArray[np.uint8]) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(segment_name(number), flags, 0o600, dir_fd=self._folder_fd)
        self._segments.append(_Segment(fd, self._begin))
        if number == 0:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # tells a recovery that this process lives
        os.posix_fallocate(fd, 0, self._segment_bytes)
        write_all(fd, head, 0)
        os.fsync(fd)

    def has_room(self, size: int, released: int) -> bool:
        """Return whether there is room for a record.

        Args:
            size: Size of the record, in bytes.
            released: All blocks with lower sequence numbers are in durable parts.
        """
        return self._fits(size) or self._following.last_block < released

    def last_overwritten(self, size: int) -> int:
        """Return the number of the last record that a new one would overwrite; 0: it overwrites none.

        Args:
            size: Size of the new record, in bytes.
        """
        return 0 if self._fits(size) else self._following.last_serial

    def append(self, record: npt.NDArray[np.uint8], serial: int, block: int) -> None:
        """Write a record, after has_room() has returned True.

        Args:
            record: Bytes of the record, whole UNITs, shape (n * UNIT,).
            serial: Number of the record.
            block: Sequence number of the record's block.

        Raises:
            OSError: As the kernel said.
        """
        if not self._fits(len(record)):
            self._turn()
        self._write(record, serial, block)

    def append_last(self, record: npt.NDArray[np.uint8], serial: int) -> None:
        """Write a record of one UNIT at the end of the segment, where room is kept; later records go to the next one.

        Raises:
            OSError: As the kernel said.
        """
        self._write(record, serial, -1)

    def _fits(self, size: int) -> bool:
        return self._segments[self._current].size + size <= self._segment_bytes - UNIT

    @property
    def _following(self) -> _Segment:
        return self._segments[(self._current + 1) % COUNT]

    def _turn(self) -> None:
        self._current = (self._current + 1) % COUNT
        segment = self._segments[self._current]
        segment.size, segment.last_block = self._begin, -1

    def _write(self, record: npt.NDArray[np.uint8], serial: int, block: int) -> None:
        segment = self._segments[self._current]
        self._unsynced.add(self._current)
        write_all(segment.fd, record, segment.size)
        segment.size += len(record)
        segment.last_block = max(segment.last_block, block)
        segment.last_serial = serial
        self.written_bytes += len(record)

    def sync(self) -> None:
        """Make all records durable; raises OSError as the kernel said."""
        for number in sorted(self._unsynced):
            os.fdatasync(self._segments[number].fd)
        self._unsynced.clear()

    def are_there(self) -> bool:
        """Return whether all files are open and still have a name."""
        with contextlib.suppress(OSError):  # somebody has closed one
            return bool(self._segments) and all(os.fstat(segment.fd).st_nlink for segment in self._segments)
        return False

    def close(self) -> None:
        """Close the files without removing them; a second call does nothing.

        Raises:
            OSError: The kernel's error for one of the files; all of them are closed all the same.
        """
        failed = None
        while self._segments:
            try:
                os.close(self._segments.pop().fd)
            except OSError as error:
                failed = error
        if failed is not None:
            raise failed

    def remove(self) -> dict[str, OSError]:
        """Remove and close the files; return the kernel's error for each file that could not be removed, by its name.

        Files that stay do no harm: the next recovery removes them.
        """
        staying = {}
        for name in map(segment_name, range(len(self._segments))):
            try:
                os.unlink(name, dir_fd=self._folder_fd)
            except OSError as error:
                staying[name] = error
        with contextlib.suppress(OSError):  # the content of the files is not needed any more
            self.close()
        return staying


def _head(
    number: int, identity: int, base: bytes, segment_bytes: int, spool_bytes: int
) -> npt.NDArray[np.uint8]:
    header = np.zeros(1, dtype=SEGMENT)
    header[0] = (MAGIC, VERSION, number, identity, segment_bytes, spool_bytes, len(base), 0)
    header["check"] = check_of(header, base)
    head = np.zeros(records_begin(len(base)), dtype=np.uint8)
    head[: SEGMENT.itemsize] = header.view(np.uint8)
    head[SEGMENT.itemsize :][: len(base)] = np.frombuffer(base, dtype=np.uint8)
    return head


def write_all(fd: int, data: npt.NDArray[np.uint8], offset: int) -> None:
    """Write all bytes at an offset of a file; raises OSError as the kernel said."""
    done = 0
    while done < len(data):
        done += os.pwrite(fd, data[done:].data, offset + done)
