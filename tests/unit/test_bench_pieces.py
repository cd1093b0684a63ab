"""What the benchmarks are made of: turns, estimates, bars, and the way into pytest-benchmark."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.benchmarks.recorder_bars.bars import Bar, Figure, rows_of, text_table
from tests.benchmarks.recorder_bars.interleave import Arm, interleave
from tests.benchmarks.recorder_bars.paired import counts_ratio, median, paired_ratio

from regtap_bench.environment import MachineLoad
from regtap_bench.markdown import markdown_table
from regtap_bench.replay import replay, replay_timer


def turns(seed: int, rounds: int = 20) -> list[str]:
    taken: list[str] = []

    def arm(name: str) -> Arm:
        def block() -> float:
            taken.append(name)
            return float(len(taken))

        return Arm(name, block)

    interleave([arm(name) for name in "abc"], rounds, seed=seed, warmup=0)
    return taken


def test_every_arm_has_one_turn_in_each_round() -> None:
    taken = turns(seed=1)
    assert [sorted(taken[at : at + 3]) for at in range(0, len(taken), 3)] == [["a", "b", "c"]] * 20


def test_the_order_of_turns_varies_and_its_seed_repeats_it() -> None:
    assert turns(seed=1) == turns(seed=1) != turns(seed=2)
    assert len({tuple(turns(seed=1)[at : at + 3]) for at in range(0, 60, 3)}) > 1


def test_warmup_rounds_leave_no_value() -> None:
    count = iter(range(100))
    rounds = interleave([Arm("a", lambda: float(next(count)))], 3, seed=0, warmup=2)
    assert rounds.values["a"].tolist() == [2.0, 3.0, 4.0]


def test_a_change_of_speed_does_not_disturb_a_paired_ratio() -> None:
    noise = np.random.default_rng(1)
    speed = np.repeat(noise.uniform(1, 3, 20), 50)  # both arms of a round see the same

    slower = paired_ratio(1.05 * speed * noise.normal(1, 0.001, 1000), speed * noise.normal(1, 0.001, 1000))

    assert slower.low <= slower.value <= slower.high
    assert slower.low > 1.04
    assert slower.high < 1.06


def test_a_burst_in_one_round_widens_the_ratio_of_counts() -> None:
    steady = np.full(60, 10)
    burst = np.where(np.arange(60) == 7, 610, 10)

    even, uneven = counts_ratio(steady, steady), counts_ratio(burst, steady)

    assert (even.low, even.value, even.high) == (1.0, 1.0, 1.0)
    assert uneven.value == 1201 / 601
    assert uneven.low == 1.0  # of draws without the burst
    assert uneven.high > 3


def test_no_counts_at_all_are_a_ratio_of_one() -> None:
    none = np.zeros(5, dtype=np.int64)
    assert counts_ratio(none, none).value == 1


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=50))
def test_a_median_lies_in_its_interval(values: list[float]) -> None:
    estimate = median(np.array(values))

    assert estimate.low <= estimate.value <= estimate.high
    assert min(values) <= estimate.low
    assert estimate.high <= max(values)


def test_few_rounds_give_their_range() -> None:
    estimate = median(np.array([3.0, 1.0, 2.0]))
    assert (estimate.low, estimate.value, estimate.high) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("value", "at_most", "verdict"), [(0.8, False, "MET"), (0.79, False, "MISSED"), (0.81, True, "MISSED")]
)
def test_a_figure_is_held_against_its_bar(value: float, at_most: bool, verdict: str) -> None:
    assert Figure("rate", value, "x", Bar(0.8, at_most)).verdict == verdict


def test_a_figure_without_a_bar_has_no_verdict() -> None:
    assert Figure("rate", 1.0, "x").verdict == ""


def test_tables_show_interval_bar_and_verdict() -> None:
    figure = Figure("rate", 0.756, "x", Bar(0.8, False), "60 M/s | 80", (0.7, 123.4))
    table = text_table([figure])

    assert "  ".join(table[1].split()) == "rate  0.756  x  [0.700,  123]  >=  0.8  x  MISSED"
    assert table[2].strip() == "60 M/s | 80"
    assert markdown_table(rows_of([figure])).splitlines()[2].count("|") == 6


class FakeBenchmark:
    """Times rounds as pytest-benchmark's pedantic mode does."""

    def __init__(self) -> None:
        self.extra_info: dict[str, object] = {}
        self.data: list[float] = []

    def pedantic(self, target: Any, *, rounds: int, iterations: int, warmup_rounds: int) -> None:
        for _ in range(rounds):
            began = replay_timer()
            target()
            self.data.append(replay_timer() - began)


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=20))
def test_replayed_values_arrive_exactly(values: list[float]) -> None:
    benchmark = FakeBenchmark()
    replay(benchmark, values, rows=7)

    assert benchmark.data == values
    assert benchmark.extra_info == {"rows": 7}


def test_load_tells_what_others_took() -> None:
    before = MachineLoad((0.0, 0.0, 0.0), (0, 0, 0, 0, 0, 0, 0, 0), own_s=0.0)
    after = MachineLoad((1.0, 0.5, 0.2), (100, 0, 100, 700, 0, 0, 0, 100), own_s=1.0)

    spent = before.until(after)

    assert spent["steal_percent"] == 10.0
    assert spent["load_average_after"] == (1.0, 0.5, 0.2)
    assert 0 <= spent["others_percent"] <= 30
