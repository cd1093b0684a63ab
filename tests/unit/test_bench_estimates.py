"""Costs, ratios and verdicts, from arms of known cost on a simulated clock."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.simulated_bench import (
    COSTS_NS,
    TROUBLES,
    Machine,
    Trouble,
    drift,
    evaluation_of,
    quiet,
    steps,
    with_cost,
    with_series_in_order,
)

from regtap_bench.arms.base import EMPTY, LATENCY, THROUGHPUT, TWIN, BlockRunner, Reading
from regtap_bench.figures.estimate import Estimate
from regtap_bench.figures.resampling import center
from regtap_bench.figures.result import Row
from regtap_bench.figures.verdict import Verdict, judge
from regtap_bench.measuring.blocks import Blocks
from regtap_bench.measuring.rounds import run_rounds

LSEEK, PREAD = "lseek+read", "pread"


def _ratio_of(machine: Machine, arm: str, *, order_seed: int = 0) -> Estimate:
    found = evaluation_of(machine.run(order_seed=order_seed)).log_ratio(arm, THROUGHPUT)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def blocks() -> Blocks:
    """The result of a run on a quiet machine."""
    return Machine().run()


@pytest.fixture(scope="module")
def rows(blocks: Blocks) -> dict[str, Row]:
    """The rows of that run, by arm."""
    return {row.arm: row for row in evaluation_of(blocks).rows(0.01)}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_half_a_percent_more_is_measured_on_any_machine(trouble: Trouble) -> None:
    ratio = _ratio_of(Machine(with_cost(LSEEK, 440.0 * 1.005), trouble), LSEEK)
    assert math.expm1(ratio.value) == pytest.approx(0.005, abs=0.002)
    assert ratio.low < ratio.value < ratio.high


@pytest.mark.parametrize("trouble", [quiet, drift, steps])
def test_half_a_percent_more_is_called_slower(trouble: Trouble) -> None:
    assert judge(_ratio_of(Machine(with_cost(LSEEK, 440.0 * 1.005), trouble), LSEEK), 0.001) is Verdict.SLOWER


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    few = {key: ns for key, ns in with_cost(LSEEK, 443.0).items() if key[0] in (PREAD, LSEEK, EMPTY)}
    ratios = [_ratio_of(Machine(few, seed=seed), LSEEK) for seed in range(20)]

    held = sum(ratio.low <= math.log(443 / 440) <= ratio.high for ratio in ratios)

    assert held >= 17


@pytest.mark.parametrize("trouble", TROUBLES)
def test_identical_arms_are_never_called_different(trouble: Trouble) -> None:
    verdicts = [judge(_ratio_of(Machine(trouble=trouble, seed=seed), TWIN), 0.002) for seed in range(5)]
    assert not {Verdict.FASTER, Verdict.SLOWER} & set(verdicts)


def test_swapping_two_arms_inverts_their_ratio() -> None:
    blocks = Machine(trouble=TROUBLES[-1]).run()
    forth = evaluation_of(blocks, baseline=PREAD).log_ratio(LSEEK, THROUGHPUT)

    back = evaluation_of(blocks, baseline=LSEEK).log_ratio(PREAD, THROUGHPUT)

    assert forth is not None
    assert back is not None
    assert (back.value, back.low, back.high) == pytest.approx((-forth.value, -forth.high, -forth.low))


def test_the_order_of_the_series_in_the_data_does_not_matter(blocks: Blocks) -> None:
    turned = with_series_in_order(blocks, range(len(blocks.series))[::-1])
    assert evaluation_of(turned).log_ratio(LSEEK, THROUGHPUT) == evaluation_of(blocks).log_ratio(
        LSEEK, THROUGHPUT
    )


@pytest.mark.parametrize("trouble", TROUBLES)
def test_another_order_of_the_blocks_does_not_move_the_estimate(trouble: Trouble) -> None:
    ratios = [_ratio_of(Machine(trouble=trouble), LSEEK, order_seed=seed) for seed in (1, 2)]
    assert ratios[0].low <= ratios[1].high
    assert ratios[1].low <= ratios[0].high


def test_the_cost_of_a_call_and_of_the_timer_cancels(blocks: Blocks) -> None:
    series = blocks.index(PREAD, THROUGHPUT)

    assert series is not None
    assert np.median(np.concatenate(blocks.costs_ns(series))) == pytest.approx(440.0, rel=5e-4)
    assert blocks.bend(series) == pytest.approx(0.0, abs=1e-3)


def test_the_loop_is_subtracted_from_ten_nanoseconds_on(rows: dict[str, Row]) -> None:
    row = rows["python: memoryview"]
    cost = row.cost(THROUGHPUT)

    assert cost is not None
    assert not cost.is_bound
    assert cost.loop_ns == pytest.approx(2.5, rel=0.01)
    assert cost.ns.value == pytest.approx(22.5, rel=0.01)


def test_below_ten_nanoseconds_there_is_only_a_bound(rows: dict[str, Row]) -> None:
    row = rows["mmap load"]
    for measure in (THROUGHPUT, LATENCY):
        cost = row.cost(measure)
        assert cost is not None
        assert cost.is_bound
        assert cost.loop_ns == 0.0
        assert cost.ns.high >= COSTS_NS["mmap load", measure] * 0.999
    assert row.ratio_is_bound


@pytest.mark.parametrize("loop_ns", [9.0, 13.0])
def test_what_overlaps_with_its_loop_is_bound_by_both_together(loop_ns: float) -> None:
    """12 ns with a loop of 9: the access costs 3 if they add up, and up to 12 if they overlap."""
    costs = {**with_cost("python: memoryview", 12.0), ("python: empty loop", THROUGHPUT): loop_ns}
    row = next(
        row for row in evaluation_of(Machine(costs).run()).rows(0.01) if row.arm == "python: memoryview"
    )

    cost = row.cost(THROUGHPUT)

    assert cost is not None
    assert (cost.is_bound, cost.loop_ns) == (True, 0.0)
    assert cost.ns.value == pytest.approx(12.0, abs=0.1)


def test_a_difference_keeps_its_sign(rows: dict[str, Row]) -> None:
    row = rows["python: memoryview"]
    assert row.difference_ns is not None
    assert row.difference_ns.value == pytest.approx(22.5 - COSTS_NS[PREAD, THROUGHPUT], rel=0.01)


def test_nothing_is_divided_by_a_baseline_that_is_only_a_bound() -> None:
    blocks = Machine(with_cost(TWIN, 0.1)).run()
    rows = {row.arm: row for row in evaluation_of(blocks, baseline="mmap load").rows(0.01)}
    assert (rows[PREAD].ratio, rows[PREAD].verdict) == (None, Verdict.SLOWER)

    difference = rows[PREAD].difference_ns
    assert difference is not None
    assert difference.value == pytest.approx(439.9, rel=0.001)


def test_controls_are_shown_as_they_were_measured(rows: dict[str, Row]) -> None:
    row = rows[EMPTY]
    cost = row.cost(THROUGHPUT)

    assert cost is not None
    assert (row.ratio, cost.is_bound) == (None, False)
    assert cost.ns.value == pytest.approx(0.02, rel=0.01)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.03, -0.02, Verdict.FASTER),
        (0.02, 0.03, Verdict.SLOWER),
        (-0.005, 0.01, Verdict.EQUIVALENT),
        (0.005, 0.02, Verdict.UNRESOLVED),
        (-0.03, -0.005, Verdict.UNRESOLVED),
        (0.009, 0.05, Verdict.UNRESOLVED),
        (-0.02, 0.02, Verdict.UNRESOLVED),
    ],
)
def test_the_whole_interval_decides(low: float, high: float, verdict: Verdict) -> None:
    assert judge(Estimate((low + high) / 2, low, high), 0.01) is verdict


def test_an_odd_process_moves_the_interval_and_not_the_value() -> None:
    luck = np.random.default_rng(1)
    rounds = [luck.normal(100, 1, 200) for _ in range(5)]

    odd = [*rounds[:4], rounds[4] + 50]

    assert center(odd).value == pytest.approx(center(rounds).value, abs=0.3)
    assert center(odd).high > 140


def test_every_block_runs_once_a_round_with_its_counts_in_turn() -> None:
    calls: list[tuple[int, int]] = []

    def block_of(series: int) -> BlockRunner:
        def block(count: int) -> Reading:
            calls.append((series, count))
            return count, 0, 0, 0

        return block

    raw = run_rounds([block_of(0), block_of(1)], [(16, 32, 48), (64, 96, 128)], 4, "s")
    kept = calls[-4 * 6 :]
    for start in range(0, len(kept), 3):
        series, counts = (
            {call[0] for call in kept[start : start + 3]},
            {call[1] for call in kept[start : start + 3]},
        )
        assert len(series) == 1
        assert counts == ({16, 32, 48} if series == {0} else {64, 96, 128})
    assert list(raw.ticks) == [16, 32, 48, 64, 96, 128] * 4
    assert sorted(raw.position[:6]) == list(range(6))


def test_the_order_of_the_series_is_drawn_anew_for_each_round() -> None:
    raw = run_rounds([lambda count: (count, 0, 0, 0)] * 8, [(16, 32, 48)] * 8, 6, "s")
    places = np.array(raw.position).reshape(6, 8, 3) // 3
    assert len({tuple(row) for row in places[:, :, 0]}) == 6


def test_a_run_ends_after_the_round_that_is_said_to_be_the_last() -> None:
    raw = run_rounds(
        [lambda count: (count, 0, 0, 0)], [(16, 32, 48)], 1000, "s", lambda number, _: number < 4
    )
    assert len(raw.ticks) == 3 * 5
    assert len(raw.stolen) == 5


def test_seed_decides_the_order() -> None:
    orders = [
        list(Machine(trouble=quiet).run(rounds=5, order_seed=seed).processes[0].position.ravel())
        for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
