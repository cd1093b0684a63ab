"""The native part encoder beside pyarrow's: CPU time of a row and its size, from the same blocks of the ring."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.benchmarks.recorder_bars.bars import Bar, Figure
from tests.benchmarks.recorder_bars.interleave import Arm, Rounds, interleave
from tests.benchmarks.recorder_bars.paired import paired_ratio

import regtap
from regtap.clock.anchored import AnchoredClock
from regtap.parts.native import NativeEncoder
from regtap.parts.parquet import ArrowEncoder
from regtap.registers.model import Register
from regtap.spool.block import Block
from regtap.trace.metadata import Anchor, ClockInfo, Mode, PartMetadata, StartTimes
from regtap_bench.replay import replay, replay_timer

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    from tests.benchmarks.conftest import Cpus, Settings
    from tests.benchmarks.native_loops import Registers
    from tests.benchmarks.recorder_bars.record_bars import RecordBars

    from regtap.parts.encoder import OpenEncoder

ROWS = 4 << 20
GROUP_ROWS = 1 << 20
ROUNDS = 5
NATIVE, ARROW = "native encoder", "pyarrow's"
ENCODERS: Mapping[str, OpenEncoder] = {
    NATIVE: NativeEncoder,
    ARROW: partial(ArrowEncoder, compression="none"),
}
ONE, FIVE = ("u32",), ("u8", "u16", "u32", "u64", "u32be")
SHAPES = {"one u32": ONE, "five of mixed widths": FIVE}
NS_PER_TICK = 0.4


def template_of(types: tuple[str, ...]) -> PartMetadata:
    registers = tuple(Register(f"r{k}", 8 * k, kind) for k, kind in enumerate(types))
    return PartMetadata(registers, "sim", Mode(None, "wait"), clock_info(), START, {}, 0, 0)


def clock_info() -> ClockInfo:
    far = 1 << 44
    anchors = (Anchor(0, 0, 0, 1.0), Anchor(far, round(far * NS_PER_TICK), far, 1.0))
    return ClockInfo("tsc", 1e9 / NS_PER_TICK, 1.0, anchors)


START = StartTimes(0, 0, 0, 0)


@dataclass
class Encoders:
    """The arms, and the size of the last file of each.

    Attributes:
        ticks: Those of the loop itself, from 0.
        path: The file that is written again and again.
    """

    ticks: npt.NDArray[np.uint64]
    path: str
    cpus: Cpus
    seed: int
    bytes_a_row: dict[str, float] = field(default_factory=dict)

    def all(self) -> list[Arm]:
        """Return an arm for each encoder and shape."""
        arms = []
        for shape, types in SHAPES.items():
            blocks = self._blocks(types)
            for name, open_encoder in ENCODERS.items():
                arm = f"{shape}: {name}"
                arms.append(Arm(arm, partial(self._encode, arm, open_encoder, template_of(types), blocks)))
        return arms

    def _blocks(self, types: tuple[str, ...]) -> list[Block]:
        """Return row groups of free-running counters, which go on by 0 to 7 in every row."""
        random = np.random.default_rng(self.seed)
        widths = [Register("r", 0, kind).dtype for kind in types]
        columns = [np.cumsum(random.integers(0, 8, ROWS)).astype(width) for width in widths]
        return [
            Block(0, self.ticks[rows], tuple(column[rows] for column in columns), None, ())
            for at in range(0, ROWS, GROUP_ROWS)
            for rows in [slice(at, at + GROUP_ROWS)]
        ]

    def _encode(
        self, arm: str, open_encoder: OpenEncoder, template: PartMetadata, blocks: list[Block]
    ) -> float:
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with self.cpus.writing():
                began_ns = time.thread_time_ns()
                encoder, clock = open_encoder(fd, template), AnchoredClock(clock_info(), START)
                for block in blocks:
                    encoder.write([block], clock)
                encoder.finish(b"{}")
                spent_ns = time.thread_time_ns() - began_ns
            self.bytes_a_row[arm] = os.fstat(fd).st_size / ROWS
            return spent_ns / 1e9 / ROWS
        finally:
            os.close(fd)


def ticks_of_the_loop(registers: Registers, cpus: Cpus) -> npt.NDArray[np.uint64]:
    ticks, values = np.zeros(ROWS, np.uint64), np.zeros(ROWS, np.uint32)
    with cpus.sampling():
        regtap.sample("0x0", values=values, ticks=ticks, target=registers.target)
    since_first: npt.NDArray[np.uint64] = ticks - ticks[0]
    return since_first


@pytest.fixture(scope="module")
def encoders(registers: Registers, cpus: Cpus, settings: Settings, disk: str) -> Encoders:
    path = os.path.join(disk, "encoded.parquet")
    return Encoders(ticks_of_the_loop(registers, cpus), path, cpus, settings.seed)


@pytest.fixture(scope="module")
def rounds(encoders: Encoders, settings: Settings, report: RecordBars) -> Rounds:
    count = max(ROUNDS, 2 * settings.pipeline_rounds)
    measured = interleave(encoders.all(), count, seed=settings.seed)
    report.keep_rounds("part encoders", "seconds of CPU a row", measured)
    report.raw["part encoders, bytes a row"] = encoders.bytes_a_row
    return measured


@pytest.mark.parametrize("arm", [f"{shape}: {name}" for shape in SHAPES for name in ENCODERS])
@pytest.mark.benchmark(group="part encoders: CPU of one row", timer=replay_timer)
def test_arm(benchmark: Any, rounds: Rounds, arm: str) -> None:
    replay(benchmark, rounds.values[arm])


@pytest.mark.parametrize(("shape", "place"), [("one u32", 51), ("five of mixed widths", 53)])
def test_the_native_encoder_beside_pyarrows(
    rounds: Rounds, encoders: Encoders, report: RecordBars, shape: str, place: int
) -> None:
    native, arrow = f"{shape}: {NATIVE}", f"{shape}: {ARROW}"

    ratio = paired_ratio(rounds.values[native], rounds.values[arrow])
    how = f"{rounds.median(native) * 1e9:.1f} ns beside {rounds.median(arrow) * 1e9:.1f} ns"
    what = f"writer's CPU of a row / pyarrow's, {shape}"
    report.add(place, Figure.of(what, ratio, "x", Bar(0.3, True), how))

    sizes = encoders.bytes_a_row
    how = f"{sizes[native]:.3f} beside {sizes[arrow]:.3f} bytes; pages of 4,096 rows, checksums, page index"
    what = f"size of a row / pyarrow's delta encoding, {shape}"
    report.add(place + 1, Figure(what, sizes[native] / sizes[arrow], "x", Bar(1.05, True), how))
