"""A schedule that cannot be kept: late slots are skipped and counted, and the next one is taken."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests import twins
from tests.conservation import assert_conserved
from tests.twins import Paced

import regtap
from regtap import _native
from regtap.recording.options import RecordOptions
from regtap.sampling.sampler import make_sampler
from regtap.spool.block import TickGap
from regtap.spool.own import OwnSpool
from regtap.spool.ring import Ring
from regtap.system import cpus
from regtap.targets import parse_target

BURST, BLOCKS = (
    64,
    32,
)  # gaps that are told apart at once (then ten a second), and in a ring one for each block

Pace = Callable[[Fraction, int, int], Paced]


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "device"
    path.write_bytes(bytes(64))
    return path


@pytest.fixture(params=["native", "twin"])
def pace(request: pytest.FixtureRequest, device: Path) -> Pace:
    """Take samples on a schedule: (period in ns, slots, samples) -> what was taken."""
    if request.param == "twin":
        return twins.pace
    return lambda *schedule: pace_natively(device, *schedule)


def pace_natively(device: Path, period_ns: Fraction, slots: int, samples: int) -> Paced:
    target = parse_target(f"file:{device}")
    registers = target.resolve(["a=0:u32"])
    duration_ns = -(-slots * period_ns.numerator // period_ns.denominator)
    options = RecordOptions(rate_hz=10**9 / period_ns, duration_ns=duration_ns, samples=samples)
    source = _native.best_source(False)
    spool = OwnSpool(4 << 20)
    try:
        ring = spool.format(registers, b"{}", latency=False)
        with target.open(registers) as opened:
            plan = options.plan(source, ring.block_count, None)
            sampler = make_sampler(ring.memory, opened, registers, plan)
            sampler.start()
            sampler.join()
        return taken_by(ring, sampler, _native.frequency_hz(source))
    finally:
        spool.remove()
        spool.close()


def taken_by(ring: Ring, sampler: _native.Sampler, frequency_hz: float) -> Paced:
    blocks = [ring.block(sequence) for sequence in range(ring.sealed())]
    ticks = np.concatenate([block.ticks for block in blocks])
    gaps = [gap for block in blocks for gap in block.gaps]
    progress = sampler.progress()
    assert (progress.taken, progress.lost) == (len(ticks), 0)
    assert progress.missed == sum(gap.count for gap in gaps)
    in_ns = [TickGap(g.first_index, g.count, *times_of(g, frequency_hz), g.cause, g.rows) for g in gaps]
    return Paced(progress.due, [round(int(tick) * 1e9 / frequency_hz) for tick in ticks], in_ns)


def times_of(gap: TickGap, frequency_hz: float) -> tuple[int, int]:
    return round(gap.t0_ticks * 1e9 / frequency_hz), round(gap.t1_ticks * 1e9 / frequency_hz)


def assert_tiled(paced: Paced) -> None:
    """Rows and gaps together are exactly the slots that were due, and each gap lies where it says."""
    end = absent = 0
    for gap in paced.gaps:
        row = gap.first_index - absent
        assert gap.cause == "missed"
        assert gap.count > 0
        assert gap.first_index >= end
        assert row + gap.rows <= len(paced.rows_ns)
        assert all(gap.t0_ticks <= at <= gap.t1_ticks for at in paced.rows_ns[row : row + gap.rows])
        assert all(at <= gap.t1_ticks for at in paced.rows_ns[:row][-1:])
        assert all(at >= gap.t1_ticks for at in paced.rows_ns[row + gap.rows :][:1])
        absent += gap.count
        end = gap.first_index + gap.count + gap.rows
    assert end <= paced.due
    assert len(paced.rows_ns) + absent == paced.due
    assert paced.rows_ns == sorted(paced.rows_ns)


@pytest.mark.parametrize("period_ns", [Fraction(1), Fraction(50)])
def test_a_rate_that_cannot_be_held_takes_what_it_can(pace: Pace, period_ns: Fraction) -> None:
    paced = pace(period_ns, 10**14, 20_000)

    assert len(paced.rows_ns) == 20_000  # --samples ends, whatever the rate
    assert_tiled(paced)


def test_gaps_of_a_rate_that_cannot_be_held_are_joined(pace: Pace) -> None:
    paced = pace(Fraction(1), 10**14, 20_000)

    seconds = (paced.rows_ns[-1] - paced.rows_ns[0]) / 1e9
    assert paced.due > 20_000
    assert len(paced.gaps) <= BURST + BLOCKS + 10 * seconds
    assert max(gap.rows for gap in paced.gaps) > 1000
    assert_tiled(paced)


def test_rare_gaps_are_told_apart(pace: Pace) -> None:
    paced = pace(Fraction(10**6), 40, 10**6)

    assert paced.due == 40
    assert {gap.rows for gap in paced.gaps} <= {0}
    assert_tiled(paced)


@pytest.mark.parametrize("rate", ["20M", "15M", "1G"])
def test_a_capture_that_cannot_keep_up_stores_rows(device: Path, tmp_path: Path, rate: str) -> None:
    with regtap.record(
        ["a=0:u32"], tmp_path / "run", target=f"file:{device}", rate=rate, samples=20_000
    ) as capture:
        capture.wait()

    trace = capture.trace()
    assert trace.totals is not None
    assert (trace.totals.ended, trace.totals.stored, trace.totals.lost) == ("samples", 20_000, 0)
    assert len(trace.parts) == 1
    assert_conserved(trace)


def test_a_duration_is_kept_at_a_rate_that_cannot_be_held(device: Path, tmp_path: Path) -> None:
    with regtap.record(
        ["a=0:u32"], tmp_path / "run", target=f"file:{device}", rate="1G", duration=0.2
    ) as capture:
        capture.wait()

    totals = capture.summary.totals
    assert (totals.ended, totals.due) == ("duration", 200_000_000)
    assert totals.stored > 0
    assert_conserved(capture.trace())


def test_whoever_begins_a_capture_has_its_cpus_again(device: Path, tmp_path: Path) -> None:
    allowed = os.sched_getaffinity(0)

    with regtap.record(["a=0:u32"], tmp_path / "run", target=f"file:{device}", rate="10k"):
        meanwhile = os.sched_getaffinity(0)

    assert meanwhile == allowed
    assert os.sched_getaffinity(0) == allowed


def test_whoever_begins_a_capture_wakes_off_the_loop_s_cpu(
    device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed, own_id = os.sched_getaffinity(0), threading.get_native_id()
    moves: list[tuple[int, set[int]]] = []
    monkeypatch.setattr(cpus, "choose_cpus", lambda _: (1, {0}))
    monkeypatch.setattr(cpus, "move_thread", lambda *move: moves.append(move))

    with regtap.record(["a=0:u32"], tmp_path / "run", target=f"file:{device}", rate="10k"):
        pass

    assert moves == [(own_id, {0}), (own_id, allowed)]


def test_a_signal_ends_a_turn_of_waiting() -> None:
    latch = _native.Latch()
    seen: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: seen.append(number))
    began_s = time.monotonic()

    signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
    try:
        while not seen:
            assert not latch.wait_or_signal(600 * 10**9)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert time.monotonic() - began_s < 300
