"""One run of the benchmark, from the question to the result."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from regtap_bench.arms.base import BULK, REGULAR, SLOW, TWIN
from regtap_bench.arms.catalogue import twin_of
from regtap_bench.environment import MachineLoad, describe_environment, longest_gap_us, require_proc
from regtap_bench.figures import margin as margins
from regtap_bench.figures.controls import check_agreement, check_controls, check_processes
from regtap_bench.figures.crossover import crossover_points, find_crossings
from regtap_bench.figures.evaluate import Evaluation
from regtap_bench.figures.judgement import judge_machine
from regtap_bench.figures.result import Margin, Result, Row
from regtap_bench.measuring.engine import run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from regtap.registers.model import Register
    from regtap_bench.arms.base import AccessArm
    from regtap_bench.measuring.blocks import Blocks
    from regtap_bench.measuring.engine import Effort, Measured
    from regtap_bench.measuring.job import Subject


@dataclass(frozen=True, slots=True)
class Session:
    """A finished run.

    Attributes:
        result: The result of the run.
        blocks: Every block of the regular arms.
        others: Those of the arms that had rounds of their own, by cadence.
        calibrated: The margin that it found, to be kept for later runs; None: it looked for none.
        is_interrupted: It was ended before all its processes had measured.
    """

    result: Result
    blocks: Blocks
    others: Mapping[str, Blocks] = field(default_factory=dict)
    calibrated: float | None = None
    is_interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """The setting of a run, beside its subject.

    Attributes:
        is_device: A real bus lies behind the target.
        command: The command that repeats the run.
        tell: Gets a line about what goes on.
    """

    is_device: bool
    command: str
    tell: Callable[[str], None]


def measure(subject: Subject, effort: Effort, setting: Setting) -> Session:
    """Run the benchmark; makes no file.

    Args:
        subject: The subject of the measurement.
        effort: The effort of the measurement.
        setting: Everything else.

    Raises:
        RegtapError: As engine.run does.
    """
    require_proc()
    environment = describe_environment()
    gap_us, before = longest_gap_us(), MachineLoad.now()
    measured = run(subject, effort, setting.tell)
    load = {**before.until(MachineLoad.now()), "gap_us_before": gap_us, "gap_us_after": longest_gap_us()}
    setting.tell("estimating")
    arms = subject.arms(is_device=setting.is_device)
    evaluation = evaluate(measured, arms)
    created_utc = datetime.now(UTC).isoformat(timespec="seconds")
    calibrated = None if subject.quick else margins.calibrate(evaluation)
    if calibrated is None:
        trusted = margins.cached(environment, margins.cache_path())
    else:
        trusted = Margin(calibrated, "calibrated by this run")
    checks = (
        *check_processes(measured.planned, len(measured.blocks.processes)),
        *check_agreement(measured.agreement),
        *check_controls(evaluation, trusted.value),
    )
    margin = _own_margin(evaluation, trusted) if subject.quick else trusted
    bulk = Evaluation(measured.bulk, arms, measured.probes, measured.baseline)
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
        rows=(*evaluation.rows(margin.value), *slow_rows(measured, arms, margin.value)),
        findings=judge_machine(environment, load, _interrupted_share(measured.blocks)),
        environment=environment,
        load=load,
        workers=measured.workers,
        crossover=crossover_points(bulk),
        crossings=find_crossings(bulk, margin.value),
    )
    own_rounds = {BULK: measured.bulk, SLOW: measured.slow}
    others = {cadence: blocks for cadence, blocks in own_rounds.items() if blocks.series}
    return Session(result, measured.blocks, others, calibrated, measured.is_interrupted)


def evaluate(measured: Measured, arms: Mapping[str, AccessArm]) -> Evaluation:
    """Return the figures of the regular arms, the twin among the controls."""
    regular = {name: arm for name, arm in arms.items() if arm.cadence == REGULAR}
    controls = {name: arm for name, arm in regular.items() if arm.kind == "control"}
    ordered = {**controls, TWIN: twin_of(measured.baseline), **regular}
    probes = {name: measured.probes[name] for name in ordered}
    return Evaluation(measured.blocks, ordered, probes, measured.baseline)


def slow_rows(measured: Measured, arms: Mapping[str, AccessArm], margin: float) -> list[Row]:
    """Return the rows of the slow arms, compared with the baseline of their own rounds."""
    evaluation = Evaluation(measured.slow, arms, measured.probes, measured.baseline)
    slow = [arm for arm in arms.values() if arm.cadence == SLOW]
    return [replace(evaluation.row(arm, margin), own_rounds=True) for arm in slow]


def _own_margin(evaluation: Evaluation, trusted: Margin) -> Margin:
    """Return the larger of the trusted margin and the difference of this run's own A/A twin."""
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
