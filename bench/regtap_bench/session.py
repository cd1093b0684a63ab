"""One run of the benchmark, from the question to the result."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from regtap_bench.arms.base import TWIN
from regtap_bench.arms.catalogue import catalogue, twin_of
from regtap_bench.environment import Load, describe_environment
from regtap_bench.figures import margin as margins
from regtap_bench.figures.controls import check_agreement, check_controls
from regtap_bench.figures.evaluate import Evaluation
from regtap_bench.figures.judgement import judge_machine, longest_gap_us, read_settings
from regtap_bench.figures.result import Margin, Result
from regtap_bench.measuring.engine import run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from regtap.registers import Register
    from regtap_bench.arms.base import AccessArm
    from regtap_bench.measuring.blocks import Blocks
    from regtap_bench.measuring.engine import Effort, Measured
    from regtap_bench.measuring.job import Subject


@dataclass(frozen=True, slots=True)
class Session:
    """A run that is over.

    Attributes:
        result: What it found.
        blocks: Every block that it timed.
        calibrated: The margin that it found, to be kept for later runs; None: it looked for none.
    """

    result: Result
    blocks: Blocks
    calibrated: float | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run has to know besides what it measures.

    Attributes:
        is_device: A real bus lies behind the target.
        command: How to repeat the run.
        tell: Gets a line about what goes on.
    """

    is_device: bool
    command: str
    tell: Callable[[str], None]


def measure(subject: Subject, effort: Effort, setting: Setting) -> Session:
    """Run the benchmark; makes no file.

    Args:
        subject: What is measured.
        effort: How much.
        setting: Everything else.

    Raises:
        RegtapError: As engine.run does.
    """
    environment = {**describe_environment(), **read_settings()}
    gap_us, before = longest_gap_us(), Load.now()
    measured = run(subject, effort, setting.tell)
    load = {**before.until(Load.now()), "gap_us_before": gap_us, "gap_us_after": longest_gap_us()}
    setting.tell("estimating")
    arms = catalogue(
        subject.register,
        is_device=setting.is_device,
        quick=subject.quick,
        writes=subject.write is not None,
        only=subject.only,
    )
    evaluation = evaluate(measured, arms)
    created_utc = datetime.now(UTC).isoformat(timespec="seconds")
    calibrated = None if subject.quick else margins.calibrate(evaluation)
    if calibrated is None:
        trusted = margins.cached(environment, margins.cache_path())
    else:
        trusted = Margin(calibrated, "calibrated by this run")
    checks = (*check_agreement(measured.agreement), *check_controls(evaluation, trusted.value))
    margin = _own_margin(evaluation, trusted) if subject.quick else trusted
    result = Result(
        created_utc=created_utc,
        command=setting.command,
        target=subject.target,
        is_device=setting.is_device,
        register=_describe(subject.register),
        write_register=None if subject.write is None else _describe(subject.write),
        mode="quick" if subject.quick else "full",
        seed=effort.seed,
        processes=len(measured.blocks.processes),
        baseline=measured.baseline,
        margin=margin,
        checks=checks,
        rows=evaluation.rows(margin.value),
        findings=judge_machine(environment, load, _interrupted_share(measured.blocks)),
        environment=environment,
        load=load,
        workers=measured.workers,
    )
    return Session(result, measured.blocks, calibrated)


def evaluate(measured: Measured, arms: Mapping[str, AccessArm]) -> Evaluation:
    """Return the figures of what was measured, the twin among the controls."""
    controls = {name: arm for name, arm in arms.items() if arm.kind == "control"}
    ordered = {**controls, TWIN: twin_of(measured.baseline), **arms}
    return Evaluation(measured.blocks, ordered, measured.probes, measured.baseline)


def _own_margin(evaluation: Evaluation, trusted: Margin) -> Margin:
    """Return the larger of the trusted margin and of what this run's own A/A twin shows."""
    own = max(
        (float(np.expm1(max(abs(ratio.low), abs(ratio.high)))) for ratio in evaluation.twins.values()),
        default=0.0,
    )
    return trusted if own <= trusted.value else Margin(own, "this run's own A/A interval")


def _interrupted_share(blocks: Blocks) -> float:
    shares = [rounds.mean() for k in range(len(blocks.series)) for rounds in blocks.interrupted(k)]
    return float(np.mean(shares))


def _describe(register: Register) -> dict[str, Any]:
    return {name: value for name, value in asdict(register).items() if name in ("name", "address", "type")}
