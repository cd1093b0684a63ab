"""What a spool holds, found out in a second, plainer way than regtap's own: by offsets and struct alone."""

from __future__ import annotations

import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class Oracle:
    """How many samples a killed capture had completed, in all.

    Attributes:
        end: Index after the last completed sample or slot.
        dropped: How many of them were dropped because the ring was full.
        live_rows: Rows in blocks that were neither released nor stored.
    """

    end: int
    dropped: int
    live_rows: int


def look_at(data: bytes, stored_blocks: int = 0) -> Oracle:
    """Read a spool's bytes; logger/native/core/spool.hpp says where things are."""
    header_bytes: int
    block_bytes: int
    header_bytes, block_bytes, block_count = struct.unpack_from("<IQI", data, 12)
    sealed, opened = struct.unpack_from("<QQ", data, 64)
    gap_first, _gap_t0, gap_base = struct.unpack_from("<QQQ", data, 80)
    (gap_cause,) = struct.unpack_from("<I", data, 104)
    (released,) = struct.unpack_from("<Q", data, 128)
    released &= ~(1 << 63)  # a snapshot had the ring
    assert released <= sealed <= opened <= sealed + 1

    def at(slot: int) -> int:
        return header_bytes + slot * block_bytes

    end = live_rows = 0
    for sequence in range(released, opened):
        start = at(sequence % block_count)
        magic, number, first = struct.unpack_from("<8sQQ", data, start)
        gap_count, published = struct.unpack_from("<QQ", data, start + 56)
        assert (magic, number) == (b"REGTAPBK", sequence)
        live_rows += published * (sequence >= stored_blocks)
        if published or gap_count:
            end = max(end, first + published + _gaps(data, start, gap_count))
    overflow = at(block_count)
    gap_count, dropped = struct.unpack_from("<QQ", data, overflow + 56)
    for k in range(gap_count):
        first, count = struct.unpack_from("<QQ", data, overflow + 128 + 40 * k)
        end = max(end, first + count)
    if gap_cause:
        end = max(end, gap_first + dropped - gap_base)
    return Oracle(end, dropped, live_rows)


def _gaps(data: bytes, start: int, count: int) -> int:
    return sum(int(struct.unpack_from("<Q", data, start + 128 + 40 * k + 8)[0]) for k in range(count))
