"""`regtap record` for a minute, as a user runs it: its rate between two runs of the loop alone, its memory."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.benchmarks.captures import Sizes, part_sizes, require_whole
from tests.benchmarks.recorder_bars.bars import Bar, Figure
from tests.benchmarks.recorder_bars.loop_alone import LoopRun, run_loop_alone
from tests.command import REGTAP

from regtap import open_trace
from regtap.spool.ring import default_size_bytes
from regtap.system.memory import available_memory

if TYPE_CHECKING:
    import numpy.typing as npt
    from tests.benchmarks.conftest import Cpus, Settings
    from tests.benchmarks.native_loops import Registers
    from tests.benchmarks.recorder_bars.record_bars import RecordBars

LOOK_S = 0.1
OVER_SPOOL_MB = 250
FLAT_MB = 16


@dataclass(frozen=True)
class Sustained:
    """One long capture and what surrounded it.

    Attributes:
        said: What `regtap record --json` printed.
        seconds: From its first sample to its exit.
        sizes: Of its parts.
        memory: Shape (looks, 3): seconds, resident bytes of the process without shared memory, with it.
        before: The loop alone, just before.
        after: And just after.
    """

    said: dict[str, Any]
    seconds: float
    sizes: Sizes
    memory: npt.NDArray[np.float64]
    before: LoopRun
    after: LoopRun


def resident_bytes(pid: int) -> tuple[float, float] | None:
    """Return a process's resident memory without and with shared memory; None once it has ended."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        whole, shared = (int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "RssShmem"))
    except (OSError, KeyError, ValueError):
        return None
    return whole - shared, whole


def watch(process: subprocess.Popen[str]) -> npt.NDArray[np.float64]:
    began = time.monotonic()
    looks = []
    while process.poll() is None:
        resident = resident_bytes(process.pid)
        if resident is not None:
            looks.append((time.monotonic() - began, *resident))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_S)
    return np.array(looks)


def record(
    registers: Registers, cpus: Cpus, seconds: float, folder: str
) -> tuple[dict[str, Any], Any, float]:
    command = [*REGTAP, "record", "-t", registers.target, "counter=0x0"]
    command += ["-o", folder, "--duration", f"{seconds}s", "--json"]
    command += [] if cpus.sampler is None else ["--cpu", str(cpus.sampler)]
    with tempfile.TemporaryFile("w+") as progress:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=progress, text=True)
        try:
            memory = watch(process)
            ended_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
            said = process.communicate()[0]
        finally:
            process.terminate()  # nothing, once it has ended
        progress.seek(0)
        assert process.returncode == 0, progress.read()
    trace = open_trace(folder)
    first_ns = trace.time_range[0] if trace.time_range else 0
    return json.loads(said), memory, (ended_ns - trace.start.monotonic_ns - first_ns) / 1e9


@pytest.fixture(scope="module")
def sustained(
    registers: Registers, cpus: Cpus, settings: Settings, disk: str, report: RecordBars
) -> Sustained:
    folder = os.path.join(disk, "sustained")
    before = run_loop_alone(registers.target, ["0x0"], settings.loop_alone_s, cpus.sampler)
    said, memory, seconds = record(registers, cpus, settings.seconds, folder)
    after = run_loop_alone(registers.target, ["0x0"], settings.loop_alone_s, cpus.sampler)
    run = Sustained(said, seconds, part_sizes(folder), memory, before, after)
    shutil.rmtree(folder)
    require_whole(said["taken"], said["stored"], run.sizes.rows)
    report.raw["sustained"] = {
        "said": {name: value for name, value in said.items() if name != "output"},
        "seconds_until_exit": seconds,
        "plain_rows": run.sizes.plain_rows,
        "loop_alone_before_seconds_a_sample": before.seconds_a_sample,
        "loop_alone_after_seconds_a_sample": after.seconds_a_sample,
        "memory_seconds_private_all": memory.tolist(),
    }
    return run


def test_sustained_rate(sustained: Sustained, settings: Settings, report: RecordBars) -> None:
    said = sustained.said
    alone = (1 / sustained.before.seconds_a_sample + 1 / sustained.after.seconds_a_sample) / 2
    stored = said["stored"] / sustained.seconds
    how = (
        f"{stored / 1e6:.1f} M/s up to the exit ({said['rate_hz'] / 1e6:.1f} while sampling); alone "
        f"{1e-6 / sustained.before.seconds_a_sample:.1f} before, {1e-6 / sustained.after.seconds_a_sample:.1f} "
        f"after; lost {said['lost']}, paused {said['throttled_ns'] / said['span_ns']:.1%} of the time, "
        f"{sustained.sizes.plain_rows / sustained.sizes.rows:.0%} of the rows PLAIN"
    )
    what = f"sustained over {settings.seconds:g} s / loop alone, rate"
    report.add(20, Figure(what, stored / alone, "x", Bar(0.8, False), how))
    assert said["balanced"]
    assert said["lost"] == 0


def test_memory(sustained: Sustained, report: RecordBars) -> None:
    seconds, private, whole = sustained.memory.T
    spool = min(default_size_bytes(available_memory()), int((whole - private).max()))
    over = (whole.max() - spool) / 1e6
    quarter = seconds[-1] / 4
    early = np.median(private[(seconds > quarter) & (seconds <= 2 * quarter)])
    late = np.median(private[(seconds > 3 * quarter) & (seconds <= 3.8 * quarter)])
    how = f"peak {whole.max() / 1e6:.0f} MB with a spool of {spool / 1e6:.0f} MB"
    report.add(70, Figure("memory over the spool", over, "MB", Bar(OVER_SPOOL_MB, True), how))
    how = f"medians: second quarter {early / 1e6:.0f} MB, last {late / 1e6:.0f} MB"
    report.add(71, Figure("memory growth over the run", (late - early) / 1e6, "MB", Bar(FLAT_MB, True), how))
    assert whole.max() > spool
