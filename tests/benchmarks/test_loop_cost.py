"""The sampling loop beside the loop that one writes by hand, in C and in Python; what a further register costs."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import periphery
import pytest
from tests.benchmarks.recorder_bars import python_loops
from tests.benchmarks.recorder_bars.bars import Bar, Figure
from tests.benchmarks.recorder_bars.interleave import Arm, Rounds, interleave
from tests.benchmarks.recorder_bars.paired import median, paired_ratio

import regtap
from regtap import _native
from regtap_bench.replay import replay, replay_timer

if TYPE_CHECKING:
    import numpy.typing as npt
    from tests.benchmarks.conftest import Cpus, Settings
    from tests.benchmarks.native_loops import Registers
    from tests.benchmarks.recorder_bars.record_bars import RecordBars

ROWS = 8192  # 50-150 us a block
PYTHON_ROWS = 800
CHUNKS = 16
WIDTHS = (1, 2, 4, 8)  # registers a row
C_LOOP = "C loop"
PERIPHERY = "python-periphery"


def sample_arm(count: int) -> str:
    return f"regtap.sample, {count} register{'s' if count > 1 else ''}"


NATIVE = [C_LOOP, *map(sample_arm, WIDTHS)]
ARMS = [*NATIVE, *python_loops.PURE, PERIPHERY]


def seconds_a_row(ticks: npt.NDArray[np.uint64], tick_s: float) -> float:
    """Return a row's cost from its own ticks: what surrounds the loop does not count.

    The median over pieces of the block: a cold start or an interrupt spoils one piece, not the block.
    """
    edges = ticks[:: len(ticks) // CHUNKS].astype(np.int64)
    return float(np.median(np.diff(edges))) * CHUNKS / len(ticks) * tick_s


def c_block(registers: Registers, tick_s: float) -> Callable[[], float]:
    ticks, values = np.zeros(ROWS, np.uint64), np.zeros(ROWS, np.uint32)

    def block() -> float:
        registers.sample_in_c(ticks, values)
        return seconds_a_row(ticks, tick_s)

    return block


def sample_block(registers: Registers, count: int, tick_s: float) -> Callable[[], float]:
    names = [f"r{k}={4 * k:#x}" for k in range(count)]
    ticks = np.zeros(ROWS, np.uint64)
    values = [np.zeros(ROWS, np.uint32) for _ in names]

    def block() -> float:
        regtap.sample(names, values=values, ticks=ticks, target=registers.target)
        return seconds_a_row(ticks, tick_s)

    return block


def python_block(loop: Callable[[Any, Any, Any], None], source: object) -> Callable[[], float]:
    times, values = np.zeros(PYTHON_ROWS, np.int64), np.zeros(PYTHON_ROWS, np.uint32)

    def block() -> float:
        began = time.perf_counter()
        loop(source, times, values)
        return (time.perf_counter() - began) / PYTHON_ROWS

    return block


@pytest.fixture(scope="module")
def rounds(registers: Registers, cpus: Cpus, settings: Settings, report: RecordBars) -> Rounds:
    tick_s = 1 / _native.frequency_hz(_native.best_source(False))
    with periphery.MMIO(0, 4096, path=registers.path) as mmio, cpus.sampling():
        arms = [
            Arm(C_LOOP, c_block(registers, tick_s)),
            *(Arm(sample_arm(count), sample_block(registers, count, tick_s)) for count in WIDTHS),
            *(Arm(name, python_block(loop, registers.words)) for name, loop in python_loops.PURE.items()),
            Arm(PERIPHERY, python_block(python_loops.with_periphery, mmio.read32)),
        ]
        measured = interleave(arms, settings.loop_rounds, seed=settings.seed, warmup=20)
    report.keep_rounds("loops", "seconds a row", measured)
    return measured


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.benchmark(group="loops into arrays: one row", timer=replay_timer)
def test_arm(benchmark: Any, rounds: Rounds, arm: str) -> None:
    replay(benchmark, rounds.values[arm], rows_a_block=ROWS if arm in NATIVE else PYTHON_ROWS)


def test_the_loop_beside_a_hand_written_one(rounds: Rounds, report: RecordBars) -> None:
    one = sample_arm(1)
    ratio = paired_ratio(rounds.values[one], rounds.values[C_LOOP])
    how = f"{rounds.median(one) * 1e9:.2f} ns beside {rounds.median(C_LOOP) * 1e9:.2f} ns a row"
    report.add(10, Figure.of("sampling loop / hand-written C loop, time", ratio, "x", Bar(1.05, True), how))

    assert len(rounds.values[one]) == len(rounds.values[C_LOOP])


def test_each_further_register(rounds: Rounds, report: RecordBars) -> None:
    steps = {
        more: median(
            (rounds.values[sample_arm(more)] - rounds.values[sample_arm(fewer)]) / (more - fewer) * 1e9
        )
        for fewer, more in itertools.pairwise(WIDTHS)
    }
    dearest = max(steps.values(), key=lambda step: step.value)
    how = ", ".join(f"up to {more} registers: {step.value:.2f} ns each" for more, step in steps.items())

    report.add(40, Figure.of("each further register, at most", dearest, "ns", Bar(1.5, True), how))


def test_the_loop_beside_python(rounds: Rounds, report: RecordBars) -> None:
    one, best = sample_arm(1), rounds.best(list(python_loops.PURE))
    ratio = paired_ratio(rounds.values[best], rounds.values[one])
    how = f"{best}: {rounds.median(best) * 1e9:.0f} ns a row"
    report.add(32, Figure.of("regtap.sample / best pure-Python loop, rate", ratio, "x", how=how))
    ratio = paired_ratio(rounds.values[PERIPHERY], rounds.values[one])
    how = f"{rounds.median(PERIPHERY) * 1e9:.0f} ns a row"

    report.add(33, Figure.of("regtap.sample / python-periphery loop, rate", ratio, "x", how=how))
