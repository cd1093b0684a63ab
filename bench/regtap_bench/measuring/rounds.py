"""The loop of a worker: every arm in every round, in a new random order each time."""

from __future__ import annotations

import random
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regtap_bench.arms.base import BlockRunner, Reading

_WARMUP = 3  # rounds; arbitrary: caches and branch predictors have seen every arm
_MOST = 0xFFFF  # what a column of 16 bits holds


@dataclass(slots=True)
class RawRounds:
    """The raw data of one process; each array but the last is indexed [round][series][count], flat.

    Attributes:
        ticks: Ticks of each block, uint64.
        position: When in its round the block ran, from 0, uint16.
        switches: Forced context switches during the block, uint16.
        faults: Page faults during the block, uint16.
        moves: Moves to another CPU during the block, uint16.
        stolen: Time that the hypervisor took during each round, in ticks of /proc/stat, uint16.
    """

    ticks: array[int] = field(default_factory=lambda: array("Q"))
    position: array[int] = field(default_factory=lambda: array("H"))
    switches: array[int] = field(default_factory=lambda: array("H"))
    faults: array[int] = field(default_factory=lambda: array("H"))
    moves: array[int] = field(default_factory=lambda: array("H"))
    stolen: array[int] = field(default_factory=lambda: array("H"))

    @classmethod
    def zeros(cls, rounds: int, each: int) -> RawRounds:
        """Return zeroed columns for `rounds` rounds of `each` blocks."""
        raw = cls()
        for column in raw._of_blocks:
            column.frombytes(bytes(rounds * each * column.itemsize))
        raw.stolen.frombytes(bytes(rounds * raw.stolen.itemsize))
        return raw

    def put(self, at: int, position: int, reading: Reading) -> None:
        """Keep one block."""
        ticks, switches, faults, moves = reading
        self.ticks[at] = ticks
        self.position[at] = position
        self.switches[at] = min(switches, _MOST)
        self.faults[at] = min(faults, _MOST)
        self.moves[at] = moves

    def cut(self, rounds: int, each: int) -> None:
        """Keep only the first `rounds` rounds."""
        for column in self._of_blocks:
            del column[rounds * each :]
        del self.stolen[rounds:]

    def to_bytes(self) -> bytes:
        """Return all columns, one after the other."""
        return b"".join(column.tobytes() for column in (*self._of_blocks, self.stolen))

    @property
    def _of_blocks(self) -> tuple[array[int], ...]:
        return self.ticks, self.position, self.switches, self.faults, self.moves


def run_rounds(
    blocks: Sequence[BlockRunner],
    counts: Sequence[Sequence[int]],
    rounds: int,
    seed: str,
    go_on: Callable[[int, RawRounds], bool] = lambda _number, _raw: True,
) -> RawRounds:
    """Time every block with each of its counts once a round.

    A series' counts follow one another, so that their differences see the same machine; their order, and that of
    the series, is random.

    Args:
        blocks: One for each series.
        counts: For each series, the same number of counts.
        rounds: The number of rounds that are kept; a few before them are not.
        seed: Seed of the order.
        go_on: Called after each round with its number, below 0 while warming up, and what there is; whether there is
            to be another one.
    """
    draw = random.Random(seed)  # noqa: S311 - an order, not a secret
    width = len(counts[0])
    series, inner = list(range(len(blocks))), list(range(width))
    each = len(blocks) * width
    raw = RawRounds.zeros(rounds, each)
    done = 0
    for number in range(-_WARMUP, rounds):
        draw.shuffle(series)
        base, position = number * each, 0
        for at in series:
            block, lengths = blocks[at], counts[at]
            draw.shuffle(inner)
            for k in inner:
                reading = block(lengths[k])
                if number >= 0:
                    raw.put(base + at * width + k, position, reading)
                position += 1
        done = number + 1
        if not go_on(number, raw) and number >= 0:
            break
    raw.cut(done, each)
    return raw
