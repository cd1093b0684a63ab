"""kill -9 at any moment loses no sample that the loop had completed."""

from __future__ import annotations

import os
import random
import signal
import time
import traceback
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from tests.conservation import assert_conserved
from tests.torture.aftermath import Scene, recover_and_check, scene_of
from tests.torture.conftest import Tally, cases
from tests.torture.victim import VictimCapture, record

import regtap

KILLED = "kill -9 of a recorder at a random moment: every completed sample is recovered, once"
STEPS = "kill -9 of a recorder before and after each file operation: the same"
ROTATING = (
    "kill -9 of a rotating recorder before and after each file operation: an exact balance, no part twice"
)
SMALL = {"spool_size": "512KiB"}
SIM = ("COUNT32", "CHECKED")
CATCH = "COUNT32 & 7 == 0"

SETUPS: dict[str, VictimCapture] = {
    "full rate, wait": VictimCapture(SIM, "sim", "", {**SMALL, "on_full": "wait"}),
    "full rate, wait, slow writer": VictimCapture(SIM, "sim", "", {**SMALL, "on_full": "wait"}, stall_s=0.02),
    "full rate, discard, slow writer": VictimCapture(
        SIM, "sim", "", {**SMALL, "on_full": "discard"}, stall_s=0.03
    ),
    "full rate, stop": VictimCapture(SIM, "sim", "", {**SMALL, "on_full": "stop"}, stall_s=0.02),
    "paced fast, discard, slow writer": VictimCapture(
        SIM, "sim", "", {**SMALL, "rate": "300k"}, stall_s=0.06
    ),
    "paced, wait, slow writer": VictimCapture(
        SIM, "sim", "", {**SMALL, "rate": "300k", "on_full": "wait"}, stall_s=0.06
    ),
    "flight recorder": VictimCapture(SIM, "sim", "", {**SMALL, "on_full": "overwrite"}),
    "flight recorder, snapshots": VictimCapture(
        SIM, "sim", "", {**SMALL, "on_full": "overwrite"}, snapshot_s=0.01
    ),
    "flight recorder, snapshots, slow writer": VictimCapture(
        SIM, "sim", "", {**SMALL, "on_full": "overwrite"}, stall_s=0.02, snapshot_s=0.01
    ),
    "paced flight recorder, snapshots": VictimCapture(
        SIM,
        "sim",
        "",
        {**SMALL, "rate": "300k", "on_full": "overwrite", "keep_last": 0.02},
        stall_s=0.02,
        snapshot_s=0.03,
    ),
    "trigger": VictimCapture(SIM, "sim", "", {**SMALL, "trigger": CATCH, "pre": 0.00005, "post": 0.001}),
    "trigger, slow writer": VictimCapture(
        SIM, "sim", "", {**SMALL, "trigger": CATCH, "pre": 0.00005, "post": 0.003}, stall_s=0.02
    ),
    "paced, trigger": VictimCapture(
        SIM,
        "sim",
        "",
        {**SMALL, "rate": "300k", "trigger": CATCH, "pre": 0.002, "post": 0.001},
        stall_s=0.002,
    ),
    "paced slowly": VictimCapture(SIM, "sim", "", {**SMALL, "rate": "2k"}),
    "many registers, latency": VictimCapture(
        ("COUNT64", "CHECKED", "COUNT32", "STATUS", "ADC"), "sim", "", {"spool_size": "1MiB", "latency": True}
    ),
    "changes, full rate": VictimCapture(SIM, "sim", "", {**SMALL, "on_change": True}),
    "changes, full rate, slow writer": VictimCapture(
        SIM, "sim", "", {**SMALL, "on_change": ["COUNT32"], "on_full": "discard"}, stall_s=0.03
    ),
    "changes, paced, heartbeat": VictimCapture(
        SIM, "sim", "", {**SMALL, "rate": "300k", "on_change": True, "heartbeat": 0.0005}, stall_s=0.02
    ),
    "zeros": VictimCapture(("zero=0:u32", "zero8=8:u8"), "zeros", "", SMALL, stall_s=0.01),
    "ones": VictimCapture(("one=0:u64",), "ones", "", {**SMALL, "on_full": "discard"}, stall_s=0.02),
}


@pytest.fixture
def targets(simulator: str, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "zeros").write_bytes(bytes(4096))
    (tmp_path / "ones").write_bytes(b"\xff" * 4096)
    return {"sim": simulator, "zeros": f"file:{tmp_path / 'zeros'}", "ones": f"file:{tmp_path / 'ones'}"}


def remove_spools_of(pid: int | None) -> None:
    for name in os.listdir("/dev/shm"):
        if name.startswith(f"regtap-{pid}-"):
            os.unlink(f"/dev/shm/{name}")


@dataclass(frozen=True)
class Killed:
    """A recorder after its end.

    Attributes:
        pid: Its process.
        began: Whether the capture ran, before.
        had_ended: Whether it ended by itself, so that nothing was tried.
    """

    pid: int | None
    began: bool
    had_ended: bool


def after_its_end(process: BaseProcess, ready: Connection) -> Killed:
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    try:
        began = ready.recv() == "running"
    except EOFError:
        began = False
    return Killed(process.pid, began, process.exitcode == 0)


def kill_one(processes: ForkServerContext, what: VictimCapture, delay_s: float, early: bool) -> Killed:
    """Record, and kill after the delay; `early`: reckoned from the process's start, not from the capture's."""
    ready, theirs = processes.Pipe(duplex=False)
    process = processes.Process(target=record, args=(what, theirs))
    process.start()
    theirs.close()
    if not early:
        assert ready.poll(30), "the recorder never began"
    time.sleep(delay_s)
    process.kill()
    killed = after_its_end(process, ready)
    assert killed.began or early, "the recorder never began"
    return killed


@pytest.mark.parametrize("setup", SETUPS)
def test_kill_9_at_a_random_moment(
    setup: str, targets: dict[str, str], shared_folder: Path, processes: ForkServerContext, tally: Tally
) -> None:
    dice, hits = random.Random(setup), 0
    ends_by_itself = SETUPS[setup].options.get("on_full") == "stop"
    wanted = cases(4, 90)
    for k in range(wanted + 10):
        if k >= wanted and (hits or ends_by_itself):
            break
        later_s = max(0, k + 1 - wanted) * 0.5  # a loop that waits for its CPU takes nothing at first
        folder = shared_folder / str(k)
        what = replace(
            SETUPS[setup],
            target=targets[SETUPS[setup].target],
            output=str(folder),
            part_bytes=dice.choice([None, 30_000]),
            seed=k,
        )
        early = dice.random() < 0.15
        killed = kill_one(processes, what, dice.random() ** 2 * 0.2 + later_s, early)
        scene = scene_of(folder)
        problem = problem_of(folder, scene, f"{setup}, case {k}")
        if scene is None and killed.began and not ends_by_itself:
            problem = f"{setup}, case {k}: the recorder was killed, and its spool is gone"
        has_samples = scene is not None and max(scene.oracle.end, scene.end) > 0
        hits += has_samples
        if has_samples or problem is not None:  # else nothing was there that could be lost
            tally.case(KILLED, problem)
        remove_spools_of(killed.pid)
    assert hits or ends_by_itself

    tally.assert_kept(KILLED)


def problem_of(folder: Path, scene: Scene | None, case: str) -> str | None:
    """Recover what a kill left; return what is wrong with it, if anything is."""
    try:
        if scene is not None:
            recover_and_check(scene)
        elif list(folder.glob("*.parquet")):  # it had ended before
            assert_conserved(regtap.open_trace(folder))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        at = traceback.extract_tb(error.__traceback__)[-1]
        return f"{case}: {type(error).__name__}: {error} ({at.filename}:{at.lineno}: {at.line})"
    return None


def test_kill_9_at_each_step(
    targets: dict[str, str], shared_folder: Path, processes: ForkServerContext, tally: Tally
) -> None:
    options: dict[str, Any] = {**SMALL, "samples": 150_000, "on_full": "wait"}
    whole = VictimCapture(("zero=0:u32",), targets["zeros"], "", options, part_bytes=1)
    kill_at_each_step(whole, STEPS, shared_folder, processes, tally)


def test_kill_9_of_a_rotating_recorder_at_each_step(
    targets: dict[str, str], shared_folder: Path, processes: ForkServerContext, tally: Tally
) -> None:
    options: dict[str, Any] = {**SMALL, "samples": 150_000, "on_full": "wait", "keep_parts": 2}
    whole = VictimCapture(("zero=0:u32",), targets["zeros"], "", options, part_bytes=1)
    kill_at_each_step(whole, ROTATING, shared_folder, processes, tally)


def kill_at_each_step(
    whole: VictimCapture, promise: str, shared_folder: Path, processes: ForkServerContext, tally: Tally
) -> None:
    samples = whole.options["samples"]
    step = survived = 0
    while survived < 8:  # threads count together, so that a number may be passed by
        folder = shared_folder / str(step)
        ready, theirs = processes.Pipe(duplex=False)
        process = processes.Process(
            target=record, args=(replace(whole, output=str(folder), kill_at=step), theirs)
        )
        process.start()
        theirs.close()
        killed = after_its_end(process, ready)
        survived = survived + 1 if killed.had_ended else 0
        scene = scene_of(folder)
        problem = problem_of(folder, scene, f"step {step}")
        if scene is None and killed.began and samples_of(folder) != samples:
            problem = f"step {step}: the spool is gone, and samples with it"
        if (killed.began and not killed.had_ended) or problem is not None:
            tally.case(promise, problem)
        remove_spools_of(killed.pid)
        step += cases(5, 1)  # an odd number: both before calls and after them
    assert step > 30
    tally.assert_kept(promise)


def samples_of(folder: Path) -> int:
    """Return how many samples a trace has, or had before it gave them up."""
    if not list(folder.glob("*.parquet")):
        return 0
    trace = regtap.open_trace(folder)
    return trace.rows + (0 if trace.rotated is None else trace.rotated.rows)
