"""`regtap record` for a minute, as a user runs it: its rate between two runs of the loop alone, its memory.

Once with one register, and once with five of mixed widths.
"""

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
from regtap.spool.size import default_size_bytes
from regtap.system.memory import available_memory

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from tests.benchmarks.conftest import Cpus, Settings
    from tests.benchmarks.native_loops import Registers
    from tests.benchmarks.recorder_bars.record_bars import RecordBars

ONE = ("counter=0x0",)
# All of them at the register that moves, so that each has its own pattern of changes.
FIVE = ("a=0x0:u8", "b=0x0:u16", "c=0x0:u32", "d=0x0:u64", "e=0x0:u32be")
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
    registers: Registers, names: Sequence[str], cpus: Cpus, seconds: float, folder: str
) -> tuple[dict[str, Any], Any, float]:
    command = [*REGTAP, "record", "-t", registers.target, *names]
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


@dataclass(frozen=True)
class Bench:
    """What a sustained capture is measured with."""

    registers: Registers
    cpus: Cpus
    settings: Settings
    disk: str
    report: RecordBars

    def run(self, what: str, names: Sequence[str]) -> Sustained:
        """Record, between two runs of the loop alone; `what` names the raw values."""
        folder = os.path.join(self.disk, "sustained")
        before = self._loop_alone(names)
        said, memory, seconds = record(self.registers, names, self.cpus, self.settings.seconds, folder)
        after = self._loop_alone(names)
        run = Sustained(said, seconds, part_sizes(folder), memory, before, after)
        shutil.rmtree(folder)
        require_whole(said["taken"], said["stored"], run.sizes.rows)
        self.report.raw[what] = raw_values(run)
        return run

    def _loop_alone(self, names: Sequence[str]) -> LoopRun:
        return run_loop_alone(self.registers.target, names, self.settings.loop_alone_s, self.cpus.sampler)


def raw_values(run: Sustained) -> dict[str, Any]:
    return {
        "said": {name: value for name, value in run.said.items() if name != "output"},
        "seconds_until_exit": run.seconds,
        "bytes_a_row": run.sizes.bytes_a_row,
        "loop_alone_before_seconds_a_sample": run.before.seconds_a_sample,
        "loop_alone_after_seconds_a_sample": run.after.seconds_a_sample,
        "memory_seconds_private_all": run.memory.tolist(),
    }


@pytest.fixture(scope="module")
def bench(registers: Registers, cpus: Cpus, settings: Settings, disk: str, report: RecordBars) -> Bench:
    return Bench(registers, cpus, settings, disk, report)


@pytest.fixture(scope="module")
def sustained(bench: Bench) -> Sustained:
    return bench.run("sustained", ONE)


@pytest.fixture(scope="module")
def sustained_five(bench: Bench) -> Sustained:
    return bench.run("sustained, five registers", FIVE)


def add_rate(run: Sustained, what: str, limit: float, place: int, bench: Bench) -> None:
    """Report the rate and the pauses of a capture, which must have lost nothing."""
    said = run.said
    alone = (1 / run.before.seconds_a_sample + 1 / run.after.seconds_a_sample) / 2
    stored = said["stored"] / run.seconds
    how = (
        f"{stored / 1e6:.1f} M/s up to the exit ({said['rate_hz'] / 1e6:.1f} while sampling); alone "
        f"{1e-6 / run.before.seconds_a_sample:.1f} before, {1e-6 / run.after.seconds_a_sample:.1f} after; "
        f"{run.sizes.bytes_a_row:.2f} bytes a row"
    )
    title = f"{what} sustained over {bench.settings.seconds:g} s / loop alone, rate"
    bench.report.add(place, Figure(title, stored / alone, "x", Bar(limit, False), how))
    how = f"lost {said['lost']}, paused {said['throttled_ns'] / said['span_ns']:.1%} of the time"
    bench.report.add(place + 1, Figure(f"{what} sustained, pauses", said["pauses"], "", Bar(0, True), how))
    assert said["balanced"]
    assert said["lost"] == 0


def test_sustained_rate(sustained: Sustained, bench: Bench) -> None:
    add_rate(sustained, "one register", 0.97, 20, bench)


def test_sustained_rate_of_five_registers(sustained_five: Sustained, bench: Bench) -> None:
    add_rate(sustained_five, "five registers of mixed widths", 0.95, 22, bench)


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
