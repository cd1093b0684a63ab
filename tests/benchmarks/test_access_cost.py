"""What an access costs, by a full run of `regtap bench` on the simulated device; its report goes to the results."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from regtap.targets import parse_target
from regtap_bench.arms.base import REGULAR, THROUGHPUT
from regtap_bench.arms.catalogue import catalogue
from regtap_bench.measuring.engine import Effort
from regtap_bench.measuring.job import Subject, default_cpu
from regtap_bench.replay import replay, replay_timer
from regtap_bench.report.render import sentence
from regtap_bench.report.storage import default_folder, render, store
from regtap_bench.session import Session, Setting, measure

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Notes, Settings

TARGET = parse_target("sim")
READ, WRITE = TARGET.resolve(["COUNT32", "SCRATCH"])
ARMS = [
    arm.name
    for arm in catalogue(READ, is_device=False, quick=False, writes=True).values()
    if arm.cadence == REGULAR  # whole blocks, and what is slow, have rounds of their own
]
OVER_SUSTAINED = 1.5  # 90 s by default, as long as `regtap bench` takes by itself
KEPT = ("result.json", "report.md", "report.html")  # the raw blocks are too large to be tracked


@pytest.fixture(scope="module")
def session(settings: Settings) -> Session:
    cpu = default_cpu()
    subject = Subject(TARGET.spec, READ, WRITE, quick=False, cpu=cpu)
    seconds = OVER_SUSTAINED * settings.seconds
    command = f"regtap bench -t sim --duration {seconds:g}s --seed {settings.seed} --cpu {cpu}"
    setting = Setting(TARGET.is_device, command, tell=lambda _: None)
    return measure(subject, Effort.of_run(seconds, settings.seed), setting)


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.benchmark(group="access: one register, back to back", timer=replay_timer)
def test_arm(benchmark: Any, session: Session, arm: str) -> None:
    at = session.blocks.index(arm, THROUGHPUT)
    if at is None:
        row = session.result.row(arm)
        assert row is not None
        pytest.skip(row.refused)
    costs_ns = np.concatenate([process.ravel() for process in session.blocks.costs_ns(at)])

    replay(benchmark, costs_ns * 1e-9)


def test_the_report(session: Session, pytestconfig: pytest.Config, notes: Notes) -> None:
    result = session.result
    output = os.path.normpath(pytestconfig.getoption("--bench-output"))
    name = os.path.basename(default_folder(result.created_utc, str(result.environment["hostname"])))
    folder = os.path.join(output, f"{name}-access")
    store(render(session), folder)
    notes.add("what an access costs", [sentence(result), f"report and raw values: {folder}"])
    assert result.valid, sentence(result)

    if pytestconfig.getoption("--bench-reference"):
        reference = os.path.join(output, "reference", "access")
        os.makedirs(reference, exist_ok=True)
        for kept in KEPT:
            shutil.copyfile(os.path.join(folder, kept), os.path.join(reference, kept))
        notes.add("what an access costs", [f"reference: {reference}"])
