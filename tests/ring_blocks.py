"""Blocks as the ring hands them over, with a clock whose tick is a nanosecond."""

from __future__ import annotations

import numpy as np

from regtap.clock.anchored import AnchoredClock
from regtap.registers.model import Register
from regtap.spool.block import Block
from regtap.trace.metadata import Anchor, ClockInfo, Mode, PartMetadata, StartTimes

CLOCK = ClockInfo("tsc", 1e9, 1.0, (Anchor(0, 0, 0, 0.0), Anchor(1 << 40, 1 << 40, 1 << 40, 0.0)))
START = StartTimes(0, 0, 0, 0)
METADATA = PartMetadata(
    registers=(Register("a", 0), Register("b", 8, "u8")),
    target="sim",
    mode=Mode(None, "wait", latency=True),
    clock=CLOCK,
    start=START,
    host={},
    part=0,
    first_index=0,
)


def new_clock() -> AnchoredClock:
    return AnchoredClock(CLOCK, START)


def block_of(rows: int, first_tick: int = 0) -> Block:
    """Return a block whose ticks, values of `a` and low bytes of `b` count up."""
    index = np.arange(rows)
    ticks = (first_tick + 10 * index).astype(np.uint64)
    return Block(0, ticks, (index.astype(np.uint32), index.astype(np.uint8)), index.astype(np.uint32), ())
