"""The layout of a journal's files, in numpy's terms, and the CRC32C of a record.

    _journal-00, _journal-01, ...   segments: files of equal size, allocated before the capture begins, used in turn

A segment: SEGMENT, the spool's own header (base_bytes of it), zeros up to a multiple of UNIT, then records, each from
a multiple of UNIT on: RECORD, `patches` PATCHes, and the bytes that they place, one after the other.

Rules, from which it follows that what was synced survives and that nothing else is believed:

- Records are numbered through the whole journal (`serial`). A CRC32C covers each record, with its number and the
  journal's identity, so that a record which the disk wrote in part, or one of another journal, is recognised.
- No UNIT holds bytes of two records: a torn write cannot damage a record that was synced.
- `synced` is the number of the last record that was known to be on disk when this record was written. A record missing
  up to there is damaged, or was overwritten. A record missing after there was never promised: a recovery ignores it
  and all records after it.
- A segment is used again only when all its blocks are in durable parts, and when a record of another segment is on
  disk whose `synced` covers all records of this one: otherwise a recovery would ignore the records after them. Old
  records at the end of a segment that is used again are valid, but belong to blocks that are in parts; their numbers
  are lower than those of the records before them.
- A record continues the record before it of the same block (`first_row`, `first_gap`); where it does not, a record
  between them is damaged, and the block ends there.

Numbers are little-endian; the bytes that a PATCH places are in the spool's own order.
"""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from regtap.spool.layout import PAGE, round_up
from regtap.trace.files import JOURNAL_PREFIX

MAGIC = b"REGTAPJL"
RECORD_MAGIC = b"REGTAPJR"
VERSION = 1  # 1: first version
UNIT = PAGE  # no less than any disk's sector

SEGMENT = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<u4"),
        ("number", "<u4"),
        ("identity", "<u8"),
        ("segment_bytes", "<u8"),
        ("spool_bytes", "<u8"),
        ("base_bytes", "<u4"),
        ("check", "<u4"),  # CRC32C of this header, with 0 here, and of the base
    ]
)
RECORD = np.dtype(
    [
        ("magic", "S8"),
        ("identity", "<u8"),
        ("serial", "<u8"),
        ("synced", "<u8"),
        (
            "block",
            "<u8",
        ),  # the spool's block that it belongs to; without rows or gaps: the first one still to come
        ("first_row", "<u4"),
        ("rows", "<u4"),  # of the block, once it is applied
        ("first_gap", "<u4"),
        ("gaps", "<u4"),
        ("patches", "<u4"),
        ("check", "<u4"),  # CRC32C of the whole record, with 0 here
        ("bytes", "<u8"),  # of the whole record
    ]
)
PATCH = np.dtype([("offset", "<u8"), ("bytes", "<u8")])
STATE_ONLY = (
    1 << 32
) - 1  # in first_row: nothing of a block, only the spool's counters and its overflow block


def segment_name(number: int) -> str:
    """Return the name of a segment's file."""
    return f"{JOURNAL_PREFIX}{number:02d}"


def all_segments(folder: str) -> str:
    """Return the path pattern of a journal's files, for messages.

    Args:
        folder: The trace's folder.
    """
    return os.path.join(folder, f"{JOURNAL_PREFIX}*")


def records_begin(base_bytes: int) -> int:
    """Return the offset of the first record in a segment, in bytes.

    Args:
        base_bytes: Size of the spool's header.
    """
    return round_up(SEGMENT.itemsize + base_bytes, UNIT)


def checksum(data: npt.NDArray[np.uint8] | bytes, before: int = 0) -> int:
    """Return the CRC32C of bytes.

    Args:
        data: The bytes, shape (n,).
        before: CRC32C of the bytes before them, which this one continues.
    """
    import google_crc32c  # only a durable capture needs it

    if isinstance(data, np.ndarray):
        data = data.view()
        data.flags.writeable = False  # the library takes nothing that could change meanwhile
    return int(google_crc32c.extend(before, data))


def check_of(header: npt.NDArray[np.void], rest: npt.NDArray[np.uint8] | bytes) -> int:
    """Return the CRC32C of a header and of the bytes after it.

    Args:
        header: Shape (1,); its field `check` is taken as 0.
        rest: The bytes after the header, shape (n,).
    """
    blank = header.copy()
    blank["check"] = 0
    return checksum(rest, checksum(blank.tobytes()))
