"""The verdicts of each rule on the trials of a folder."""

from __future__ import annotations

import math
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regtap_bench.characteristics.measure import ARM, CALIBRATION, trial_path
from regtap_bench.characteristics.plan import CONDITIONS, Trial, TrialPlan
from regtap_bench.characteristics.rules import RULES, TrialCase, evaluation_of
from regtap_bench.characteristics.storage import load
from regtap_bench.figures import margin as margins
from regtap_bench.figures.result import Margin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regtap_bench.figures.verdict import Verdict
    from regtap_bench.measuring.blocks import Blocks

_CHUNK = 16


@dataclass(frozen=True, slots=True)
class JudgedTrial:
    """The verdicts on one trial.

    Attributes:
        condition: Condition of the machine.
        effect: Name of what was injected.
        verdicts: By rule.
        ratio: The twin's cost over the arm's, by regtap.
        facts: Facts of the trial.
    """

    condition: str
    effect: str
    verdicts: Mapping[str, Verdict]
    ratio: float
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdicts on a whole folder of trials.

    Attributes:
        plan: Its plan.
        margin: The one that regtap used.
        environment: The machine.
        trials: Those that have been made.
    """

    plan: TrialPlan
    margin: Margin
    environment: Mapping[str, Any]
    trials: tuple[JudgedTrial, ...]

    def verdicts(self, condition: str, effect: str, rule: str) -> Counter[Verdict]:
        """Return the number of trials by verdict, for one rule."""
        return Counter(
            it.verdicts[rule] for it in self.trials if (it.condition, it.effect) == (condition, effect)
        )


def judge_folder(folder: str) -> Judgement:
    """Judge the trials of a folder that have been made so far, by the margin that its calibration gives.

    Raises:
        InputError: It is no folder of trials, has no calibration yet, or one of its files is damaged.
    """
    plan = TrialPlan.of(folder)
    calibration = load(os.path.join(folder, CALIBRATION))
    margin = _margin(calibration.blocks, plan)
    made = [it for condition in CONDITIONS for it in plan.trials(condition)]
    made = [it for it in made if os.path.exists(trial_path(folder, it))]
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        judged = pool.map(_judge, made, [folder] * len(made), [margin.value] * len(made), chunksize=_CHUNK)
        return Judgement(plan, margin, calibration.facts["environment"], tuple(judged))


def _margin(calibration: Blocks, plan: TrialPlan) -> Margin:
    found = margins.calibrate(evaluation_of(calibration, ARM))
    if found is None:
        return Margin(margins.DEFAULT, "the default: the calibration was too short")
    return Margin(found, f"from equal arms measured for {plan.calibration_s:g} s before the first trial")


def _judge(trial: Trial, folder: str, margin: float) -> JudgedTrial:
    record = load(trial_path(folder, trial))
    case = TrialCase(record.blocks, ARM, margin)
    verdicts = {name: rule(case) for name, rule in RULES.items()}
    ratio = math.exp(case.log_ratio.value)
    return JudgedTrial(trial.condition, trial.effect.name, verdicts, ratio, record.facts)
