"""The cost of judging a trigger: captures that differ in the trigger alone, in turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks.recorder_bars.bars import Bar, Figure
from tests.benchmarks.recorder_bars.interleave import Arm, interleave
from tests.benchmarks.recorder_bars.paired import median
from tests.benchmarks.row_captures import OVERWRITES, Captures, seconds_a_row

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Settings
    from tests.benchmarks.native_loops import Registers
    from tests.benchmarks.recorder_bars.record_bars import RecordBars

PLAIN, ONE, SIXTEEN = "flight recorder", "one comparison", "sixteen comparisons"
NEVER = "a == 0xffffffff"  # the register moves by small steps, and never so far


def test_a_comparison_beside_none(
    registers: Registers, settings: Settings, report: RecordBars, disk: str
) -> None:
    captures = Captures(registers.target, disk)
    arms = [
        Arm(PLAIN, captures.block(seconds_a_row, OVERWRITES)),
        Arm(ONE, captures.block(seconds_a_row, {"trigger": NEVER, "pre": 0})),
        Arm(SIXTEEN, captures.block(seconds_a_row, {"trigger": " or ".join([NEVER] * 16), "pre": 0})),
    ]
    rounds = interleave(arms, settings.loop_rounds // 10, seed=settings.seed, warmup=2)
    report.keep_rounds("triggers", "seconds a row", rounds)

    more = {name: median((rounds.values[name] - rounds.values[PLAIN]) * 1e9) for name in (ONE, SIXTEEN)}
    how = f"{rounds.median(PLAIN) * 1e9:.2f} ns a row without; {more[SIXTEEN].value:.2f} ns more for sixteen"
    report.add(41, Figure.of("one comparison of a trigger, more a row", more[ONE], "ns", Bar(1.0, True), how))
    assert len(rounds.values[ONE]) == settings.loop_rounds // 10
