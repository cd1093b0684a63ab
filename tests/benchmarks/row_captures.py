"""Captures of a few milliseconds, by which the cost of a row is measured."""

from __future__ import annotations

import itertools
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

import regtap

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 2_000_000  # 20 ms
PIECE = 512  # rows: 5 us
OVERWRITES = {"on_full": "overwrite"}


def seconds_a_row(capture: regtap.Capture) -> float:
    """Return a row's cost from the ticks that the ring still holds: the median over pieces of its last blocks.

    An interrupt, or another process on the CPU, spoils one piece.
    """
    resources = capture._begun().resources
    ring, last = resources.loop.ring, resources.loop.ring.sealed()
    costs = []
    for sequence in range(last - ring.block_count // 2, last - 1):  # the last block may be short
        edges = ring.block(sequence).ticks[::PIECE].astype(np.int64)
        costs.append(np.diff(edges) / PIECE)
    return float(np.median(np.concatenate(costs))) * resources.loop.timebase.ns_per_tick / 1e9


class Captures:
    """Makes blocks of one capture each, into a folder that is removed.

    Args:
        target: The target of the registers.
        folder: Where the traces go.
    """

    def __init__(self, target: str, folder: str) -> None:
        self._target = target
        self._folder = folder
        self._numbers = itertools.count()

    def block(
        self,
        cost: Callable[[regtap.Capture], float],
        options: dict[str, Any],
        names: tuple[str, ...] = ("a=0:u32",),
    ) -> Callable[[], float]:
        """Return a block that takes ROWS rows, and returns what each of them took."""

        def run() -> float:
            output = f"{self._folder}/{next(self._numbers)}"
            given = {**options, "samples": ROWS, "spool_size": "16MiB", "target": self._target}
            with regtap.record(names, output, **given) as capture:
                capture.wait()
            shutil.rmtree(output)
            return cost(capture)

        return run
