"""The cost of a row of changes beside a stored row, and of a pair beside three plain reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks.recorder_bars.bars import Bar, Figure
from tests.benchmarks.recorder_bars.interleave import Arm, interleave
from tests.benchmarks.recorder_bars.paired import median, paired_ratio
from tests.benchmarks.row_captures import OVERWRITES, Captures, seconds_a_row

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Settings
    from tests.benchmarks.native_loops import Registers
    from tests.benchmarks.recorder_bars.record_bars import RecordBars

    import regtap

ROW, CHANGES = "every row", "changes"
READS, PAIR = "three plain reads", "a pair"


def mean_seconds_a_row(capture: regtap.Capture) -> float:
    """Return a row's cost from the loop's own time: of changes the ring has few rows with ticks."""
    loop = capture._begun().resources.loop
    progress = loop.sampler.progress()
    return progress.elapsed_ticks / progress.taken * loop.timebase.ns_per_tick / 1e9


def test_changes_beside_every_row(
    registers: Registers, settings: Settings, report: RecordBars, disk: str
) -> None:
    captures = Captures(registers.target, disk)
    arms = [
        Arm(ROW, captures.block(mean_seconds_a_row, OVERWRITES)),
        Arm(CHANGES, captures.block(mean_seconds_a_row, {"on_change": True})),
    ]
    rounds = interleave(arms, settings.loop_rounds // 10, seed=settings.seed, warmup=2)
    report.keep_rounds("changes", "seconds a row", rounds)

    more = median((rounds.values[CHANGES] - rounds.values[ROW]) * 1e9)
    ratio = paired_ratio(rounds.values[CHANGES], rounds.values[ROW])
    how = f"{rounds.median(ROW) * 1e9:.2f} ns where every row is stored; {ratio.value:.3f} x"
    report.add(42, Figure.of("on-change of one register, more a row", more, "ns", Bar(1.0, True), how))
    assert len(rounds.values[CHANGES]) == settings.loop_rounds // 10


def test_a_pair_beside_three_plain_reads(
    registers: Registers, settings: Settings, report: RecordBars, disk: str
) -> None:
    captures = Captures(registers.target, disk)
    reads = ("high=4:u32", "low=0:u32", "again=4:u32")
    arms = [
        Arm(READS, captures.block(seconds_a_row, OVERWRITES, reads)),
        Arm(PAIR, captures.block(seconds_a_row, OVERWRITES, ("a=0/4:u64pair",))),
    ]
    rounds = interleave(arms, settings.loop_rounds // 10, seed=settings.seed, warmup=2)
    report.keep_rounds("pairs", "seconds a row", rounds)

    ratio = paired_ratio(rounds.values[PAIR], rounds.values[READS])
    how = f"{rounds.median(PAIR) * 1e9:.2f} ns beside {rounds.median(READS) * 1e9:.2f} ns a row"
    report.add(43, Figure.of("a pair / three plain reads, time", ratio, "x", Bar(1.05, True), how))
    assert len(rounds.values[PAIR]) == settings.loop_rounds // 10
