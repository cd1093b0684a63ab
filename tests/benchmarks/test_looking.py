"""How soon a long trace shows in `plot` and `view`, and what a report of it takes: time and memory of processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pytest
from tests.benchmarks.large_traces import write_large_trace
from tests.benchmarks.recorder_bars.bars import Bar, Figure

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Settings
    from tests.benchmarks.recorder_bars.record_bars import RecordBars

# A small process in between: what a process is started by counts into its own peak.
_MEASURED = """
import resource, subprocess, sys, time
begun = time.monotonic()
code = subprocess.run(sys.argv[1:]).returncode
took = time.monotonic() - begun
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(took, used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)
sys.exit(code)"""

_PLOTS = 5
_ZOOMS = 12  # 13 steps each over 1e9 rows
_RSS_UNIT = 1024  # bytes; Linux counts KiB


@dataclass(frozen=True)
class Used:
    """What a process took.

    Attributes:
        wall_s: Time from its start to its end.
        cpu_s: CPU time.
        peak_mb: Largest resident memory, in MB of 10**6 bytes.
        output: What it printed.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    output: str


def run(*command: str) -> Used:
    """Run a process that is to succeed."""
    process = subprocess.run(
        (sys.executable, "-c", _MEASURED, *command), capture_output=True, text=True, check=True
    )
    wall_s, cpu_s, peak_kib = process.stderr.splitlines()[-1].split()
    return Used(float(wall_s), float(cpu_s), int(peak_kib) * _RSS_UNIT / 1e6, process.stdout)


@pytest.fixture(scope="module")
def trace(settings: Settings, disk: str) -> Iterator[tuple[Path, int]]:
    """Return a trace of 1e9 rows (1e7 in a short run), and how many rows it has."""
    rows = 1_000_000_000 if settings.seconds >= 60 else 10_000_000
    path = write_large_trace(Path(disk) / "large", rows)
    yield path, rows
    shutil.rmtree(path)


def test_the_first_picture_of_a_long_trace(trace: tuple[Path, int], report: RecordBars) -> None:
    path, rows = trace
    regtap = os.path.join(os.path.dirname(sys.executable), "regtap")

    plots = [run(regtap, "plot", str(path), "-o", f"{path}.png", "--force") for _ in range(_PLOTS)]

    os.unlink(f"{path}.png")
    how = f"{rows:.0e} rows, 3 registers, 4 fields"
    plot = median(it.wall_s for it in plots)
    cpu = f"median of {_PLOTS}, from start to end; CPU time {median(it.cpu_s for it in plots):.2f} s"
    report.add(92, Figure("`regtap plot`, the whole process", plot, "s", Bar(1.0, True), f"{how}; {cpu}"))
    assert plot > 0


def test_each_step_of_a_zoom_over_a_long_trace(trace: tuple[Path, int], report: RecordBars) -> None:
    path, rows = trace

    used = run(sys.executable, "-m", "tests.benchmarks.view_steps", str(path), str(_ZOOMS))

    seconds = json.loads(used.output)
    report.add(
        93,
        Figure("first picture of `regtap view`", seconds["first"], "s", Bar(1.0, True), f"{rows:.0e} rows"),
    )
    for place, state, bar_s in ((94, "warm", 0.1), (95, "cold", 1.0)):
        steps = sorted(seconds[state])
        within = sum(step <= bar_s for step in steps)
        how = f"{within} of {len(steps)} within the bar; median {1e3 * median(steps):.0f} ms"
        what = f"longest step of a zoom in `regtap view`, {state}"
        report.add(place, Figure(what, 1e3 * steps[-1], "ms", Bar(1e3 * bar_s, True), how))
    what = "`regtap view`, peak memory of these steps"
    report.add(96, Figure(what, used.peak_mb, "MB", Bar(500.0, True)))
    assert len(seconds["cold"]) == len(seconds["warm"]) > 0


def test_a_report_takes_bounded_memory(trace: tuple[Path, int], report: RecordBars) -> None:
    path, rows = trace
    regtap = os.path.join(os.path.dirname(sys.executable), "regtap")

    used = run(regtap, "report", str(path), "-o", f"{path}.html")

    os.unlink(f"{path}.html")
    how = f"{rows:.0e} rows: {1e9 * used.cpu_s / rows:.0f} ns of CPU time a row"
    report.add(97, Figure("`regtap report`, peak memory", used.peak_mb, "MB", Bar(500.0, True), how))
    assert used.output.startswith("Nothing was lost.")
