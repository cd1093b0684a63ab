"""Trials of the instrument: their order, their records, the rules that judge them, and the table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulated_bench import Machine, Trouble, heavy_tail, quiet

from regtap.errors import FaultError, InputError
from regtap_bench.arms.base import THROUGHPUT, TWIN
from regtap_bench.characteristics.counting import bars_of, cells_of
from regtap_bench.characteristics.judging import JudgedTrial, Judgement
from regtap_bench.characteristics.load import BusyLoops
from regtap_bench.characteristics.plan import CONDITIONS, EFFECTS, IDLE, SAME, TrialPlan
from regtap_bench.characteristics.progress import TrialProgress
from regtap_bench.characteristics.rules import REGTAP, RULES, TrialCase
from regtap_bench.characteristics.storage import TrialRecord, load, save
from regtap_bench.characteristics.table import to_json, to_markdown
from regtap_bench.figures.result import Margin
from regtap_bench.figures.verdict import Verdict
from regtap_bench.measuring.blocks import Blocks

PLAN = TrialPlan(seed=1, same=500, different=200, seconds=0.75, calibration_s=10, cpu=0)
PYPERF, MANN_WHITNEY = "pyperf compare_to (t-test)", "Mann-Whitney, p < 0.05"
ONE_PERCENT_GATES = {"pytest-benchmark median:1%", "pytest-benchmark mean:1%"}


def _blocks(extra: float = 0.0, *, seed: int = 0, trouble: Trouble = quiet) -> Blocks:
    costs = {("pread", THROUGHPUT): 440.0, (TWIN, THROUGHPUT): 440.0 * (1 + extra)}
    return Machine(costs, trouble, seed).run(rounds=100)


def _verdicts(blocks: Blocks, margin: float = 0.002) -> dict[str, Verdict]:
    case = TrialCase(blocks, "pread", margin)
    return {name: rule(case) for name, rule in RULES.items()}


def test_each_trial_of_a_condition_has_a_seed_of_its_own() -> None:
    trials = list(PLAN.trials(IDLE))

    assert Counter(it.effect for it in trials) == {SAME: 500, **dict.fromkeys(EFFECTS, 200)}
    assert [it.number for it in trials] == list(range(1300))
    assert len({it.seed for it in trials}) == 1300


def test_kinds_of_trials_are_mixed_and_a_seed_repeats_the_order() -> None:
    orders = [list(replace(PLAN, seed=seed).trials(condition)) for seed in (1, 2) for condition in CONDITIONS]

    assert list(PLAN.trials(IDLE)) == orders[0]
    assert len({tuple(it.effect for it in order) for order in orders}) == 4
    assert len({it.effect for it in orders[0][:100]}) == 5


def test_a_folder_takes_trials_of_one_plan_only(tmp_path: Path) -> None:
    PLAN.settle(str(tmp_path))
    PLAN.settle(str(tmp_path))
    assert TrialPlan.of(str(tmp_path)) == PLAN

    with pytest.raises(InputError, match="another plan"):
        replace(PLAN, seconds=1.0).settle(str(tmp_path))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"seed": 1'])
def test_a_damaged_plan_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(InputError, match="no plan"):
        TrialPlan.of(str(tmp_path))


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    blocks, path = _blocks(), str(tmp_path / "idle" / "00000.npz")
    save(TrialRecord(blocks, {"every": 200}), path)
    back = load(path)
    assert back.facts == {"every": 200}
    assert back.blocks.series == blocks.series

    for mine, its in zip(blocks.processes, back.blocks.processes, strict=True):
        assert mine.ns_per_tick == its.ns_per_tick
        for name in ("ticks", "position", "switches", "faults", "delay_truth_ns"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(its, name))

    assert os.listdir(tmp_path / "idle") == ["00000.npz"]


@given(cut=st.floats(0, 0.999))
def test_a_record_that_was_cut_short_is_refused(tmp_path_factory: pytest.TempPathFactory, cut: float) -> None:
    path = tmp_path_factory.mktemp("record") / "00000.npz"
    save(TrialRecord(Machine({("pread", THROUGHPUT): 440.0}).run(rounds=2, processes=1), {}), str(path))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * cut)])

    with pytest.raises(InputError, match="no record"):
        load(str(path))


def test_progress_tells_every_ten_seconds_and_at_the_end() -> None:
    now, told = [0.0], list[str]()
    progress = TrialProgress("idle", 20, told.append, lambda: now[0])
    for _ in range(20):
        now[0] += 2.5
        progress.one_more()

    assert [text.split(" of ")[0] for text in told] == [
        "idle: 4",
        "idle: 8",
        "idle: 12",
        "idle: 16",
        "idle: 20",
    ]
    assert told[0] == "idle: 4 of 20 trials, 2.50 s each, 0 min 40 s left"


def test_equal_arms_are_different_to_nobody_on_a_quiet_machine() -> None:
    said = [_verdicts(_blocks(seed=seed)) for seed in range(6)]
    assert {it[REGTAP] for it in said} == {Verdict.EQUIVALENT}

    gates = {verdict for it in said for name, verdict in it.items() if name.startswith("pytest-benchmark")}
    assert gates == {Verdict.UNRESOLVED}


def test_two_percent_more_are_seen_by_every_fine_enough_rule() -> None:
    said = _verdicts(_blocks(0.02))
    slower = {name for name, verdict in said.items() if verdict is Verdict.SLOWER}
    assert slower == set(RULES) - {"pytest-benchmark median:5%", "pytest-benchmark mean:5%"}


def test_two_percent_less_are_faster_except_to_a_gate() -> None:
    said = _verdicts(_blocks(-0.02))
    assert {said[name] for name in (REGTAP, PYPERF, MANN_WHITNEY)} == {Verdict.FASTER}
    assert {said[name] for name in ONE_PERCENT_GATES} == {Verdict.UNRESOLVED}


def test_the_t_test_is_the_one_of_the_books() -> None:
    from scipy.stats import ttest_ind

    for seed in range(20):
        case = TrialCase(_blocks(0.0003, seed=seed), "pread", 0.002)
        different = ttest_ind(case.twin_ns, case.arm_ns).pvalue < 0.05
        assert (RULES[PYPERF](case) is not Verdict.UNRESOLVED) == different


def test_an_effect_below_the_margin_is_not_called() -> None:
    said = {_verdicts(_blocks(0.002, seed=seed), margin=0.004)[REGTAP] for seed in range(3)}
    assert said == {Verdict.EQUIVALENT}


def test_a_heavy_tail_misleads_means_and_not_the_verdict() -> None:
    said = [_verdicts(_blocks(seed=seed, trouble=heavy_tail)) for seed in range(8)]
    assert {it[REGTAP] for it in said} <= {Verdict.EQUIVALENT, Verdict.UNRESOLVED}
    assert any(it["pytest-benchmark mean:1%"] is Verdict.SLOWER for it in said)


def _judgement(false: int, seen: int, *, wrong_way: int = 0) -> Judgement:
    """GIVEN trials of which regtap called so many: equal arms in both directions, +0.5 % slower."""
    kinds = {
        (SAME.name, 1.0): [Verdict.FASTER, Verdict.SLOWER][:false] + [Verdict.SLOWER] * (false - 2),
        (EFFECTS[1].name, 1.005): [Verdict.SLOWER] * seen + [Verdict.FASTER] * wrong_way,
    }
    facts = {
        "rounds": 2000,
        "seconds": 0.75,
        "wall_s": 1.1,
        "load": {"others_percent": 0.5, "steal_percent": 0.0},
    }
    trials = [
        JudgedTrial(IDLE, effect, dict.fromkeys(RULES, verdict), ratio, facts)
        for ((effect, ratio), called), total in zip(kinds.items(), (500, 200), strict=True)
        for verdict in [*called, *[Verdict.EQUIVALENT] * (total - len(called))]
    ]
    return Judgement(PLAN, Margin(0.002, "from a test"), {"kernel": "6.18"}, tuple(trials))


@pytest.mark.parametrize(
    ("false", "low", "high"),
    # 0: 1 - 0.025 ** (1 / 500); the others from the beta distribution's quantiles (Clopper and Pearson, 1934)
    [(0, 0.0, 0.007351), (2, 0.000485, 0.014374), (5, 0.003255, 0.023181), (25, 0.032615, 0.072928)],
)
def test_false_differences_of_both_signs_have_exact_intervals(false: int, low: float, high: float) -> None:
    cell = next(it for it in cells_of(_judgement(false, 200)) if (it.rule, it.effect) == (REGTAP, SAME.name))
    assert (cell.trials, cell.called, cell.wrong_way) == (500, false, 0)
    assert (cell.low, cell.high) == pytest.approx((low, high), abs=2e-6)


def test_an_effect_is_seen_only_as_slower() -> None:
    cells = cells_of(_judgement(0, 190, wrong_way=3))
    cell = next(it for it in cells if (it.rule, it.effect) == (REGTAP, EFFECTS[1].name))
    assert (cell.trials, cell.called, cell.wrong_way, cell.share) == (200, 190, 3, 0.95)


@pytest.mark.parametrize(
    ("false", "seen", "met"), [(5, 190, [True, True]), (6, 190, [False, True]), (5, 189, [True, False])]
)
def test_bars_are_held_against_the_shares(false: int, seen: int, met: list[bool]) -> None:
    bars = bars_of(cells_of(_judgement(false, seen)))
    assert [bar.met for bar in bars] == met


def test_the_table_has_a_row_a_rule_and_leaves_untried_open() -> None:
    text = to_markdown(_judgement(2, 199))

    assert "| idle | regtap bench | 0.4 [0.0, 1.4] |   | 99.5 [97.2, 100.0] |   |   |" in text
    assert all(f"| idle | {rule} |" in text for rule in RULES)
    assert "- idle: +0.5 % seen: 99.5 %, bar 95 %: MET" in text
    assert "| loaded |" not in text
    assert "| idle | 0.5 % | +0.5000 % | 0.0000 % | 0.0000 % |" in text


def test_the_document_for_machines_holds_what_the_table_shows() -> None:
    document = json.loads(to_json(_judgement(2, 199)))
    cell = next(it for it in document["cells"] if (it["rule"], it["effect"]) == (REGTAP, SAME.name))

    assert (cell["called"], cell["trials"], cell["share"]) == (2, 500, 0.004)
    assert document["plan"]["same"] == 500
    assert document["margin"] == {"value": 0.002, "source": "from a test"}
    assert [it["condition"] for it in document["circumstances"]] == [IDLE]


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _pids(loops: BusyLoops) -> list[int]:
    return [loop.pid for loop in loops._loops]


def test_cores_are_busy_as_long_as_it_is_asked() -> None:
    with BusyLoops(os.sched_getaffinity(0)) as loops:
        loops.check()
        pids = _pids(loops)
        assert len(pids) == len(os.sched_getaffinity(0))
        assert all(_is_running(pid) for pid in pids)
    assert not any(_is_running(pid) for pid in pids)


def test_an_idle_machine_has_no_loops() -> None:
    with BusyLoops(set()) as loops:
        loops.check()
        assert _pids(loops) == []


def test_a_loop_that_has_ended_is_noticed() -> None:
    with BusyLoops({min(os.sched_getaffinity(0))}) as loops:
        (pid,) = _pids(loops)
        os.kill(pid, 9)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(FaultError, match="busy loop"):
            loops.check()


def test_loops_end_with_a_parent_that_was_killed() -> None:
    program = (
        "import os; from regtap_bench.characteristics.load import BusyLoops\n"
        "with BusyLoops({min(os.sched_getaffinity(0))}) as loops:\n"
        "    print(*(loop.pid for loop in loops._loops), flush=True); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    deadline = time.monotonic() + 30
    while _is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = _is_running(pid)
    if left:
        os.kill(pid, 9)

    assert not left
