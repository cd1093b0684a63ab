"""Triggers, counters in two halves and recording on change, on a real device: the trace against the bus log."""

from __future__ import annotations

import numpy as np
import pytest
from tests.conservation import assert_conserved
from tests.vm.guest import Run
from tests.vm.judging import column
from tests.vm.scenes import HPET, HPET_COUNTER
from tests.vm.test_bus import Bus, reads

import regtap

BIT = 0x4000000


@pytest.fixture(scope="module")
def bus(devices: Run) -> Bus:
    return Bus(devices)


def test_a_pair_s_accesses_are_those_that_the_trace_counts(bus: Bus) -> None:
    assert bus.run.tried("pair").status == 0, bus.run.tried("pair").stderr
    trace = regtap.open_trace(bus.run.files / "pair")
    stored = column(bus.run.files / "pair", "counter").tolist()

    seen = reads(bus.stretch(40, HPET))

    assert trace.totals is not None
    assert trace.totals.accesses == len(seen)
    assert {address for address, _, _ in seen} == {HPET_COUNTER, HPET_COUNTER + 4}
    triples = {
        high << 32 | low
        for (first, high, _), (second, low, _), (third, again, _) in zip(
            seen, seen[1:], seen[2:], strict=False
        )
        if first == third == HPET_COUNTER + 4 and second == HPET_COUNTER and high == again
    }
    assert len(stored) == 500
    assert set(stored) <= triples
    assert stored == sorted(stored)


def test_a_trigger_stores_what_lies_around_its_hits(bus: Bus) -> None:
    assert bus.run.tried("trigger").status == 0, bus.run.tried("trigger").stderr
    trace = regtap.open_trace(bus.run.files / "trigger")
    stored = column(bus.run.files / "trigger", "counter").astype(np.int64)
    t_ns = column(bus.run.files / "trigger", "t_ns")

    seen = [value for _, value, _ in reads(bus.stretch(41, HPET))]

    assert_conserved(trace)
    assert trace.totals is not None
    assert len(seen) == trace.totals.taken
    assert set(stored.tolist()) <= set(seen)
    hits = [mark.t_ns for mark in trace.marks if mark.text.startswith("trigger")]
    assert len(hits) == 2
    for hit_ns in hits:
        row = int(np.searchsorted(t_ns, hit_ns))
        assert t_ns[row] == hit_ns
        assert stored[row] & BIT
        assert not stored[row - 1] & BIT


def test_on_change_reads_each_slot_and_stores_the_ends(bus: Bus) -> None:
    assert bus.run.tried("on-change").status == 0, bus.run.tried("on-change").stderr
    trace = regtap.open_trace(bus.run.files / "on-change")

    seen = reads(bus.stretch(42, HPET))

    assert_conserved(trace)
    assert trace.totals is not None
    assert trace.totals.taken == len(seen)
    assert {gap.cause for gap in trace.gaps} <= {"unchanged", "missed"}
    assert "unchanged" in {gap.cause for gap in trace.gaps}
    missed = sum(gap.cause == "missed" for gap in trace.gaps)
    assert trace.rows <= 2 + 2 * missed  # of each run of equal rows the first one and the last one
