"""The marks of a capture in its spool, for a recovery: those that no finished part has.

Behind the overflow block (native/core/spool.hpp has what is before it) lie two areas, filled in turn: one has the marks
of the open part, the other one those of the part that is being finished. An entry is a check (CRC32 of the rest), the
size of the text in bytes, a number, the time in ns of the trace, and the text in UTF-8, padded to 8 bytes;
little-endian on every machine. The numbers count all marks of the capture, so that an area ends at the first entry that
is damaged or does not carry the next number. An area is cleared once the part with its marks is durable; a kill before
that leaves marks that the part has too, and a recovery knows them by their time and text.

Only threads of the recorder's own process write here, with pwrite(2): the sampling thread neither does nor waits.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from typing import TYPE_CHECKING

from regtap.spool.layout import PAGE, round_up
from regtap.trace.metadata import Mark
from regtap.trace.ranges import LARGEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regtap.spool.header import Header, Read

# That wait for a part. A reader takes 2**19 lists and texts, and 32 MiB, in a part's metadata (trace/metadata.py); JSON
# takes up to 6 bytes a letter.
MOST_MARKS, MOST_MARK_LETTERS = 100_000, 4 << 20
# Of the largest marks: 4 bytes a letter, and 32 for each; pages without an entry take no memory.
AREA_BYTES = 32 << 20
_CHECK, _BODY = struct.Struct("<I"), struct.Struct("<IQq")
_HEAD_BYTES = _CHECK.size + _BODY.size


def mark_areas(header: Header) -> tuple[int, int]:
    """Return the offsets of the two areas in a spool, in bytes."""
    first = round_up(header.overflow_start + header.block_bytes, PAGE)
    return first, first + AREA_BYTES


class MarkLog:
    """Writes the marks of a live capture; its caller calls add() and turn() one after the other.

    A mark that shared memory has no room for is in no log, and only a kill before its part is finished loses it.

    Args:
        fd: The spool, open for writing; stays the caller's.
        header: The spool's header.
    """

    def __init__(self, fd: int, header: Header) -> None:
        self._fd = fd
        self._areas = mark_areas(header)
        self._current = 0
        self._ends = [0, 0]  # of the areas' entries
        self._count = 0

    def add(self, mark: Mark) -> None:
        """Add a mark of the open part."""
        text = mark.text.encode()
        body = _BODY.pack(len(text), self._count + 1, mark.t_ns) + text
        entry = _CHECK.pack(zlib.crc32(body)) + body
        with contextlib.suppress(OSError):
            end = self._ends[self._current]
            if os.pwrite(self._fd, entry, self._areas[self._current] + end) == len(entry):
                self._count += 1
                self._ends[self._current] = end + round_up(len(entry), 8)

    def turn(self) -> None:
        """Begin with the marks of the next part, once clear() has emptied its area."""
        self._current = 1 - self._current

    def clear(self) -> None:
        """Forget the marks of the part before the open one: that part is durable."""
        before = 1 - self._current
        if self._ends[before]:
            self._ends[before] = 0
            with contextlib.suppress(OSError):
                os.pwrite(self._fd, bytes(_HEAD_BYTES), self._areas[before])


def read_marks(read: Read, header: Header) -> tuple[Mark, ...]:
    """Return the marks in a spool that was left behind, in the order in which they were set.

    Args:
        read: Reads the spool.
        header: The spool's header.
    """
    found = sorted(
        (entry for area in mark_areas(header) for entry in _entries(read, area)), key=lambda entry: entry[0]
    )
    marks, letters = [], 0
    for _, mark in found[:MOST_MARKS]:
        letters += len(mark.text)
        if letters > MOST_MARK_LETTERS:
            break
        marks.append(mark)
    return tuple(marks)


def _entries(read: Read, area: int) -> Iterator[tuple[int, Mark]]:
    """Yield the numbers and marks of an area."""
    at, stop, before = area, area + AREA_BYTES, None
    while (head := read(at, _HEAD_BYTES)) is not None:
        (check,), (size, number, t_ns) = _CHECK.unpack_from(head), _BODY.unpack_from(head, _CHECK.size)
        end = at + round_up(_HEAD_BYTES + size, 8)
        text = read(at + _HEAD_BYTES, size) if end <= stop else None
        if (
            text is None
            or zlib.crc32(head[_CHECK.size :] + text) != check
            or before not in (None, number - 1)
        ):
            return
        mark = _mark(t_ns, text)
        if mark is not None:
            yield number, mark
        at, before = end, number


def _mark(t_ns: int, text: bytes) -> Mark | None:
    """Return a mark, or None for one that no recorder has written."""
    try:
        return Mark(t_ns, text.decode()) if abs(t_ns) <= LARGEST else None
    except UnicodeDecodeError:
        return None
