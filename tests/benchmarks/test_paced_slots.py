"""Paced captures: slots missed, beside a C program that keeps the same schedule, and whether the schedule drifts."""

from __future__ import annotations

import os
import random
import shutil
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.benchmarks.paced_loop import PacedLoop, PacedSlots
from tests.benchmarks.recorder_bars.bars import Bar, Figure
from tests.benchmarks.recorder_bars.paired import counts_ratio

import regtap

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from tests.benchmarks.conftest import Cpus, Settings
    from tests.benchmarks.native_loops import Registers
    from tests.benchmarks.recorder_bars.record_bars import RecordBars

    from regtap.recording.summary import Summary
    from regtap.trace.reader import Trace

PLACES = {1_000: 60, 10_000: 63}
TURN_S = 1.0  # short turns, so that what the machine does meets both alike
RATIO_BAR = Bar(1.2, True)
DRIFT_SLOTS = 0.1  # a schedule that adds up its errors would be off by many
MISSED_BAR = {1_000: Bar(0.01, True)}  # percent; 10 kHz is reported


def slots_of(trace: Trace, rows: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return the slot of every row, its index and the slots absent before it, and whether that is exact.

    Inside a gap that stands for many runs of missed slots it is not.
    """
    slots = np.arange(rows)
    exact = np.ones(rows, dtype=np.bool_)
    absent = 0
    for gap in sorted(trace.gaps, key=lambda gap: gap.first_index):
        row = gap.first_index - absent
        exact[row : row + gap.rows] = False
        slots[row:] += gap.count
        absent += gap.count
    return slots, exact


def clocks_ns() -> tuple[int, int]:
    """Return CLOCK_MONOTONIC and CLOCK_MONOTONIC_RAW, read together as closely as in the best of many tries."""
    tries = []
    for _ in range(100):
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        monotonic = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        tries.append((after - before, monotonic, (before + after) // 2))
    return min(tries)[1:]


def drift_ns(trace: Trace, rate_hz: int, after_ns: tuple[int, int]) -> float:
    """Return how much later the slots of the last tenth came than those of the first; known to a microsecond.

    Args:
        trace: A paced one.
        rate_hz: Its rate.
        after_ns: What clocks_ns said after it: the schedule is on CLOCK_MONOTONIC, which NTP steers, the trace's
            times are on CLOCK_MONOTONIC_RAW.
    """
    raw = trace.to_arrow(["t_ns"])["t_ns"].to_numpy()
    steered = (after_ns[0] - trace.start.monotonic_ns) / (after_ns[1] - trace.start.raw_ns)
    slots, exact = slots_of(trace, len(raw))
    late = (raw * steered - slots * (1e9 / rate_hz))[exact]
    tenth = max(1, len(late) // 10)
    return float(np.median(late[-tenth:]) - np.median(late[:tenth]))


@pytest.mark.parametrize("rate_hz", PLACES)
def test_paced(
    registers: Registers, cpus: Cpus, settings: Settings, disk: str, report: RecordBars, rate_hz: int
) -> None:
    folder = os.path.join(disk, f"paced-{rate_hz}")
    capture = regtap.record(
        "counter=0x0",
        folder,
        target=registers.target,
        rate=rate_hz,
        duration=settings.paced_s,
        cpu=cpus.sampler,
    )
    with capture:
        capture.wait()
    drift = drift_ns(capture.trace(), rate_hz, clocks_ns())
    shutil.rmtree(folder)
    add_figures(report, capture.summary, rate_hz, drift)

    totals = capture.summary.totals
    assert totals.due == totals.stored + totals.lost + totals.missed


def add_figures(report: RecordBars, summary: Summary, rate_hz: int, drift: float) -> None:
    totals, late = summary.totals, summary.lateness
    report.raw[f"paced at {rate_hz} Hz"] = {
        "due": totals.due,
        "missed": totals.missed,
        "lost": totals.lost,
        "late_mean_ns": late.mean_ns,
        "late_longest_ns": late.longest_ns,
        "drift_ns": drift,
    }
    due = totals.due or 0
    what = f"paced at {rate_hz // 1000} kHz"
    how = f"{totals.missed} of {due}; late by {late.mean_ns:.0f} ns on average, {late.longest_ns} at most"
    missed = Figure(f"{what}, missed slots", 100 * totals.missed / due, "%", MISSED_BAR.get(rate_hz), how)
    report.add(PLACES[rate_hz], missed)
    how = f"last tenth of {due} slots against the first; bar: {DRIFT_SLOTS:g} slots"
    bar = Bar(DRIFT_SLOTS * 1e6 / rate_hz, True)
    report.add(PLACES[rate_hz] + 1, Figure(f"{what}, drift", abs(drift) / 1e3, "us", bar, how))


@pytest.fixture(scope="module")
def paced_loop(tmp_path_factory: pytest.TempPathFactory) -> PacedLoop:
    return PacedLoop.build(str(tmp_path_factory.mktemp("paced")))


@pytest.mark.parametrize("rate_hz", PLACES)
def test_paced_beside_c(
    registers: Registers,
    cpus: Cpus,
    settings: Settings,
    disk: str,
    report: RecordBars,
    paced_loop: PacedLoop,
    rate_hz: int,
) -> None:
    slots = int(rate_hz * TURN_S)
    ours: list[PacedSlots] = []
    theirs: list[PacedSlots] = []
    arms: list[tuple[list[PacedSlots], Callable[[], PacedSlots]]] = [
        (ours, lambda: capture_slots(registers, os.path.join(disk, "turn"), rate_hz, slots, cpus.sampler)),
        (theirs, lambda: paced_loop.run(registers.path, rate_hz, slots, cpus.sampler)),
    ]
    dice = random.Random(settings.seed)
    for _ in range(max(3, round(2 * settings.paced_s / TURN_S))):
        for kept, take_turn in dice.sample(arms, 2):
            kept.append(take_turn())
    report.raw[f"paced at {rate_hz} Hz, turns"] = {
        "ours": [asdict(kept) for kept in ours],
        "c": [asdict(kept) for kept in theirs],
    }
    missed, missed_in_c = (np.array([kept.missed for kept in arm]) for arm in (ours, theirs))
    late, late_in_c = (np.mean([kept.late_mean_ns for kept in arm]) for arm in (ours, theirs))
    how = (
        f"{missed.sum()} and {missed_in_c.sum()} of {slots * len(ours)} in {len(ours)} turns each, one added to both; "
        f"late by {late:.0f} and {late_in_c:.0f} ns on average"
    )
    what = f"paced at {rate_hz // 1000} kHz, missed slots / a C program's"
    ratio = counts_ratio(missed, missed_in_c, seed=settings.seed)

    report.add(PLACES[rate_hz] + 2, Figure.of(what, ratio, "x", RATIO_BAR, how))


def capture_slots(registers: Registers, folder: str, rate_hz: int, slots: int, cpu: int | None) -> PacedSlots:
    """Record so many slots, and remove the trace."""
    with regtap.record(
        "counter=0x0", folder, target=registers.target, rate=rate_hz, duration=slots / rate_hz, cpu=cpu
    ) as capture:
        capture.wait()
    shutil.rmtree(folder)
    totals, late = capture.summary.totals, capture.summary.lateness
    assert totals.due == slots == totals.stored + totals.lost + totals.missed
    return PacedSlots(slots, totals.missed, late.mean_ns, late.longest_ns)
