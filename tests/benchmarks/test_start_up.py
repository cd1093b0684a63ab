"""How long the small commands take from start to finish, as processes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.benchmarks.processes import Process
from tests.benchmarks.recorder_bars.bars import Bar, Figure
from tests.benchmarks.recorder_bars.interleave import Arm, Rounds, interleave
from tests.benchmarks.recorder_bars.paired import median

from regtap_bench.replay import replay, replay_timer

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Settings
    from tests.benchmarks.native_loops import Registers
    from tests.benchmarks.recorder_bars.record_bars import RecordBars

READ, HELP, NOTHING = "regtap read", "regtap --help", "python -c pass"
BARS = {READ: Bar(0.15, True), HELP: Bar(0.15, True)}


@pytest.fixture(scope="module")
def rounds(registers: Registers, settings: Settings, report: RecordBars) -> Rounds:
    regtap = os.path.join(os.path.dirname(sys.executable), "regtap")
    commands = {
        READ: [regtap, "read", "-t", registers.target, "0x0"],
        HELP: [regtap, "--help"],
        NOTHING: [sys.executable, "-c", "pass"],
    }
    arms = [Arm(name, Process(*command)) for name, command in commands.items()]
    measured = interleave(arms, settings.startup_rounds, seed=settings.seed, warmup=1)
    report.keep_rounds("start-up", "seconds", measured)
    return measured


@pytest.mark.parametrize("arm", [READ, HELP, NOTHING])
@pytest.mark.benchmark(group="start to finish: one process", timer=replay_timer)
def test_arm(benchmark: Any, rounds: Rounds, arm: str) -> None:
    replay(benchmark, rounds.values[arm])


@pytest.mark.parametrize("arm", BARS)
def test_start_up(rounds: Rounds, report: RecordBars, arm: str) -> None:
    how = f"python alone: {rounds.median(NOTHING):.3f} s"
    place = 80 + list(BARS).index(arm)
    report.add(place, Figure.of(f"`{arm}`, start to finish", median(rounds.values[arm]), "s", BARS[arm], how))

    assert len(rounds.values[arm]) > 0
