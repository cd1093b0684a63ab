"""The layout of a spool as numpy types; native/core/spool.hpp describes it, and mark_log.py the marks behind it."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from regtap import _native

if TYPE_CHECKING:
    from collections.abc import Sequence


MAGIC = b"REGTAPSP"
BLOCK_MAGIC = b"REGTAPBK"
VERSION = _native.SPOOL_VERSION
SEALED, OPEN, OPEN_GAP, RELEASED = 64, 72, 80, 128  # offsets of the fields that change in a live spool
HELD = 1 << 63  # in `released`: a snapshot has the ring, and nothing is overwritten
OPEN_GAP_BYTES = 28
GAP_COUNT, PUBLISHED = 56, 64  # the same in a block
GAP_ABSENT = 8  # where an entry of the gap table says how many are absent
CHECK = 136  # offset of the header's check
BLOCK_HEADER_BYTES = 128
OVERFLOW = -1  # in place of a sequence number
PAGE = _native.SPOOL_PAGE_BYTES
MOST_BLOCKS = 4096  # believed of a header; rings are made with 32 or 128
MOST_DOCUMENT_BYTES = 1 << 20

KINDS = tuple(kind.name for kind in _native.Kind)  # register types by the number that a header gives them

HEADER = np.dtype(
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
        ("sealed", "<u8"),
        ("open", "<u8"),
        ("gap_first_index", "<u8"),
        ("gap_t0_ticks", "<u8"),
        ("gap_base", "<u8"),
        ("gap_cause", "<u4"),
        ("reserved", "<u4", 5),
        ("released", "<u8"),
        ("check", "<u4"),
        ("unused", "<u4", 13),
    ]
)
BLOCK = np.dtype(
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
        ("missed_before", "<u8"),
        ("dropped_before", "<u8"),
    ]
)
GAP = np.dtype(
    [
        ("first_index", "<u8"),
        ("count", "<u8"),
        ("t0_ticks", "<u8"),
        ("t1_ticks", "<u8"),
        ("cause", "<u4"),
        ("rows", "<u4"),
    ]
)


def header_check(header: bytes, kinds: bytes) -> int:
    """Return the CRC32 of the constant bytes of a spool's header: the first 64, and the registers' kinds."""
    return zlib.crc32(kinds, zlib.crc32(header[:SEALED]))


def round_up(value: int, unit: int) -> int:
    """Return the next multiple of `unit`, or `value` if it is one."""
    return -(-value // unit) * unit


def column_offsets(widths: Sequence[int], rows_per_block: int, gap_capacity: int) -> list[int]:
    """Return the offset of each column in a block, and the offset after the last column, in bytes.

    Args:
        widths: Bytes of each column's elements.
        rows_per_block: Rows that fit one block.
        gap_capacity: Entries of the block's gap table.
    """
    offsets = [round_up(BLOCK_HEADER_BYTES + gap_capacity * GAP.itemsize, 64)]
    for width in widths:
        offsets.append(round_up(offsets[-1] + width * rows_per_block, 64))
    return offsets
