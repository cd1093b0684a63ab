"""Paced captures: slots missed, and whether the schedule drifts."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

import regtap
from regtap_bench.bars import Bar, Figure

if TYPE_CHECKING:
    import numpy.typing as npt
    from tests.benchmarks.conftest import Cpus, Settings
    from tests.benchmarks.native_loops import Registers

    from regtap.trace import Trace
    from regtap_bench.record_bars import RecordBars

PLACES = {1_000: 60, 10_000: 62}
MISSED_BAR = {1_000: Bar(0.01, True)}  # percent; 10 kHz is reported


def slots_of(trace: Trace, rows: int) -> npt.NDArray[np.int64]:
    """Return the slot of every row: its index, and the slots absent before it."""
    slots = np.arange(rows)
    for gap in sorted(trace.gaps, key=lambda gap: gap.first_index):
        slots[slots >= gap.first_index] += gap.count
    return slots


def drift_ns(trace: Trace, rate_hz: int, monotonic_raw_ns: tuple[int, int]) -> float:
    """Return how much later the slots of the last tenth came than those of the first.

    Args:
        trace: A paced one.
        rate_hz: Its rate.
        monotonic_raw_ns: CLOCK_MONOTONIC and CLOCK_MONOTONIC_RAW after it: the schedule is on the former, which
            NTP steers, times are on the latter.
    """
    raw = trace.to_arrow(["t_ns"])["t_ns"].to_numpy()
    steered = (monotonic_raw_ns[0] - trace.start.monotonic_ns) / (monotonic_raw_ns[1] - trace.start.raw_ns)
    late = raw * steered - slots_of(trace, len(raw)) * (1e9 / rate_hz)
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
    after = (time.clock_gettime_ns(time.CLOCK_MONOTONIC), time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW))
    drift = drift_ns(capture.trace(), rate_hz, after)
    shutil.rmtree(folder)
    totals, late = capture.summary.totals, capture.summary.lateness
    assert totals.due == totals.stored + totals.lost + totals.missed
    report.raw[f"paced at {rate_hz} Hz"] = {
        "due": totals.due,
        "missed": totals.missed,
        "lost": totals.lost,
        "late_mean_ns": late.mean_ns,
        "late_longest_ns": late.longest_ns,
        "drift_ns": drift,
    }
    what = f"paced at {rate_hz // 1000} kHz, missed slots"
    how = f"{totals.missed} of {totals.due}; late by {late.mean_ns:.0f} ns on average, {late.longest_ns} at most"
    missed = 100 * totals.missed / totals.due
    report.add(PLACES[rate_hz], Figure(what, missed, "%", MISSED_BAR.get(rate_hz), how))
    what = f"paced at {rate_hz // 1000} kHz, drift over {settings.paced_s:g} s"
    bar = Bar(1e9 / rate_hz / 100, True)
    report.add(
        PLACES[rate_hz] + 1,
        Figure(what, abs(drift), "ns", bar, "last tenth against first; bar: 1 % of a slot"),
    )
