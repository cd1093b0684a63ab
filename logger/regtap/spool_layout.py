"""The layout of a spool, as logger/native/core/spool.hpp describes it, in numpy's terms."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regtap.trace_format import CAUSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

MAGIC = b"REGTAPSP"
BLOCK_MAGIC = b"REGTAPBK"
VERSION = 2
SEALED, OPEN, OPEN_GAP, RELEASED = 64, 72, 80, 128  # offsets of what a live spool is asked for
HELD = 1 << 63  # in `released`: a snapshot has the ring, and nothing is overwritten
OPEN_GAP_BYTES = 28
GAP_COUNT, PUBLISHED = 56, 64  # the same in a block
GAP_ABSENT = 8  # where an entry of the gap table says how many are absent
CHECK = 136  # offset of the header's check
BLOCK_HEADER_BYTES = 128
OVERFLOW = -1  # in place of a sequence number
PAGE = 4096
MOST_BLOCKS = 4096  # believed of a header; rings are made with 32 or 128
MOST_DOCUMENT_BYTES = 1 << 20

# kinds in their native order (core/access.hpp)
KINDS = ("u8", "u16", "u32", "u64", "u16be", "u32be", "u64be")

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


@dataclass(frozen=True, slots=True)
class TickGap:
    """A gap with its times still in ticks; see trace_format.Gap."""

    first_index: int
    count: int
    t0_ticks: int
    t1_ticks: int
    cause: str
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """What a block holds; a live spool's arrays are views, valid until the block is released.

    Attributes:
        first_index: Index of its first sample, slot or gap.
        ticks: Shape (rows,).
        columns: One array of shape (rows,) for each register.
        latency: Shape (rows,) in ticks, or None.
        gaps: Its gaps, in order.
        missed_before: Slots missed before first_index, in the whole capture.
    """

    first_index: int
    ticks: npt.NDArray[np.uint64]
    columns: tuple[npt.NDArray[np.unsignedinteger], ...]
    latency: npt.NDArray[np.uint32] | None
    gaps: tuple[TickGap, ...]
    missed_before: int = 0

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return len(self.ticks)

    @property
    def first_tick(self) -> int:
        """Earliest tick in it, of a row or a gap; a block that was handed over has one or the other."""
        ticks = [int(self.ticks[0])] if self.rows else []
        return min(ticks + [gap.t0_ticks for gap in self.gaps[:1]])

    @property
    def last_tick(self) -> int:
        """Latest tick in it."""
        ticks = [int(self.ticks[-1])] if self.rows else []
        return max(ticks + [gap.t1_ticks for gap in self.gaps[-1:]])

    @property
    def missed_after(self) -> int:
        """Slots missed up to its end, in the whole capture."""
        return self.missed_before + sum(gap.count for gap in self.gaps if gap.cause == "missed")


def header_check(header: bytes, kinds: bytes) -> int:
    """Return the CRC32 of what never changes in a spool's header: its first 64 bytes, and the registers' kinds."""
    return zlib.crc32(kinds, zlib.crc32(header[:SEALED]))


def round_up(value: int, unit: int) -> int:
    """Return the next multiple of `unit`, or `value` if it is one."""
    return -(-value // unit) * unit


def column_offsets(widths: Sequence[int], rows_per_block: int, gap_capacity: int) -> list[int]:
    """Return where in a block each array begins, given the bytes of their elements, and then their end."""
    offsets = [round_up(BLOCK_HEADER_BYTES + gap_capacity * GAP.itemsize, 64)]
    for width in widths:
        offsets.append(round_up(offsets[-1] + width * rows_per_block, 64))
    return offsets


def tick_gaps(table: npt.NDArray[np.void], first_index: int, rows: int) -> tuple[TickGap, ...]:
    """Return the entries of a block's gap table; their causes must be known ones.

    No gap reaches beyond the block's rows: the last one of a block that was cut off may say so
    (Filler::join_missed).

    Args:
        table: Shape (gaps,), of GAP.
        first_index: Of the block.
        rows: That it has.
    """
    gaps = []
    absent = 0
    for first, count, t0_ticks, t1_ticks, cause, inside in table.tolist():
        left = rows - (first - first_index - absent)  # rows after its beginning
        name = CAUSES[cause - 1]  # the native numbers begin with "none"
        gaps.append(TickGap(first, count, t0_ticks, t1_ticks, name, max(0, min(inside, left))))
        absent += count
    return tuple(gaps)
