"""The whole recorder beside its loop alone, a writer alone, and loops in Python; short captures, interleaved."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import periphery
import pytest
from tests.benchmarks.captures import CaptureRun, capture_for
from tests.benchmarks.recorder_bars import python_loops
from tests.benchmarks.recorder_bars.bars import Bar, Figure
from tests.benchmarks.recorder_bars.interleave import Arm, Rounds, interleave
from tests.benchmarks.recorder_bars.loop_alone import run_loop_alone
from tests.benchmarks.recorder_bars.paired import paired_ratio
from tests.benchmarks.recorder_bars.writer_alone import WriterRun, counter_rows, run_writer_alone

import regtap
from regtap_bench.replay import replay, replay_timer

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Cpus, Settings
    from tests.benchmarks.native_loops import Registers
    from tests.benchmarks.recorder_bars.record_bars import RecordBars

ARRAY_ROWS = 1 << 23
PYTHON_ROWS = 1_000_000
PIPELINE, LOOP, WRITER, PERIPHERY = "recorder", "its loop alone", "a writer alone", "python-periphery"
ARMS = [PIPELINE, LOOP, WRITER, *python_loops.PURE, PERIPHERY]


class Arms:
    """The arms, and what they leave beside their costs."""

    def __init__(self, registers: Registers, cpus: Cpus, settings: Settings, disk: str) -> None:
        self._registers = registers
        self._cpus = cpus
        self._settings = settings
        self._disk = disk
        self._times = np.zeros(PYTHON_ROWS, np.int64)
        self._values = np.zeros(PYTHON_ROWS, np.uint32)
        self._rows = counter_rows(self._jittered_times(), seed=settings.seed)
        self.captures: list[CaptureRun] = []
        self.writers: list[WriterRun] = []

    def _jittered_times(self) -> Any:
        """Return real times: those of the loop itself."""
        ticks, values = np.zeros(ARRAY_ROWS, np.uint64), np.zeros(ARRAY_ROWS, np.uint32)
        with self._cpus.sampling():
            clock = regtap.sample("0x0", values=values, ticks=ticks, target=self._registers.target)
        return clock.to_ns(ticks)

    def all(self, mmio: periphery.MMIO) -> list[Arm]:
        words = self._registers.words
        return [
            Arm(PIPELINE, self._record),
            Arm(LOOP, self._loop_alone),
            Arm(WRITER, self._write),
            *(Arm(name, self._python(loop, words)) for name, loop in python_loops.PURE.items()),
            Arm(PERIPHERY, self._python(python_loops.with_periphery, mmio.read32)),
        ]

    def _record(self) -> float:
        folder = os.path.join(self._disk, "slice")
        run = capture_for(self._registers.target, self._settings.slice_s, self._cpus.sampler, folder)
        self.captures.append(run)
        return run.seconds_a_sample

    def _loop_alone(self) -> float:
        target, seconds = self._registers.target, self._settings.loop_alone_s
        run = run_loop_alone(target, ["0x0"], seconds, self._cpus.sampler)
        assert run.pauses == 0, "the loop alone had to wait; its figure would be no yardstick"
        return run.seconds_a_sample

    def _write(self) -> float:
        path = os.path.join(self._disk, "alone.parquet")
        with self._cpus.writing():
            run = run_writer_alone(path, self._rows, self._settings.writer_alone_s)
        self.writers.append(run)
        return run.seconds_a_row

    def _python(self, loop: Callable[[Any, Any, Any], None], source: object) -> Callable[[], float]:
        def block() -> float:
            with self._cpus.sampling():
                began = time.perf_counter()
                loop(source, self._times, self._values)
                return (time.perf_counter() - began) / PYTHON_ROWS

        return block


@pytest.fixture(scope="module")
def arms(registers: Registers, cpus: Cpus, settings: Settings, disk: str) -> Arms:
    return Arms(registers, cpus, settings, disk)


@pytest.fixture(scope="module")
def rounds(arms: Arms, registers: Registers, settings: Settings, report: RecordBars) -> Rounds:
    with periphery.MMIO(0, 4096, path=registers.path) as mmio:
        measured = interleave(arms.all(mmio), settings.pipeline_rounds, seed=settings.seed, warmup=0)
    report.keep_rounds("pipeline", "seconds a row", measured)
    report.raw["short captures"] = [run.facts() for run in arms.captures]
    return measured


def rate(rounds: Rounds, arm: str) -> str:
    return f"{1e-6 / rounds.median(arm):.1f} M/s"


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.benchmark(group="whole pipelines: one row", timer=replay_timer)
def test_arm(benchmark: Any, rounds: Rounds, arm: str) -> None:
    replay(benchmark, rounds.values[arm])


def test_the_recorder_beside_its_loop_and_its_writer(rounds: Rounds, arms: Arms, report: RecordBars) -> None:
    paused = sum(run.summary.totals.throttled_ns for run in arms.captures)
    share = paused / sum(run.summary.span_ns for run in arms.captures)
    how = (
        f"{rate(rounds, PIPELINE)} to durable files, {rate(rounds, LOOP)} alone; "
        f"paused {share:.1%} of the time"
    )
    ratio = paired_ratio(rounds.values[LOOP], rounds.values[PIPELINE])
    report.add(26, Figure.of("short captures / loop alone, rate", ratio, "x", how=how))
    ratio = paired_ratio(rounds.values[WRITER], rounds.values[PIPELINE])
    how = f"{rate(rounds, WRITER)} for the writer alone, on ready arrays"
    report.add(27, Figure.of("short captures / writer alone, rate", ratio, "x", how=how))

    assert sum(run.summary.totals.lost for run in arms.captures) == 0


def test_the_recorder_beside_python(rounds: Rounds, report: RecordBars) -> None:
    best = rounds.best(list(python_loops.PURE))
    ratio = paired_ratio(rounds.values[best], rounds.values[PIPELINE])
    usual = paired_ratio(rounds.values["python: numpy items"], rounds.values[PIPELINE]).value
    how = f"{rate(rounds, best)} for the best, {best}; {usual:.1f} x the usual one, numpy items"
    report.add(30, Figure.of("recorder / best pure-Python loop, rate", ratio, "x", Bar(10, False), how))
    ratio = paired_ratio(rounds.values[PERIPHERY], rounds.values[PIPELINE])
    how = f"{rate(rounds, PERIPHERY)} for its loop"

    report.add(31, Figure.of("recorder / python-periphery loop, rate", ratio, "x", Bar(40, False), how))


def test_size_of_a_free_running_counter(rounds: Rounds, arms: Arms, report: RecordBars) -> None:
    size = arms.writers[-1].size_bytes / arms.writers[-1].rows
    captured = np.median([run.sizes.bytes_a_row for run in arms.captures])
    how = (
        "pyarrow's writer, steps of 0 to 7 in every row, the loop's own times; "
        f"captures of a register that moves each ms: {captured:.2f}"
    )
    report.add(50, Figure("size of a sample", size, "bytes", Bar(1.0, True), how))

    assert len(rounds.values[WRITER]) <= len(arms.writers)
