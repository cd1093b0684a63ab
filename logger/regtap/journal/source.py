"""Reads a consistent copy of a live spool while the sampler goes on filling it.

The order of reading makes the copy consistent; the sampler knows nothing of it. The tail is read first: the number of
opened blocks, and the samples that are being dropped. The blocks are read after the tail, and each is cut where its own
counters agree:

- `published` is read (acquire) before `gap_count`, so that the copy has every gap before its last row; gaps after that
  row are left for the next copy. The last gap may still grow (Filler::join_missed): its count is read before its
  other fields, which are then no older, and the gap is copied again when it has grown.
- While samples are dropped no block is open, so that the overflow block of the tail continues the last block. If the
  counters of the tail change while it is read, it is read again; after 100 tries it is left out. When storing resumes,
  the gaps of the overflow block are moved into the newly opened block; in between they may be in both, or in the
  overflow block alone.

So the copy is always a spool that a killed process could have left behind, at some moment since the tail was read. Only
the number of dropped samples may be older than the blocks: in the overflow block of the copy, `published` and the gaps
then agree on the older number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regtap.spool.layout import (
    BLOCK,
    BLOCK_HEADER_BYTES,
    GAP,
    GAP_ABSENT,
    GAP_COUNT,
    OPEN,
    OPEN_GAP,
    OPEN_GAP_BYTES,
    OVERFLOW,
    PUBLISHED,
    RELEASED,
    SEALED,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from regtap.spool.ring import Ring

    Pieces = list[tuple[int, npt.NDArray[np.uint8]]]  # offsets in the spool, and the bytes there

_TRIES = 100


@dataclass(frozen=True, slots=True)
class Tail:
    """The counters and the overflow block of a spool.

    Attributes:
        sealed: The number of sealed blocks.
        opened: The number of opened blocks.
        pieces: The counters and the overflow block, as bytes of the spool.
        is_whole: Whether the tail includes the open block and the samples that are being dropped. If they change too
            fast to be read, it ends with the last sealed block.
    """

    sealed: int
    opened: int
    pieces: Pieces
    is_whole: bool


@dataclass(frozen=True, slots=True)
class _Counters:
    """The fields that change whenever the tail changes."""

    opened: int
    sealed: int
    gap_count: int
    open_gap: bytes

    @property
    def has_overflow(self) -> bool:
        """Whether the overflow block may hold samples or gaps that are in no other block."""
        return self.opened == self.sealed or self.gap_count > 0

    def as_bytes(self, released: int) -> npt.NDArray[np.uint8]:
        """Return the changing part of a spool's header, from the counter `sealed` to the counter `released`."""
        counters = np.zeros(RELEASED + 8 - SEALED, dtype=np.uint8)
        counters[:16].view("<u8")[:] = self.sealed, self.opened
        counters[OPEN_GAP - SEALED :][: len(self.open_gap)] = np.frombuffer(self.open_gap, dtype=np.uint8)
        counters[RELEASED - SEALED :].view("<u8")[0] = released
        return counters


@dataclass(frozen=True, slots=True)
class Copied:
    """The amount of a block that has been copied.

    Attributes:
        block: Sequence number of the block.
        rows: Rows copied.
        gaps: Gaps copied.
        absent: Samples or slots of the last copied gap.
    """

    block: int
    rows: int = 0
    gaps: int = 0
    absent: int = 0


def read_tail(ring: Ring) -> Tail:
    """Return the counters and the overflow block of a spool, as they were at one moment."""
    for _ in range(_TRIES):
        before = _counters(ring)
        pieces = _overflow(ring, before)
        if _counters(ring) == before:
            return _tail(ring, before, [*pieces, *_last_dropped(ring, before)], is_whole=True)
    handed_over = _Counters(before.sealed, before.sealed, 0, b"")
    return _tail(ring, handed_over, [_overflow_header(ring, 0)], is_whole=False)


def _tail(ring: Ring, counters: _Counters, overflow: Pieces, *, is_whole: bool) -> Tail:
    pieces = [(SEALED, counters.as_bytes(ring.released())), *overflow]
    return Tail(counters.sealed, counters.opened, pieces, is_whole)


def _counters(ring: Ring) -> _Counters:
    return _Counters(
        ring.counter(OPEN),
        ring.counter(SEALED),
        ring.counter(ring.start_of(OVERFLOW) + GAP_COUNT),
        ring.memory[OPEN_GAP : OPEN_GAP + OPEN_GAP_BYTES].tobytes(),
    )


def _overflow(ring: Ring, counters: _Counters) -> Pieces:
    if not counters.has_overflow:
        return [_overflow_header(ring, 0)]
    start = ring.start_of(OVERFLOW)
    table_bytes = counters.gap_count * GAP.itemsize
    table = ring.memory[start + BLOCK_HEADER_BYTES :][:table_bytes].copy()
    return [_overflow_header(ring, counters.gap_count), (start + BLOCK_HEADER_BYTES, table)]


def _last_dropped(ring: Ring, counters: _Counters) -> Pieces:
    """Return the largest tick in the overflow block, the time of the last dropped sample; `recover` looks for it."""
    if not counters.has_overflow:
        return []
    start = ring.start_of(OVERFLOW)
    at = ring.header.columns[0].offset
    ticks = ring.memory[start + at :][: 8 * ring.rows_per_block].view(np.uint64)
    return [(start + at, ticks.max(keepdims=True).view(np.uint8))]


def _overflow_header(ring: Ring, gap_count: int) -> tuple[int, npt.NDArray[np.uint8]]:
    start = ring.start_of(OVERFLOW)
    header = np.zeros(1, dtype=BLOCK)
    header["published"] = ring.counter(start + PUBLISHED)
    header["gap_count"] = gap_count
    return start, header.view(np.uint8)


def read_block(ring: Ring, done: Copied) -> tuple[Copied, Pieces]:
    """Return the amount of a block that is there now, and the pieces that are new.

    Args:
        ring: The live spool's blocks.
        done: The amount of the block that has been copied.

    Returns:
        The pieces' arrays are views of the spool: copy them while you hold `ring.copying`.
    """
    start = ring.start_of(done.block)
    rows = ring.counter(start + PUBLISHED)
    count = ring.counter(start + GAP_COUNT)
    header = ring.memory[start : start + BLOCK_HEADER_BYTES].copy()
    fields = header[: BLOCK.itemsize].view(BLOCK)
    table = _gap_table(ring, start, count)
    gaps = _gaps_among(rows, int(fields["first_index"][0]), table)
    absent = int(table["count"][gaps - 1]) if gaps else 0
    fields["published"], fields["gap_count"] = rows, gaps
    pieces: Pieces = [(start, header)]
    if (gaps, absent) != (done.gaps, done.absent):
        first = max(0, done.gaps - 1)  # which may have grown
        new = table[first:gaps].view(np.uint8)
        pieces.append((start + BLOCK_HEADER_BYTES + first * GAP.itemsize, new))
    if rows > done.rows:
        for column in ring.header.columns:
            width = column.dtype.itemsize
            first = start + column.offset + done.rows * width
            pieces.append((first, ring.memory[first : first + (rows - done.rows) * width]))
    return Copied(done.block, rows, gaps, absent), pieces


def _gap_table(ring: Ring, start: int, count: int) -> npt.NDArray[np.void]:
    """Return a copy of a block's gap table (shape (count,), GAP); the last gap may be growing."""
    at = start + BLOCK_HEADER_BYTES
    absent = ring.counter(at + (count - 1) * GAP.itemsize + GAP_ABSENT) if count else 0
    table = ring.memory[at:][: count * GAP.itemsize].copy().view(GAP)
    if count:
        table["count"][-1] = absent
    return table


def _gaps_among(rows: int, first_index: int, table: npt.NDArray[np.void]) -> int:
    """Return the number of gaps that lie before the last of `rows` rows of a block, or right after it."""
    counts = table["count"].astype(np.uint64)
    rows_before = table["first_index"] - np.uint64(first_index) - (np.cumsum(counts) - counts)
    return int(np.count_nonzero(rows_before <= rows))
