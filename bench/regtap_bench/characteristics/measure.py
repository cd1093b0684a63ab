"""The making of a plan's missing trials."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from regtap.registers.model import Register
from regtap_bench.characteristics.load import BusyLoops
from regtap_bench.characteristics.plan import LOADED, PROCESSES, Trial, TrialPlan
from regtap_bench.characteristics.progress import TrialProgress
from regtap_bench.characteristics.storage import TrialRecord, alone_in, save
from regtap_bench.environment import MachineLoad, describe_environment
from regtap_bench.measuring.engine import Effort, Survey, Twins, run_twins, survey
from regtap_bench.measuring.job import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ARM = "pread"
CALIBRATION = "calibration.npz"


@dataclass(frozen=True, slots=True)
class TrialRunner:
    """The common means of all trials.

    Attributes:
        plan: The trials.
        folder: The folder of the results.
        subject: The register that they read.
        seen: The survey of its arms.
    """

    plan: TrialPlan
    folder: str
    subject: Subject
    seen: Survey

    @classmethod
    def prepare(cls, plan: TrialPlan, folder: str, path: str) -> TrialRunner:
        """Make the register, in a file of one page, and survey the arms.

        Raises:
            RegtapError: As engine.survey does, and where the folder belongs to another plan.
        """
        plan.settle(folder)
        with open(path, "wb") as file:
            file.truncate(os.sysconf("SC_PAGE_SIZE"))
        subject = Subject(f"file:{path}", Register("register", 0), None, quick=True, cpu=plan.cpu)
        return cls(plan, folder, subject, survey(subject))

    def run(self, conditions: Iterable[str], tell: Callable[[str], None]) -> None:
        """Calibrate, and make every missing trial.

        Args:
            conditions: The conditions of the machine to measure under.
            tell: Gets a line about what goes on, every ten seconds.

        Raises:
            RefusedError: Another run measures into the same folder.
            FaultError: A worker failed, or a core was not kept busy.
            OSError: A record cannot be written.
        """
        with alone_in(self.folder):
            self._calibrate(tell)
            for condition in conditions:
                missing = [it for it in self.plan.trials(condition) if not os.path.exists(self.path_of(it))]
                with BusyLoops(os.sched_getaffinity(0) if condition == LOADED else set()) as loops:
                    self._run(missing, loops, TrialProgress(condition, len(missing), tell))

    def path_of(self, trial: Trial) -> str:
        """Return the path of a trial."""
        return trial_path(self.folder, trial)

    def _run(self, trials: Iterable[Trial], loops: BusyLoops, progress: TrialProgress) -> None:
        for trial in trials:
            record = self._measure(trial.seed, self.plan.seconds, Twins(ARM, trial.effect.every))
            loops.check()
            save(record, self.path_of(trial))
            progress.one_more()

    def _calibrate(self, tell: Callable[[str], None]) -> None:
        path = os.path.join(self.folder, CALIBRATION)
        if os.path.exists(path):
            return
        tell(f"calibrating: equal arms for {self.plan.calibration_s:g} s")
        found = self._measure(self.plan.seed, self.plan.calibration_s, Twins(ARM))
        environment = describe_environment()
        save(replace(found, facts={**found.facts, "environment": environment}), path)

    def _measure(self, seed: int, seconds: float, twins: Twins) -> TrialRecord:
        before, began = MachineLoad.now(), time.monotonic()
        measured = run_twins(self.subject, Effort(seconds, PROCESSES, seed), twins, self.seen)
        wall_s = time.monotonic() - began
        facts = {
            "every": twins.every,
            "seed": seed,
            "rounds": sum(len(process.ticks) for process in measured.blocks.processes),
            "wall_s": wall_s,
            "seconds": sum(worker["seconds"] for worker in measured.workers),
            "load": before.until(MachineLoad.now()),
        }
        return TrialRecord(measured.blocks, facts)


def trial_path(folder: str, trial: Trial) -> str:
    """Return the path of a trial in a folder."""
    return os.path.join(folder, trial.condition, f"{trial.number:05d}.npz")
