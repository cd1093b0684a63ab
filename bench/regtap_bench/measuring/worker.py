"""One fresh process of a run: reads a Job from standard input, writes its data to standard output.

The answer is a line of JSON; for a job with rounds, the arrays of RawRounds follow it.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from regtap.clock import source
from regtap.errors import RegtapError
from regtap_bench import _native
from regtap_bench.arms.base import BLOCK_S, DELAY, TWIN, AccessArm
from regtap_bench.arms.extra import with_extra_work
from regtap_bench.arms.native_arms import native_arm
from regtap_bench.arms.site import Sites
from regtap_bench.measuring.agreement import read_by_both
from regtap_bench.measuring.job import Job
from regtap_bench.measuring.rounds import RawRounds, run_rounds
from regtap_bench.measuring.steal import StealWatch

if TYPE_CHECKING:
    from collections.abc import Mapping

DELAY_S = 2e-6  # of the known delay; arbitrary: about the cost of an access to a slow bus
_TRUTH_CHUNKS, _TRUTH_COUNT = 313, 64  # times five processes or more: 1e5 repeats
_FAILED = 3


def main() -> int:
    """Do the job from standard input."""
    job = Job.from_json(sys.stdin.read())
    if job.subject.cpu is not None:
        os.sched_setaffinity(0, {job.subject.cpu})
    try:
        with Sites(job.subject.target, job.subject.register, job.subject.write) as sites:
            header, payload = _rounds(job, sites) if job.series else (_probes(job, sites), b"")
    except RegtapError as error:
        sys.stderr.write(f"{error}\n")
        return _FAILED
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n" + payload)
    return 0


def _arms(job: Job, sites: Sites) -> dict[str, AccessArm]:
    twin = {}
    if job.baseline:
        twin = {TWIN: with_extra_work(native_arm(job.baseline, called=TWIN), job.twin_every)}
    wanted = {item.arm for item in job.series}
    if wanted and wanted <= {job.baseline, TWIN}:
        return {job.baseline: native_arm(job.baseline), **twin}
    return {**job.subject.arms(is_device=sites.target.is_device), **twin}


def _prepare() -> float:
    """Set the known delay; returns ticks a second."""
    frequency_hz = source.frequency_hz(source.best_source(True))
    _native.set_delay_ticks(round(frequency_hz * DELAY_S))
    return frequency_hz


def _probes(job: Job, sites: Sites) -> dict[str, Any]:
    from regtap_bench.measuring.probe import probe_all

    frequency_hz = _prepare()
    agreement = read_by_both(sites.read)
    found = probe_all(_arms(job, sites), sites, frequency_hz * BLOCK_S)
    return {
        "frequency_hz": frequency_hz,
        "agreement": None if agreement is None else asdict(agreement),
        "arms": {name: it.to_dict() for name, it in found.items()},
    }


def _rounds(job: Job, sites: Sites) -> tuple[dict[str, Any], bytes]:
    _prepare()
    arms = _arms(job, sites)
    blocks = [arms[item.arm].block(sites, item.measure) for item in job.series]
    truth = _delay_truth(sites) if any(item.arm == DELAY for item in job.series) else []
    gc.disable()
    began, switched = _anchor(), _usage()
    deadline_s = time.monotonic() + job.limit_s
    counts = [item.counts for item in job.series]
    with StealWatch(job.subject.cpu) as watch:

        def go_on(number: int, raw: RawRounds) -> bool:
            watch.end_round(number, raw.stolen)
            return time.monotonic() <= deadline_s

        raw = run_rounds(blocks, counts, job.rounds, job.seed, go_on)
        watch.tag_rounds(len(raw.stolen) - 1, raw.stolen)
    ended, switches = _anchor(), _usage()
    header = {
        "ns_per_tick": (ended[1] - began[1]) / (ended[0] - began[0]),
        "delay_truth_ns": truth,
        "seconds": (ended[1] - began[1]) / 1e9,
        "threads": len(os.listdir("/proc/self/task")),  # with a second one, each system call costs more
        "usage": {name: switches[name] - switched[name] for name in switches},
    }
    return header, raw.to_bytes()


def _delay_truth(sites: Sites) -> list[float]:
    """Return the duration of the known delay by CLOCK_MONOTONIC_RAW alone, in ns a repeat, by chunk."""
    run = sites.read.site.time_delay_ns
    return [run(_TRUTH_COUNT) / _TRUTH_COUNT for _ in range(_TRUTH_CHUNKS)]


def _anchor() -> tuple[int, int]:
    reading = source.read_clocks(source.best_source(True))
    return reading.ticks, reading.raw_ns


def _usage() -> Mapping[str, int]:
    import resource

    usage = resource.getrusage(resource.RUSAGE_THREAD)
    return {
        "voluntary_switches": usage.ru_nvcsw,
        "involuntary_switches": usage.ru_nivcsw,
        "minor_faults": usage.ru_minflt,
        "major_faults": usage.ru_majflt,
    }


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # nothing is left to tear down, and that would be a tenth of a short process
