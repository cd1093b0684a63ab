"""Plays back a journal: its records give the spool as of the last sync."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regtap.errors import TraceError
from regtap.journal.layout import MAGIC, SEGMENT, VERSION, all_segments, check_of, records_begin
from regtap.journal.record_reader import read_records
from regtap.spool.layout import HEADER, MOST_BLOCKS, OPEN, RELEASED, SEALED
from regtap.spool.raw_file import RawSpoolFile
from regtap.spool.reader import SpoolReader
from regtap.system.files import is_open_to_others
from regtap.system.permissions import describe_user
from regtap.trace.files import JOURNAL_PREFIX

if TYPE_CHECKING:
    from pathlib import Path

    from regtap.journal.record_reader import Patch, Record

_NAME = re.compile(re.escape(JOURNAL_PREFIX) + r"\d{2,}\Z")
_COUNTERS_END = RELEASED + 8
_LARGEST_HEAD = 1 << 24


def segment_paths(folder: Path) -> list[Path]:
    """Return the paths of a trace's journal files; empty if the trace has no journal."""
    return sorted(folder / name for name in os.listdir(folder) if _NAME.match(name))


@dataclass(frozen=True, slots=True)
class _Head:
    identity: int
    spool_bytes: int
    block_bytes: int
    block_count: int
    base: bytes


class ReplayedSpool(RawSpoolFile):
    """The bytes of the spool as of the last sync: header and blocks that are in no part; zeros elsewhere.

    Attributes:
        broken: One line for each block with rows missing that were on disk before.
    """

    def __init__(self, folder: Path, next_block: int) -> None:
        """Open the journal of a trace and play back its records.

        Args:
            folder: The trace's folder.
            next_block: Sequence number of the first block that is in no finished part.

        Raises:
            TraceError: The trace has no journal, or a damaged one, or files of different captures.
            OSError: As the kernel said.
        """
        paths = segment_paths(folder)
        if not paths:
            raise TraceError(f"{folder}: it has no journal")
        with ExitStack() as stack:
            super().__init__(os.fspath(paths[0]))  # the first one carries the lock
            stack.callback(super().close)
            self.try_lock()  # before anything is read; a caller that needs the lock asks again
            segments = [stack.enter_context(RawSpoolFile(os.fspath(path))) for path in paths]
            for segment in segments:
                _require_own(segment)
            head = _head_of(folder, segments)
            self._files = stack.pop_all()
        self.path = all_segments(os.fspath(folder))
        self.size_bytes = head.spool_bytes
        self.broken: list[str] = []
        self._base = bytearray(head.base)
        self._slots: dict[int, list[Patch]] = {}
        self._ends: dict[int, tuple[int, tuple[int, int]]] = {}  # of each slot: its block, rows and gaps
        self._block_bytes, self._block_count = head.block_bytes, head.block_count
        for record in _promised(segments, head):
            self._apply(record, next_block)
        if next_block > self._counter(SEALED):
            self._begin_anew(next_block)

    def close(self) -> None:
        """Close all files; that gives up the lock."""
        self._files.close()

    def _counter(self, offset: int) -> int:
        return int.from_bytes(self._base[offset : offset + 8], "little")

    def _begin_anew(self, block: int) -> None:
        """Drop the journal's counters and overflow block, which are older than the finished parts."""
        self._base[SEALED:_COUNTERS_END] = bytes(_COUNTERS_END - SEALED)
        for offset in (SEALED, OPEN, RELEASED):
            self._base[offset : offset + 8] = block.to_bytes(8, "little")
        self._slots.pop(self._block_count, None)

    def _apply(self, record: Record, next_block: int) -> None:
        if record.is_state:
            self._apply_state(record)
            return
        slot = record.block % self._block_count
        begins = record.first == (0, 0) and record.block != self._ends.get(slot, (-1,))[0]
        if begins:
            self._slots[slot] = []
        elif self._ends.get(slot) != (record.block, record.first):
            line = f"block {record.block}: a record of the journal is damaged"
            if record.block >= next_block and line not in self.broken:
                self.broken.append(line)
            return
        self._slots[slot] += record.patches
        self._ends[slot] = record.block, record.end

    def _apply_state(self, record: Record) -> None:
        if not record.patches:  # the record only tells which records were synced
            return
        self._slots[self._block_count] = []
        for patch in record.patches:
            if patch.offset >= SEALED and patch.offset + patch.size <= _COUNTERS_END:
                self._base[patch.offset : patch.offset + patch.size] = patch.read()
            else:
                self._slots[self._block_count].append(patch)

    def read(self, offset: int, size: int) -> bytes | None:
        """Return `size` bytes of the spool at an offset; None if the spool ends before them."""
        if size > self.size_bytes - offset:
            return None
        if offset < len(self._base):
            return bytes(self._base[offset : offset + size])
        data = bytearray(size)
        for patch in self._slots.get((offset - len(self._base)) // self._block_bytes, ()):
            begin, end = max(offset, patch.offset), min(offset + size, patch.offset + patch.size)
            if begin < end:
                part = patch.segment.read(patch.at + begin - patch.offset, end - begin)
                if part is None:
                    return None
                data[begin - offset : end - offset] = part
        return bytes(data)


class JournalReader(SpoolReader):
    """Reads a journal like a spool; see ReplayedSpool.

    Args:
        folder: The trace's folder.
        next_block: Sequence number of the first block that is in no finished part.
    """

    def __init__(self, folder: Path, next_block: int) -> None:
        source = ReplayedSpool(folder, next_block)
        super().__init__(source.path, source)
        self.broken = source.broken


def _require_own(segment: RawSpoolFile) -> None:
    """Raise TraceError unless only this process's user can have written a segment."""
    if not segment.is_own:
        raise TraceError(f"{segment.path} belongs to another user than {describe_user()}; it is not believed")
    if is_open_to_others(segment.status):
        raise TraceError(f"other users may write to {segment.path}; if nobody did, chmod go-w it")


def _head_of(folder: Path, segments: list[RawSpoolFile]) -> _Head:
    """Return the header that all segments of a journal share."""
    heads = [head for head in map(_read_head, segments) if head is not None]
    if not heads:
        raise TraceError(f"{folder}: no file of its journal can be read")
    if len({head.identity for head in heads}) > 1:
        raise TraceError(f"{folder}: the files of its journal are of different captures")
    return heads[0]


def _read_head(segment: RawSpoolFile) -> _Head | None:
    raw = segment.read(0, SEGMENT.itemsize)
    if raw is None or not raw.startswith(MAGIC):
        return None
    header = np.frombuffer(raw, dtype=SEGMENT)
    if header["version"][0] != VERSION:
        raise TraceError(f"{segment.path}: its version is not one that this regtap reads; upgrade it")
    size = int(header["base_bytes"][0])
    base = segment.read(SEGMENT.itemsize, size) if HEADER.itemsize <= size <= _LARGEST_HEAD else None
    if base is None or check_of(header, base) != header["check"][0]:
        return None
    spool = np.frombuffer(base, dtype=HEADER, count=1)[0]
    if size != spool["header_bytes"]:
        return None
    sizes = int(header["spool_bytes"][0]), int(spool["block_bytes"]), int(spool["block_count"])
    spool_bytes, block_bytes, block_count = sizes
    # A segment holds the records of an eighth of the ring, and is allocated before the capture begins.
    holds = (
        all(sizes) and block_bytes <= spool_bytes <= 16 * segment.size_bytes and block_count <= MOST_BLOCKS
    )
    return _Head(int(header["identity"][0]), *sizes, base) if holds else None


def _promised(segments: list[RawSpoolFile], head: _Head) -> list[Record]:
    """Return the records of all segments in the order of their numbers, up to the first that was never promised.

    See layout.py: a missing record after the last `synced` was never known to be on disk.
    """
    begin = records_begin(len(head.base))
    found = [record for segment in segments for record in read_records(segment, begin, head.identity)]
    found.sort(key=lambda record: record.serial)
    synced = max((record.synced for record in found), default=0)
    before = 0
    for k, record in enumerate(found):
        if record.serial - 1 > max(before, synced):
            return found[:k]
        before = record.serial
    return found
