"""Reads the undamaged records of a segment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regtap.journal.layout import PATCH, RECORD, RECORD_MAGIC, STATE_ONLY, UNIT, check_of
from regtap.spool.layout import round_up

if TYPE_CHECKING:
    from regtap.spool.raw_file import RawSpoolFile


@dataclass(frozen=True, slots=True)
class Patch:
    """The location of bytes of the spool in a segment.

    Attributes:
        offset: Offset in the spool.
        size: The number of bytes.
        segment: The segment's file.
        at: Offset in the segment.
    """

    offset: int
    size: int
    segment: RawSpoolFile
    at: int

    def read(self) -> bytes:
        """Return the bytes; empty if the file became shorter in the meantime."""
        return self.segment.read(self.at, self.size) or b""


@dataclass(frozen=True, slots=True)
class Record:
    """An undamaged record; layout.py explains its fields."""

    serial: int
    synced: int
    block: int
    first: tuple[int, int]  # row and gap
    end: tuple[int, int]
    size: int
    patches: tuple[Patch, ...]

    @property
    def is_state(self) -> bool:
        """Whether the record holds the spool's counters and overflow block, and no rows of a block."""
        return self.first[0] == STATE_ONLY


def read_records(segment: RawSpoolFile, begin: int, identity: int) -> list[Record]:
    """Return the undamaged records of a segment, in the order of their offsets.

    A damaged record does not hide the records after it.

    Args:
        segment: The segment's file.
        begin: Offset of the first record.
        identity: The journal's identity; records of another journal are left out.
    """
    found: list[Record] = []
    at = begin
    while at + RECORD.itemsize <= segment.size_bytes:
        record = _record_at(segment, at, identity)
        if record is not None:
            found.append(record)
        at += UNIT if record is None else round_up(record.size, UNIT)
    return found


def _record_at(segment: RawSpoolFile, at: int, identity: int) -> Record | None:
    raw = segment.read(at, RECORD.itemsize)
    if raw is None or not raw.startswith(RECORD_MAGIC):
        return None
    header = np.frombuffer(raw, dtype=RECORD)
    size, count = int(header["bytes"][0]), int(header["patches"][0])
    if header["identity"][0] != identity or size < RECORD.itemsize + count * PATCH.itemsize:
        return None
    rest = segment.read(at + RECORD.itemsize, size - RECORD.itemsize)
    if rest is None or check_of(header, rest) != header["check"][0]:
        return None
    patches = _patches(segment, at + RECORD.itemsize, rest, count)
    return None if patches is None else _record(header, size, patches)


def _patches(segment: RawSpoolFile, begin: int, rest: bytes, count: int) -> tuple[Patch, ...] | None:
    at = count * PATCH.itemsize
    patches = []
    for offset, size in np.frombuffer(rest[:at], dtype=PATCH).tolist():
        patches.append(Patch(offset, size, segment, begin + at))
        at += size
    return tuple(patches) if at == len(rest) else None


def _record(header: np.ndarray, size: int, patches: tuple[Patch, ...]) -> Record:
    fields = header[0]
    return Record(
        int(fields["serial"]),
        int(fields["synced"]),
        int(fields["block"]),
        (int(fields["first_row"]), int(fields["first_gap"])),
        (int(fields["rows"]), int(fields["gaps"])),
        size,
        patches,
    )
