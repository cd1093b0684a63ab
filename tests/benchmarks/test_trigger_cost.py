"""What judging a trigger costs the loop: captures that differ in the trigger alone, in turns."""

from __future__ import annotations

import itertools
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
from tests.benchmarks.recorder_bars.bars import Bar, Figure
from tests.benchmarks.recorder_bars.interleave import Arm, interleave
from tests.benchmarks.recorder_bars.paired import median

import regtap

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.conftest import Settings
    from tests.benchmarks.native_loops import Registers
    from tests.benchmarks.recorder_bars.record_bars import RecordBars

ROWS = 2_000_000  # 20 ms
PIECE = 512  # rows: 5 us
PLAIN, ONE, SIXTEEN = "flight recorder", "one comparison", "sixteen comparisons"
NEVER = "a == 0xffffffff"  # the register moves by small steps, and never so far


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


def capture_block(
    registers: Registers, folder: str, numbers: itertools.count[int], trigger: str | None
) -> Callable[[], float]:
    """Return a block that takes ROWS rows into a ring that overwrites, and returns what each of them took."""
    options: dict[str, Any] = {"on_full": "overwrite"} if trigger is None else {"trigger": trigger, "pre": 0}
    options |= {"target": registers.target, "samples": ROWS, "spool_size": "16MiB"}

    def block() -> float:
        output = f"{folder}/{next(numbers)}"
        with regtap.record(["a=0:u32"], output, **options) as capture:
            capture.wait()
        shutil.rmtree(output)
        return seconds_a_row(capture)

    return block


def test_a_comparison_beside_none(
    registers: Registers, settings: Settings, report: RecordBars, disk: str
) -> None:
    numbers = itertools.count()
    triggers = {PLAIN: None, ONE: NEVER, SIXTEEN: " or ".join([NEVER] * 16)}
    arms = [Arm(name, capture_block(registers, disk, numbers, trigger)) for name, trigger in triggers.items()]
    rounds = interleave(arms, settings.loop_rounds // 10, seed=settings.seed, warmup=2)
    report.keep_rounds("triggers", "seconds a row", rounds)

    more = {name: median((rounds.values[name] - rounds.values[PLAIN]) * 1e9) for name in (ONE, SIXTEEN)}
    how = f"{rounds.median(PLAIN) * 1e9:.2f} ns a row without; {more[SIXTEEN].value:.2f} ns more for sixteen"
    report.add(41, Figure.of("one comparison of a trigger, more a row", more[ONE], "ns", Bar(1.0, True), how))
    assert len(rounds.values[ONE]) == settings.loop_rounds // 10
