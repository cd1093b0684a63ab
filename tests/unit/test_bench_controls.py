"""Sabotaged controls: the run has to become INVALID."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.simulated_bench import COSTS_NS, TROUBLES, Machine, Trouble, evaluation_of, with_cost

from regtap_bench.arms.base import DELAY, EMPTY, LATENCY, THROUGHPUT, TIMER, TWIN
from regtap_bench.figures.controls import check_agreement, check_controls
from regtap_bench.figures.evaluate import Evaluation
from regtap_bench.figures.margin import calibrate
from regtap_bench.measuring.agreement import Agreement
from regtap_bench.measuring.blocks import Blocks
from regtap_bench.measuring.probe import Probe

MARGIN = 0.01


def _failed(evaluation: Evaluation) -> set[str]:
    return {check.name for check in check_controls(evaluation, MARGIN) if not check.passed}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_an_honest_run_passes(trouble: Trouble) -> None:
    assert not _failed(evaluation_of(Machine(trouble=trouble).run())) - {DELAY, TIMER, EMPTY}


def test_a_quiet_machine_passes_every_control() -> None:
    assert not _failed(evaluation_of(Machine().run()))


@pytest.mark.parametrize("factor", [0.97, 1.03])
@pytest.mark.parametrize("measure", [THROUGHPUT, LATENCY])
def test_a_twin_that_differs_fails(factor: float, measure: str) -> None:
    honest = 440.0 if measure == THROUGHPUT else 446.0
    costs = with_cost(TWIN, honest * factor, measure)
    assert _failed(evaluation_of(Machine(costs).run())) == {f"A/A twin ({measure})"}


@pytest.mark.parametrize("truth_ns", [2036 / 1.02, 2036 * 1.02])
def test_a_delay_that_another_clock_knows_better_fails(truth_ns: float) -> None:
    assert _failed(evaluation_of(Machine(delay_truth_ns=truth_ns).run())) == {DELAY}


@pytest.mark.parametrize(("arm", "ns"), [(EMPTY, 5.0), (TIMER, 0.5), (TIMER, 5000.0)])
def test_a_loop_or_timer_out_of_reason_fails(arm: str, ns: float) -> None:
    assert _failed(evaluation_of(Machine(with_cost(arm, ns)).run())) == {arm}


def test_an_arm_that_makes_other_system_calls_than_it_says_fails() -> None:
    honest = evaluation_of(Machine().run())
    sly = replace(honest, probes={**honest.probes, "mmap load": Probe(system_calls=1.0)})
    assert _failed(sly) == {"system calls"}


def test_what_could_not_be_counted_does_not_fail() -> None:
    honest = evaluation_of(Machine().run())
    blind = {name: Probe(uncounted="not permitted") for name in honest.probes}
    assert not _failed(replace(honest, probes=blind))


def test_ways_that_do_not_reach_the_same_register_fail() -> None:
    (check,) = check_agreement(Agreement((0xF000FF53,) * 3, (0,) * 3))
    assert not check.passed
    assert "always 0xf000ff53 by mmap and always 0x0 by pread" in check.text


@pytest.mark.parametrize(
    ("mapped", "called", "says"),
    [((7, 7), (7, 7), "agree: always 0x7"), ((7, 9), (8, 10), "it moves"), ((7, 7), (7, 8), "it moves")],
)
def test_ways_that_may_reach_the_same_register_pass(
    mapped: tuple[int, ...], called: tuple[int, ...], says: str
) -> None:
    (check,) = check_agreement(Agreement(mapped, called))
    assert check.passed
    assert says in check.text


def test_a_target_with_one_way_only_has_nothing_to_agree_on() -> None:
    assert check_agreement(None) == ()


def test_the_margin_is_what_identical_code_differs_by() -> None:
    calm = calibrate(evaluation_of(Machine().run(rounds=250)))
    biased = calibrate(evaluation_of(Machine(with_cost(TWIN, 440.0 * 1.015)).run(rounds=250)))

    assert calm == 0.002
    assert biased == pytest.approx(0.015, abs=0.001)


@pytest.mark.parametrize("factor", [0.97, 1.03])
def test_a_twin_is_not_judged_by_its_own_margin(factor: float) -> None:
    evaluation = evaluation_of(Machine(with_cost(TWIN, 440.0 * factor)).run(rounds=250))
    margin = calibrate(evaluation) or 0.0
    assert margin == pytest.approx(0.03, abs=0.002)

    failed = {check.name for check in check_controls(evaluation, margin) if not check.passed}
    assert failed == {f"A/A twin ({THROUGHPUT})"}


def test_too_few_rounds_give_no_margin() -> None:
    assert calibrate(evaluation_of(Machine().run(rounds=40))) is None


def test_the_margin_of_many_processes_is_that_of_a_run_of_five() -> None:
    """Five of fifteen that fared badly do not move the median of fifteen; a quick run has only the five."""
    costs = (COSTS_NS, COSTS_NS, with_cost(TWIN, 440.0 * 1.015))
    runs = [Machine(those, seed=seed).run(rounds=250) for seed, those in enumerate(costs)]

    evaluation = evaluation_of(Blocks(runs[0].series, tuple(it for run in runs for it in run.processes)))

    assert abs(evaluation.twins[THROUGHPUT].value) < 0.001
    assert calibrate(evaluation) == pytest.approx(0.015, abs=0.001)
