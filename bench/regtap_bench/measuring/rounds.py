"""The loop of a worker: every arm in every round, in an order that is drawn anew for each."""

from __future__ import annotations

import random
import time
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap_bench.arms.base import Block

_WARMUP = 3
_MOST = 0xFFFF  # what a column of 16 bits holds


@dataclass(slots=True)
class RawRounds:
    """What one process measured, raw; each array is indexed [round][series][count], flat.

    Attributes:
        ticks: Of each block, uint64.
        position: When in its round the block ran, from 0, uint16.
        switches: Context switches during the block, uint16.
        faults: Page faults during the block, uint16.
    """

    ticks: array[int] = field(default_factory=lambda: array("Q"))
    position: array[int] = field(default_factory=lambda: array("H"))
    switches: array[int] = field(default_factory=lambda: array("H"))
    faults: array[int] = field(default_factory=lambda: array("H"))

    @classmethod
    def zeros(cls, length: int) -> RawRounds:
        """Return room for so many blocks."""
        raw = cls()
        for column in (raw.ticks, raw.position, raw.switches, raw.faults):
            column.frombytes(bytes(length * column.itemsize))
        return raw

    def put(self, at: int, position: int, reading: tuple[int, int, int]) -> None:
        """Keep one block."""
        ticks, switches, faults = reading
        self.ticks[at] = ticks
        self.position[at] = position
        self.switches[at] = min(switches, _MOST)
        self.faults[at] = min(faults, _MOST)

    def cut(self, length: int) -> None:
        """Keep only so many blocks."""
        for column in (self.ticks, self.position, self.switches, self.faults):
            del column[length:]

    def to_bytes(self) -> bytes:
        """Return all four, one after the other."""
        return b"".join(
            column.tobytes() for column in (self.ticks, self.position, self.switches, self.faults)
        )


def run_rounds(
    blocks: Sequence[Block],
    counts: Sequence[Sequence[int]],
    rounds: int,
    seed: str,
    deadline_s: float = float("inf"),
) -> RawRounds:
    """Time every block with each of its counts once a round.

    A series' counts follow one another, so that their differences see the same machine; their order, and that of
    the series, is random.

    Args:
        blocks: One for each series.
        counts: For each series, the same number of counts.
        rounds: How many are kept; a few before them are not.
        seed: Of the order.
        deadline_s: No round begins after this time of time.monotonic(), once there is one.
    """
    draw = random.Random(seed)  # noqa: S311 - an order, not a secret
    width = len(counts[0])
    series, inner = list(range(len(blocks))), list(range(width))
    raw = RawRounds.zeros(rounds * len(blocks) * width)
    done = 0
    for number in range(-_WARMUP, rounds):
        if number > 0 and time.monotonic() > deadline_s:
            break
        draw.shuffle(series)
        base, position = number * len(blocks) * width, 0
        for at in series:
            block, each = blocks[at], counts[at]
            draw.shuffle(inner)
            for k in inner:
                reading = block(each[k])
                if number >= 0:
                    raw.put(base + at * width + k, position, reading)
                position += 1
        done = number + 1
    raw.cut(done * len(blocks) * width)
    return raw
