"""`make bench-characteristics` in short: eight trials, interrupted and resumed, and the table from them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from regtap_bench.characteristics import plan as module
from regtap_bench.characteristics.plan import CONDITIONS, EFFECTS, IDLE, SAME, TrialPlan
from regtap_bench.characteristics.rules import RULES
from regtap_bench.characteristics.storage import alone_in, load

SHORT = ("--same", "2", "--different", "1", "--seconds", "0.1", "--calibration-s", "0.2")
# As `python -m regtap_bench.characteristics`, with every second effect and two processes a trial: each trial costs the
# start of its processes.
PROGRAM = """
import runpy
from regtap_bench.characteristics import plan
plan.PROCESSES, plan.EFFECTS = 2, plan.EFFECTS[1::2]
runpy.run_module("regtap_bench.characteristics", run_name="__main__")
"""
COMMAND = (sys.executable, "-c", PROGRAM)
FEW_EFFECTS = EFFECTS[1::2]
TRIALS = 2 + len(FEW_EFFECTS)  # in each condition


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=300, check=False)


def _records(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in sorted(folder.glob("*/*.npz"))}


@dataclass(frozen=True)
class Whole:
    folder: Path
    kept: dict[str, int]  # records that were there when it was interrupted
    status: int
    resumed: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """GIVEN a run that was interrupted after its first trials, and run again to its end."""
    folder = tmp_path_factory.mktemp("characteristics") / "trials"
    with subprocess.Popen([*COMMAND, "measure", folder, *SHORT], stderr=subprocess.PIPE) as first:
        deadline = time.monotonic() + 120
        while len(_records(folder)) < 2 and first.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=60)
    kept = _records(folder)
    return Whole(folder, kept, first.returncode, _run("measure", folder, *SHORT))


def test_an_interrupted_run_keeps_whole_records_only(whole: Whole) -> None:
    assert whole.status == 130
    assert 2 <= len(whole.kept) < 2 * TRIALS
    assert [path.name for path in whole.folder.rglob("*.tmp")] == []


def test_a_resumed_run_makes_what_is_missing_and_nothing_twice(whole: Whole) -> None:
    assert whole.resumed.returncode == 0, whole.resumed.stderr
    records = _records(whole.folder)
    assert {name: records[name] for name in whole.kept} == whole.kept
    assert len(records) == 2 * TRIALS

    made = TRIALS - sum(name.startswith(IDLE) for name in whole.kept)

    assert f"idle: {made} of {made} trials" in whole.resumed.stderr
    assert f"loaded: {TRIALS} of {TRIALS} trials" in whole.resumed.stderr


def test_each_record_is_the_trial_that_the_plan_says(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = TrialPlan.of(str(whole.folder))
    monkeypatch.setattr(module, "EFFECTS", FEW_EFFECTS)

    for condition in CONDITIONS:
        for trial in plan.trials(condition):
            record = load(str(whole.folder / condition / f"{trial.number:05d}.npz"))
            assert (record.facts["every"], record.facts["seed"]) == (trial.effect.every, trial.seed)
            assert len(record.blocks.processes) == 2
            assert len(record.blocks.series) == 2


def test_the_table_counts_every_trial(whole: Whole, tmp_path: Path) -> None:
    done = _run("table", whole.folder, "-o", tmp_path)
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout == (tmp_path / "bench-characteristics.md").read_text()

    document = json.loads((tmp_path / "bench-characteristics.json").read_text())
    trials = {(it["condition"], it["rule"], it["effect"]): it["trials"] for it in document["cells"]}
    assert trials == {
        (condition, rule, effect.name): 2 if effect == SAME else 1
        for condition in CONDITIONS
        for rule in RULES
        for effect in (SAME, *FEW_EFFECTS)
    }
    assert [it["trials"] for it in document["circumstances"]] == [TRIALS, TRIALS]
    assert done.returncode == (0 if all(bar["met"] for bar in document["bars"]) else 1)
    assert len(document["bars"]) == 4


def test_another_plan_is_refused_in_one_line(whole: Whole) -> None:
    done = _run("measure", whole.folder, *SHORT, "--seed", "2")

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "another plan" in done.stderr


def test_a_table_of_nothing_is_refused_in_one_line(tmp_path: Path) -> None:
    done = _run("table", tmp_path, "-o", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no plan of trials" in done.stderr


def test_a_second_run_in_the_same_folder_is_refused_in_one_line(whole: Whole) -> None:
    with alone_in(str(whole.folder)):
        done = _run("measure", whole.folder, *SHORT)

    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "another run measures into" in done.stderr
