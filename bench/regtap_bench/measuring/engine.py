"""Runs the workers, one after the other: a look, then fresh processes that measure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regtap.errors import FaultError, RefusedError
from regtap.targets import parse_target
from regtap_bench import _native
from regtap_bench.arms.base import TWIN
from regtap_bench.arms.catalogue import BASELINES
from regtap_bench.measuring.blocks import Blocks, Process
from regtap_bench.measuring.job import Job, Series, Subject
from regtap_bench.measuring.probe import Probe
from regtap_bench.measuring.worker import BLOCK_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PROCESSES = 5
_FEWEST_ROUNDS = 20
_PATIENCE = 1.15  # on a busy machine, fewer rounds rather than more time
# The arms are single-threaded; numpy's library need not start threads beside them.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}


@dataclass(frozen=True, slots=True)
class Effort:
    """How much a run measures.

    Attributes:
        seconds: Of measuring, all processes together.
        processes: Fresh ones.
        seed: Of the order of the arms.
    """

    seconds: float
    processes: int
    seed: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run brought back.

    Attributes:
        subject: What was measured.
        effort: How much.
        baseline: The arm that the others are compared with.
        probes: What is known of each arm, by name.
        blocks: Every timed block.
        workers: What each process says about itself.
    """

    subject: Subject
    effort: Effort
    baseline: str
    probes: Mapping[str, Probe]
    blocks: Blocks
    workers: tuple[Mapping[str, Any], ...]


def run(subject: Subject, effort: Effort, tell: Callable[[str], None]) -> Measured:
    """Measure.

    Args:
        subject: What.
        effort: How much.
        tell: Gets a line about what goes on.

    Raises:
        InputError: The register does not lie in the target.
        RefusedError: The system does not let the target be reached.
        FaultError: A worker failed while measuring.
    """
    _open_once(subject)
    tell("looking which arms the target has")
    answer, _ = _work(Job(subject))
    probes = {name: Probe(**found) for name, found in answer["arms"].items()}
    baseline = next((name for name in BASELINES if not probes[name].refused), "")
    if not baseline:
        raise RefusedError(
            f"{subject.target} has no way to {subject.register.name}: {probes[BASELINES[-1]].refused}",
            remedy="check with `regtap read`",
        )
    probes[TWIN] = probes[baseline]
    series, round_s = _plan(probes, answer["frequency_hz"])
    rounds = max(_FEWEST_ROUNDS, round(effort.seconds / effort.processes / round_s))
    headers, processes = [], []
    for number in range(effort.processes):
        tell(f"process {number + 1} of {effort.processes}: {rounds:,} rounds of {len(series)} series")
        limit_s = _PATIENCE * effort.seconds / effort.processes
        job = Job(subject, series, baseline, rounds, f"{effort.seed}/{number}", limit_s)
        header, payload = _work(job)
        processes.append(Process.from_payload(payload, (len(series), len(series[0].counts)), header))
        headers.append({name: value for name, value in header.items() if name != "delay_truth_ns"})
    return Measured(subject, effort, baseline, probes, Blocks(series, tuple(processes)), tuple(headers))


def _open_once(subject: Subject) -> None:
    """Raise what keeps the target from being reached, as this process's own error."""
    registers = [subject.register] if subject.write is None else [subject.register, subject.write]
    with parse_target(subject.target).open(registers, writable=subject.write is not None):
        pass


def _plan(probes: Mapping[str, Probe], frequency_hz: float) -> tuple[tuple[Series, ...], float]:
    """Return every series with its counts, and about how long a round takes, in seconds."""
    enough = frequency_hz * BLOCK_S
    series = [
        Series(name, measure, _counts(ticks, enough))
        for name, found in probes.items()
        if not found.refused
        for measure, ticks in found.ticks.items()
    ]
    ticks = sum(probes[item.arm].ticks[item.measure] * sum(item.counts) for item in series)
    return tuple(series), ticks / frequency_hz


def _counts(ticks: float, enough: float) -> tuple[int, int, int]:
    """Return counts whose blocks take 50, 75 and 100 us; more where a turn of the loop takes longer."""
    least = max(1, round(enough / (ticks * _native.UNROLL)))
    step = max(1, least // 2)
    return (
        _native.UNROLL * least,
        _native.UNROLL * (least + step),
        _native.UNROLL * (least + 2 * step),
    )


def _work(job: Job) -> tuple[dict[str, Any], bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "regtap_bench.measuring.worker"],
        input=job.to_json().encode(),
        capture_output=True,
        env={**os.environ, **_ENVIRONMENT},
        check=False,
    )
    if done.returncode != 0:
        raise _failure(done)
    line, _, payload = done.stdout.partition(b"\n")
    header: dict[str, Any] = json.loads(line)
    return header, payload


def _failure(done: subprocess.CompletedProcess[bytes]) -> FaultError:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    last = lines[-1] if lines else f"it ended with status {done.returncode}"
    return FaultError(f"a process of the benchmark failed: {last}")
