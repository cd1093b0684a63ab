"""Runs the workers one after the other: a survey of the arms, then fresh processes that measure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from regtap.errors import FaultError, RefusedError
from regtap.targets import parse_target
from regtap.units.format import count_of
from regtap_bench.arms.base import BULK, REGULAR, SLOW, THROUGHPUT, TWIN
from regtap_bench.arms.catalogue import BASELINES, WRITES
from regtap_bench.measuring.agreement import Agreement
from regtap_bench.measuring.blocks import Blocks, Process
from regtap_bench.measuring.job import Job, Series, Subject
from regtap_bench.measuring.probe import Probe

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

# All arbitrary. A process for each _EACH_S of a run, within the fewest and the most of _PROCESSES.
_PROCESSES = 5, 15
_EACH_S = 6
_FEWEST_KEPT = 2  # finished processes of a run that is interrupted: an interval needs two
_FEWEST_ROUNDS = 20
_PATIENCE = 1.15  # times the planned duration: a busy machine then gets fewer rounds
_WEIGHTS = {REGULAR: 15, BULK: 4, SLOW: 1}  # shares of a run's duration
# The arms are single-threaded; numpy's library need not start threads beside them.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}


@dataclass(frozen=True, slots=True)
class Effort:
    """The effort of a run: its length, its processes, its seed.

    Attributes:
        seconds: Duration of measuring, all processes together.
        processes: Fresh ones.
        seed: Seed of the order of the arms.
    """

    seconds: float
    processes: int
    seed: int

    @classmethod
    def of_run(cls, seconds: float, seed: int) -> Effort:
        """Return the effort of a run of some seconds: a longer run has more processes, within limits."""
        fewest, most = _PROCESSES
        return cls(seconds, min(most, max(fewest, int(seconds / _EACH_S))), seed)


@dataclass(frozen=True, slots=True)
class Measured:
    """The data of a run, with its workers and probes.

    Attributes:
        subject: The subject of the measurement.
        baseline: The arm that the others are compared with.
        probes: The facts about each arm, by name.
        blocks: Every timed block of the regular arms.
        bulk: Every block of the arms that read many bytes; of no series where the target has none of them.
        slow: Every block of the slow arms and, beside them, of the baseline; of no series where there are none.
        workers: Facts about each process.
        agreement: What the register said by mmap and by pread before; None where it has not both.
        planned: The number of processes that were to measure; fewer did where the run was interrupted.
    """

    subject: Subject
    baseline: str
    probes: Mapping[str, Probe]
    blocks: Blocks
    bulk: Blocks
    slow: Blocks
    workers: tuple[Mapping[str, Any], ...]
    agreement: Agreement | None = None
    planned: int = 0

    @property
    def is_interrupted(self) -> bool:
        """Whether the run ended before all its processes had measured."""
        return len(self.blocks.processes) < self.planned


@dataclass(frozen=True, slots=True)
class Survey:
    """The arms of a target, as found by a first process.

    Attributes:
        probes: The facts about each arm, by name.
        frequency_hz: Frequency of the clock that times the blocks.
        agreement: What the register said by mmap and by pread; None where it has not both.
    """

    probes: Mapping[str, Probe]
    frequency_hz: float
    agreement: Agreement | None = None


@dataclass(frozen=True, slots=True)
class Twins:
    """An arm against itself, and nothing else: a trial of the instrument.

    Attributes:
        arm: Its name.
        every: The number of accesses after which the twin does one more; 0: none, the two are the same.
    """

    arm: str
    every: int = 0


def run(subject: Subject, effort: Effort, tell: Callable[[str], None]) -> Measured:
    """Measure every arm of the target; after a KeyboardInterrupt, keep the data of two or more finished processes.

    Args:
        subject: The subject of the measurement.
        effort: The effort of the measurement.
        tell: Gets a line about what goes on.

    Raises:
        InputError: The register does not lie in the target.
        RefusedError: The system does not let the target be reached.
        FaultError: A worker failed while measuring.
    """
    tell("looking which arms the target has")
    found = survey(subject)
    probes = dict(found.probes)
    baseline = _baseline(subject, probes)
    if found.agreement is not None and found.agreement.disagree:
        tell("mmap and pread do not reach the same register: this run will be INVALID")
    probes[TWIN] = probes[baseline]
    seen = Survey(probes, found.frequency_hz)
    names = _by_cadence(probes, baseline)
    whole = sum(_WEIGHTS[cadence] for cadence in names)
    jobs = {}
    for cadence, series in names.items():
        share = replace(effort, seconds=effort.seconds * _WEIGHTS[cadence] / whole)
        jobs[cadence] = _plan(seen, series, Job(subject, baseline=baseline), share)
    arms = subject.arms(is_device=parse_target(subject.target).is_device).values()
    idle = {arm.name for arm in arms if arm.kind in ("control", "memory") or arm.name in WRITES}
    reads = effort.processes * sum(reads_of(job, idle) for job in jobs.values())
    tell(f"{subject.register.name} will be read up to {count_of(reads, 'time')}")
    return replace(_repeat(jobs, effort, probes, tell, keeps_finished=True), agreement=found.agreement)


def reads_of(job: Job, not_reading: Collection[str]) -> int:
    """Return how often a process with this job reads the register, at most; a bulk access counts once.

    Args:
        job: The job of the process.
        not_reading: Arms that leave the register alone, or write it.
    """
    reading = [series for series in job.series if series.arm not in not_reading]
    return job.rounds * sum(sum(series.counts) for series in reading)


def run_twins(subject: Subject, effort: Effort, twins: Twins, seen: Survey) -> Measured:
    """Measure an arm and its twin, back to back; no other arm runs.

    Args:
        subject: The subject of the measurement.
        effort: The effort of the measurement.
        twins: Which arm, and what the twin does besides.
        seen: An earlier survey() at the same subject.

    Raises:
        FaultError: A worker failed while measuring.
    """
    probes = dict.fromkeys((twins.arm, TWIN), seen.probes[twins.arm])
    job = Job(subject, baseline=twins.arm, twin_every=twins.every)
    series = [(name, THROUGHPUT) for name in probes]
    job = _plan(Survey(probes, seen.frequency_hz), series, job, effort)
    return _repeat({REGULAR: job}, effort, probes, lambda _: None)


def survey(subject: Subject) -> Survey:
    """Find the arms of the target and their rough costs, in a fresh process.

    Raises:
        InputError: The register does not lie in the target.
        RefusedError: The system does not let the target be reached.
        FaultError: The process failed.
    """
    _open_once(subject)
    answer, _ = _work(Job(subject))
    probes = {name: Probe(**found) for name, found in answer["arms"].items()}
    agreement = None if answer["agreement"] is None else Agreement.from_dict(answer["agreement"])
    return Survey(probes, answer["frequency_hz"], agreement)


def _baseline(subject: Subject, probes: Mapping[str, Probe]) -> str:
    """Return the baseline: the arm to compare all others with.

    Raises:
        RefusedError: The target has no such arm, or not one that was asked for.
    """
    where = f"{subject.target} has no way to {subject.register.name}"
    for name in subject.only:
        if probes[name].refused:
            raise RefusedError(f"{where} by {name}: {probes[name].refused}", remedy="name another arm")
    if subject.only:
        return subject.only[-1]
    for name in BASELINES:
        if not probes[name].refused:
            return name
    raise RefusedError(f"{where}: {probes[BASELINES[-1]].refused}", remedy="check with `regtap read`")


def _open_once(subject: Subject) -> None:
    """Open the target once, for the errors of doing so to be this process's own."""
    registers = [subject.register] if subject.write is None else [subject.register, subject.write]
    with parse_target(subject.target).open(registers, writable=subject.write is not None):
        pass


def _by_cadence(probes: Mapping[str, Probe], baseline: str) -> dict[str, list[tuple[str, str]]]:
    """Return the arms and measures by cadence; the slow arms have the baseline beside them."""
    names: dict[str, list[tuple[str, str]]] = {}
    for name, probe in probes.items():
        if not probe.refused:
            names.setdefault(probe.cadence, []).extend((name, measure) for measure in probe.ticks)
    if SLOW in names:
        names[SLOW].insert(0, (baseline, THROUGHPUT))
    return names


def _plan(seen: Survey, series: Sequence[tuple[str, str]], job: Job, effort: Effort) -> Job:
    """Return the job of each process: series with their counts, and as many rounds as there is time for."""
    ticks = {(arm, measure): seen.probes[arm].ticks[measure] for arm, measure in series}
    planned = []
    for name in series:
        probe = seen.probes[name[0]]
        enough = seen.frequency_hz * probe.block_s
        planned.append(Series(*name, _counts(ticks[name], enough, job.twin_every or probe.least)))
    round_s = sum(ticks[it.arm, it.measure] * sum(it.counts) for it in planned) / seen.frequency_hz
    each_s = effort.seconds / effort.processes
    rounds = max(_FEWEST_ROUNDS, round(each_s / round_s))
    return replace(job, series=tuple(planned), rounds=rounds, limit_s=_PATIENCE * each_s)


def _counts(ticks: float, enough: float, multiple: int) -> tuple[int, int, int]:
    """Return counts whose blocks take so many ticks, half as many again, and twice as many, or more."""
    least = max(1, round(enough / (ticks * multiple)))
    step = max(1, least // 2)
    return multiple * least, multiple * (least + step), multiple * (least + 2 * step)


def _repeat(
    jobs: Mapping[str, Job],
    effort: Effort,
    probes: Mapping[str, Probe],
    tell: Callable[[str], None],
    *,
    keeps_finished: bool = False,
) -> Measured:
    """Let fresh processes do the same jobs, one each, in an order of its own.

    Args:
        jobs: By cadence; there are regular arms.
        effort: The effort of the measurement.
        probes: The facts about each arm.
        tell: Gets a line about what goes on.
        keeps_finished: Let KeyboardInterrupt end the measuring, once there are processes to compare.
    """
    headers: list[Mapping[str, Any]] = []
    processes: dict[str, list[Process]] = {cadence: [] for cadence in _WEIGHTS}
    for number in range(effort.processes):
        lengths = "; ".join(
            f"{count_of(job.rounds, 'round')} of {len(job.series)} series" for job in jobs.values()
        )
        try:
            tell(f"process {number + 1} of {effort.processes}: {lengths}")
            done = [_measure(cadence, job, f"{effort.seed}/{number}") for cadence, job in jobs.items()]
        except KeyboardInterrupt:
            if not keeps_finished or number < _FEWEST_KEPT:
                raise
            tell(f"interrupted: the rounds of {number} finished processes are kept")
            break
        for cadence, (header, process) in zip(jobs, done, strict=True):
            processes[cadence].append(process)
            headers.append(header)
    blocks = {
        cadence: Blocks(jobs[cadence].series if cadence in jobs else (), tuple(those))
        for cadence, those in processes.items()
    }
    job = jobs[REGULAR]
    return Measured(
        job.subject,
        job.baseline,
        probes,
        blocks[REGULAR],
        blocks[BULK],
        blocks[SLOW],
        tuple(headers),
        planned=effort.processes,
    )


def _measure(cadence: str, job: Job, seed: str) -> tuple[Mapping[str, Any], Process]:
    """Let a fresh process do a job; return what it says about itself, and what it measured."""
    header, payload = _work(replace(job, seed=seed + ("" if cadence == REGULAR else f"/{cadence}")))
    shape = len(job.series), len(job.series[0].counts)
    kept = {name: value for name, value in header.items() if name != "delay_truth_ns"}
    return {"cadence": cadence, **kept}, Process.from_payload(payload, shape, header)


def _work(job: Job) -> tuple[dict[str, Any], bytes]:
    done = subprocess.run(
        # -P: no module of the current folder is taken for one of Python's
        [sys.executable, "-P", "-m", "regtap_bench.measuring.worker"],
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
