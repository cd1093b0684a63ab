"""Two runs beside one another: verdicts, their symmetry, what the margin takes in, and what it says of it all."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulated_bench import Machine, evaluation_of, result_of, scaled, with_cost

from regtap.errors import InputError
from regtap_bench.arms.base import EMPTY, LATENCY, THROUGHPUT, TIMER
from regtap_bench.figures.comparability import unlike, worth_a_note
from regtap_bench.figures.comparison import Change, Comparison, compare
from regtap_bench.figures.result import Check, Cost, Margin, Result
from regtap_bench.figures.verdict import Verdict
from regtap_bench.report.comparison_text import markdown, text_lines, to_json

PROCESSES = 5
BOUNDS = {"mmap load"}  # of the simulated machine
INVERSE = {Verdict.SLOWER: Verdict.FASTER, Verdict.FASTER: Verdict.SLOWER}
# States of a loop, as they were met: each process settles in one of them.
STATES = (1.0, 1.009, 1.032, 1.053)


def _measured(seed: int, costs: dict[tuple[str, str], float] | None = None) -> Result:
    machine = Machine(seed=seed) if costs is None else Machine(costs, seed=seed)
    return result_of(evaluation_of(machine.run(rounds=60)), margin=0.005)


@pytest.fixture(scope="module")
def before() -> Result:
    return _measured(1)


@pytest.fixture(scope="module")
def after() -> Result:
    """The same code, measured again."""
    return _measured(2)


def _of(comparison: Comparison, arm: str, measure: str = THROUGHPUT) -> Change:
    return next(it for it in comparison.changes if (it.arm, it.measure) == (arm, measure))


def _verdicts(comparison: Comparison) -> dict[tuple[str, str], Verdict]:
    return {(it.arm, it.measure): it.verdict for it in comparison.changes}


def _in_states(result: Result, seed: int) -> Result:
    """Return the run with every process of every arm in a state of its own luck."""
    luck = random.Random(seed)
    for row in result.rows:
        result = (
            scaled(result, row.arm, luck.choices(STATES, k=PROCESSES)) if row.kind != "control" else result
        )
    return result


def test_a_run_beside_itself_is_equivalent_a_bound_unresolved(before: Result) -> None:
    comparison = compare(before, before)
    assert not comparison.regressed
    for it in comparison.changes:
        assert it.verdict == (Verdict.UNRESOLVED if it.arm in BOUNDS else Verdict.EQUIVALENT)
        if it.ratio is not None:
            assert (it.ratio.low, it.ratio.value, it.ratio.high) == (1, 1, 1)


def test_the_same_code_measured_again_is_equivalent(before: Result, after: Result) -> None:
    verdicts = {arm: it for (arm, _), it in _verdicts(compare(before, after)).items()}
    assert {arm for arm, it in verdicts.items() if it != Verdict.EQUIVALENT} == BOUNDS


@pytest.mark.parametrize("factor", [1.1, 1.01])
def test_a_dearer_arm_is_slower_and_the_others_are_not(before: Result, factor: float) -> None:
    comparison = compare(before, _measured(3, with_cost("lseek+read", 612.0 * factor)))
    slower = {place for place, verdict in _verdicts(comparison).items() if verdict == Verdict.SLOWER}
    assert slower == {("lseek+read", THROUGHPUT)}
    assert comparison.regressed

    ratio = _of(comparison, "lseek+read").ratio
    assert ratio is not None
    assert ratio.low <= factor <= ratio.high or ratio.value == pytest.approx(factor, abs=0.002)


def test_latency_is_judged_too(before: Result) -> None:
    dearer = scaled(before, "pread", [1.1] * PROCESSES, measures=(LATENCY,))
    verdicts = _verdicts(compare(before, dearer))

    assert verdicts["pread", LATENCY] == Verdict.SLOWER
    assert verdicts["pread", THROUGHPUT] == Verdict.EQUIVALENT


def test_a_slower_baseline_is_seen_and_blames_no_other_arm(before: Result) -> None:
    comparison = compare(before, scaled(before, "pread", [1.2] * PROCESSES))
    assert _of(comparison, "pread").verdict == Verdict.SLOWER

    other = _of(comparison, "lseek+read")

    assert other.verdict == Verdict.EQUIVALENT
    assert other.beside_baseline is not None
    assert other.beside_baseline.value == pytest.approx(1 / 1.2)


def test_beside_the_baseline_the_speed_of_the_day_cancels(before: Result) -> None:
    slow = before
    for arm in ("pread", "lseek+read"):
        slow = scaled(slow, arm, [1.05] * PROCESSES)

    it = _of(compare(before, slow), "lseek+read")

    assert it.ratio is not None
    assert it.beside_baseline is not None
    assert it.ratio.value == pytest.approx(1.05)
    assert it.beside_baseline.value == pytest.approx(1)


FACTORS = st.lists(st.floats(0.8, 1.25), min_size=PROCESSES, max_size=PROCESSES)


@settings(max_examples=20, deadline=None)
@given(FACTORS, FACTORS, st.floats(0.7, 1.4))
def test_swapping_the_runs_inverts_ratios_and_verdicts(
    before: Result, after: Result, first: list[float], second: list[float], factor: float
) -> None:
    one = scaled(before, "pread", first)
    other = scaled(scaled(after, "pread", second), "lseek+read", [factor] * PROCESSES)
    there, back = compare(one, other), compare(other, one)

    for it, mirrored in zip(there.changes, back.changes, strict=True):
        assert mirrored.verdict == INVERSE.get(it.verdict, it.verdict)
        assert mirrored.margin == pytest.approx(it.margin)
        if it.ratio is not None and mirrored.ratio is not None:
            assert mirrored.ratio.value == pytest.approx(1 / it.ratio.value)
            assert mirrored.ratio.low == pytest.approx(1 / it.ratio.high)
            assert mirrored.ratio.high == pytest.approx(1 / it.ratio.low)


def test_states_that_processes_settle_in_are_no_difference(before: Result, after: Result) -> None:
    called = total = 0
    for seed in range(40):
        comparison = compare(_in_states(before, seed), _in_states(after, 1000 + seed))
        called += sum(it.verdict in INVERSE for it in comparison.changes)
        total += len(comparison.changes)
    assert called / total <= 0.05


def test_a_change_beyond_the_states_is_seen_through_them(before: Result, after: Result) -> None:
    seen = 0
    for seed in range(20):
        dearer = scaled(_in_states(after, 1000 + seed), "lseek+read", [1.15] * PROCESSES)
        seen += _of(compare(_in_states(before, seed), dearer), "lseek+read").verdict == Verdict.SLOWER
    assert seen == 20


def test_a_margin_takes_in_what_processes_of_one_run_differ_by(before: Result) -> None:
    wild = scaled(before, "lseek+read", [1.0, 1.0, 1.0, 1.0, 1.08])
    assert _of(compare(before, wild), "lseek+read").margin == pytest.approx(0.08, abs=0.005)
    assert _of(compare(before, wild), "pread").margin < 0.01


def test_an_arm_with_too_little_scatter_gets_that_of_the_others(
    before: Result,
) -> None:
    later = scaled(before, "lseek+read", [1.032] * PROCESSES)
    assert compare(before, later).regressed
    for arm in ("pread", "python: memoryview"):
        later = scaled(later, arm, [1.0, 1.0, 1.0, 1.032, 1.053])

    assert not compare(before, later).regressed


def test_what_scatters_is_neither_different_nor_equivalent(before: Result) -> None:
    wild = scaled(before, "lseek+read", [0.8, 0.95, 1.0, 1.06, 1.25])
    assert _of(compare(before, wild), "lseek+read").verdict == Verdict.UNRESOLVED


@pytest.mark.parametrize("control", [EMPTY, TIMER])
def test_a_margin_takes_in_what_the_controls_moved_by(before: Result, control: str) -> None:
    slow = scaled(before, control, [1.07] * PROCESSES)
    comparison = compare(before, scaled(slow, "pread", [1.06] * PROCESSES))

    assert all(it.margin >= 0.0699 for it in comparison.changes)
    assert not comparison.regressed


def test_a_margin_is_at_least_the_larger_of_the_runs(before: Result) -> None:
    generous = replace(before, margin=Margin(0.3, "another day"))
    for pair in ((before, generous), (generous, before)):
        assert all(it.margin == pytest.approx(0.3) for it in compare(*pair).changes)


def test_a_bound_that_became_a_cost_is_slower_by_at_least_that(before: Result) -> None:
    uncached = _measured(4, with_cost("mmap load", 90.0))
    comparison = compare(before, uncached)
    it = _of(comparison, "mmap load")
    assert (it.verdict, it.ratio) == (Verdict.SLOWER, None)
    assert it.limit is not None
    assert 800 <= it.limit <= 900
    assert ">= 8" in text_lines(comparison)[0]

    back = compare(uncached, before)

    assert _of(back, "mmap load").verdict == Verdict.FASTER
    assert "<= 0.00" in text_lines(back)[0]


def test_bounds_whose_accesses_cannot_overlap_differ(before: Result) -> None:
    # 0.1 ns with its loop, against at least 4 - 0.02 ns without
    assert (
        _of(compare(before, _measured(5, with_cost("mmap load", 4.0))), "mmap load").verdict == Verdict.SLOWER
    )
    # between 1 and 5.7 ns, against between 4 and 8.7
    closer = _measured(6, with_cost("mmap load", 8.7, LATENCY))
    assert _of(compare(before, closer), "mmap load", LATENCY).verdict == Verdict.UNRESOLVED


def test_arms_that_only_one_run_has_are_listed(before: Result) -> None:
    fewer = replace(before, rows=tuple(row for row in before.rows if row.arm != "lseek+read"))

    assert (compare(before, fewer).only_before, compare(before, fewer).only_after) == (("lseek+read",), ())
    assert compare(fewer, before).only_after == ("lseek+read",)
    assert "only A has measured lseek+read" in text_lines(compare(before, fewer))


def test_an_arm_that_was_refused_in_one_run_counts_as_absent(before: Result) -> None:
    refused = [
        replace(row, refused="no", costs=None) if row.arm == "lseek+read" else row for row in before.rows
    ]
    assert compare(before, replace(before, rows=tuple(refused))).only_before == ("lseek+read",)


def test_an_invalid_run_is_refused_by_its_place_and_cause(before: Result) -> None:
    broken = replace(before, checks=(Check("timer", passed=False, text="it stands still"),))
    with pytest.raises(InputError, match=r"second run is INVALID.*timer: it stands still"):
        compare(before, broken)
    with pytest.raises(InputError, match="first run is INVALID"):
        compare(broken, before)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"environment": {"kernel": "6.2"}}, "kernel"),
        ({"environment": {"kernel": "6.1", "mitigations": "retbleed"}}, "mitigations"),
        ({"environment": {"kernel": "6.1", "governor": "powersave"}}, "governor"),
        ({"target": "mem"}, "target kind"),
        ({"is_device": True}, "device"),
        ({"register": {"name": "COUNT32", "address": 8, "type": "u64"}}, "register type"),
    ],
)
def test_unlike_machines_settings_and_targets_are_named(
    before: Result, changed: dict[str, object], name: str
) -> None:
    other = replace(before, **changed)  # type: ignore[arg-type]
    assert name in [it.name for it in unlike(before, other)]
    assert not unlike(other, other)


def test_what_a_comparison_may_be_about_is_only_noted(before: Result) -> None:
    other = replace(
        before, environment={**before.environment, "python": "3.12"}, target="sim:/x", mode="full"
    )

    assert not unlike(before, other)
    assert [it.name for it in worth_a_note(before, other)] == ["target", "mode", "python"]
    assert "not the same: target sim and sim:/x" in text_lines(compare(before, other))


def test_the_sentence_counts_verdicts_and_names_what_changed(before: Result) -> None:
    comparison = compare(before, scaled(before, "lseek+read", [1.1] * PROCESSES))

    first = text_lines(comparison)[0]
    assert "2 slower (lseek+read 1.100 [1.099, 1.101]; lseek+read, one at a time 1.100" in first
    assert "0 faster" in first


def test_markdown_shows_what_changed_and_folds_the_rest(before: Result) -> None:
    text = markdown(compare(before, scaled(before, "lseek+read", [1.1] * PROCESSES)))
    assert text.startswith("### Access costs: slower\n")

    shown, _, folded = text.partition("<details>")

    assert "| lseek+read |" in shown
    assert "| pread |" in folded
    assert text.count("<details>") == text.count("</details>") == 2


def test_json_holds_every_change_and_whether_one_is_a_regression(before: Result) -> None:
    comparison = compare(before, scaled(before, "pread", [1.1] * PROCESSES))
    document = json.loads(to_json(comparison))
    assert document["regressed"] is True

    changes = {(it["arm"], it["measure"]): it for it in document["changes"]}
    assert changes["pread", THROUGHPUT]["ratio"]["value"] == pytest.approx(1.1)
    assert changes["mmap load", THROUGHPUT]["before_ns"]["is_bound"] is True
    assert len(changes) == len(comparison.changes)


def test_a_cost_that_was_disturbed_below_zero_does_no_harm(before: Result) -> None:
    def disturbed(cost: Cost) -> Cost:
        return replace(cost, stretches_ns=tuple((-1.0, *process[1:]) for process in cost.stretches_ns))

    rows = [
        replace(row, costs={name: disturbed(cost) for name, cost in (row.costs or {}).items()})
        for row in before.rows
    ]
    assert not compare(before, replace(before, rows=tuple(rows))).regressed
