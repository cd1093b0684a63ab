"""What disturbed a block: forced switches, moves to another CPU, stolen time."""

from __future__ import annotations

import os
import time
from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.simulated_bench import Machine, evaluation_of, result_of

from regtap_bench import _native
from regtap_bench.arms.base import THROUGHPUT
from regtap_bench.measuring.blocks import Blocks, Process
from regtap_bench.measuring.rounds import run_rounds
from regtap_bench.measuring.steal import StealWatch
from regtap_bench.report.render import markdown


class Stat:
    """A /proc/stat whose second CPU loses time when told to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.take(0)

    def take(self, ticks: int) -> None:
        cpu0, cpu1 = "7 0 0 0 0 0 0 99 0 0", f"7 0 0 0 0 0 0 {ticks} 0 0"
        self.path.write_text(f"cpu  1 2 3 4 5 6 7 {ticks + 99} 0 0\ncpu0 {cpu0}\ncpu1 {cpu1}\nintr 5\n")


@pytest.fixture
def stat(tmp_path: Path) -> Stat:
    return Stat(tmp_path / "stat")


@pytest.fixture
def cpus() -> Iterator[list[int]]:
    before = os.sched_getaffinity(0)
    yield sorted(before)
    os.sched_setaffinity(0, before)


def test_a_round_is_tagged_with_the_time_that_its_own_cpu_lost(stat: Stat) -> None:
    stolen = array("H", [0, 0, 0])
    with StealWatch(1, str(stat.path)) as watch:
        watch.tag_rounds(0, stolen)
        stat.take(3)
        watch.tag_rounds(1, stolen)
        watch.tag_rounds(2, stolen)
    assert list(stolen) == [0, 3, 0]


def test_time_that_another_cpu_lost_is_no_tag(stat: Stat) -> None:
    stolen = array("H", [0])
    with StealWatch(0, str(stat.path)) as watch:
        stat.take(3)
        watch.tag_rounds(0, stolen)
    assert list(stolen) == [0]


def test_without_a_cpu_of_its_own_the_time_of_all_counts(stat: Stat) -> None:
    stolen = array("H", [0])
    with StealWatch(None, str(stat.path)) as watch:
        stat.take(2)
        watch.tag_rounds(0, stolen)
    assert list(stolen) == [2]


def test_warming_up_tags_no_round(stat: Stat) -> None:
    stolen = array("H", [0])
    with StealWatch(1, str(stat.path)) as watch:
        stat.take(5)
        watch.tag_rounds(-1, stolen)
        watch.tag_rounds(0, stolen)
    assert list(stolen) == [0]


def test_a_slow_look_serves_many_rounds_and_tags_them_all(
    stat: Stat, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=0.0, looks=0)

    class SlowWatch(StealWatch):
        def _stolen(self) -> int:
            clock.now += 0.001
            clock.looks += 1
            return super()._stolen()

    monkeypatch.setattr("regtap_bench.measuring.steal.time", SimpleNamespace(perf_counter=lambda: clock.now))
    stolen = array("H", bytes(2 * 100))
    with SlowWatch(1, str(stat.path)) as watch:
        stat.take(1)
        before = clock.looks
        for number in range(100):
            clock.now += 0.01
            watch.end_round(number, stolen)
    assert 8 <= clock.looks - before <= 10  # 1 ms each, in a second
    tagged = sum(stolen)
    assert 8 <= tagged <= 12
    assert list(stolen) == [1] * tagged + [0] * (100 - tagged)


def test_a_machine_that_counts_no_stolen_time_has_no_tags(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu0 1 2 3 4\n")
    stolen = array("H", [0])

    with StealWatch(0, str(tmp_path / "stat")) as watch:
        watch.tag_rounds(0, stolen)

    assert list(stolen) == [0]


def test_a_meter_sees_that_its_thread_ended_elsewhere(cpus: list[int]) -> None:
    meter = _native.Meter()
    os.sched_setaffinity(0, {cpus[0]})
    meter.begin()
    assert meter.end()[3] == 0

    meter.begin()
    os.sched_setaffinity(0, {cpus[-1]})

    assert meter.end()[3] == (1 if len(cpus) > 1 else 0)


def test_an_arm_that_waits_is_not_disturbed_by_itself() -> None:
    meter, seen = _native.Meter(), set()
    for _ in range(20):  # another process may come between, but not always
        meter.begin()
        time.sleep(0.0005)
        seen.add(meter.end()[1])
    assert 0 in seen


def test_everything_that_a_block_reports_is_kept() -> None:
    raw = run_rounds(
        [lambda count: (count, 1, 2, 1), lambda count: (count, 0, 0, 0)], [(16, 24, 32)] * 2, 3, "s"
    )
    raw.stolen[:] = array("H", [0, 7, 0])
    process = Process.from_payload(raw.to_bytes(), (2, 3), {"ns_per_tick": 0.5, "delay_truth_ns": []})
    assert process.ticks.tolist() == [[[16, 24, 32]] * 2] * 3

    for column, value in ((process.switches, 1), (process.faults, 2), (process.moves, 1)):
        assert column.tolist() == [[[value] * 3, [0] * 3]] * 3

    assert process.stolen.tolist() == [0, 7, 0]


def _tagged(blocks: Blocks, **tags: int) -> Blocks:
    """Return blocks whose first process has a tag in round 2 of series 0, and the time of it tripled."""
    first = blocks.processes[0]
    changed = {name: getattr(first, name).copy() for name in (*tags, "ticks")}
    for name, value in tags.items():
        changed[name][(2,) if name == "stolen" else (2, 0, 1)] = value
    changed["ticks"][2, 0] *= 3
    return Blocks(blocks.series, (replace(first, **changed), *blocks.processes[1:]))


@pytest.mark.parametrize(("tag", "cause"), [("switches", "switch"), ("moves", "move"), ("stolen", "steal")])
def test_a_tagged_round_is_counted_by_cause_and_left_out(tag: str, cause: str) -> None:
    blocks = _tagged(Machine({("pread", THROUGHPUT): 440.0}).run(rounds=4, processes=1), **{tag: 1})
    evaluation = evaluation_of(blocks)

    cost = evaluation.cost(evaluation.arms["pread"], THROUGHPUT)

    assert cost.disturbed_share == 0.25
    assert cost.disturbances == {name: 0.25 * (name == cause) for name in ("switch", "move", "steal")}
    assert cost.undisturbed_ns is not None
    assert cost.undisturbed_ns < 450  # the disturbed round took three times as long


def test_stolen_time_leaves_the_rounds_of_the_overhead() -> None:
    blocks = Machine({("pread", THROUGHPUT): 440.0}).run(rounds=100, processes=1)
    process = blocks.processes[0]
    stolen = Blocks(blocks.series, (replace(process, stolen=np.ones_like(process.stolen)),))

    switched = Blocks(blocks.series, (replace(process, switches=np.ones_like(process.switches)),))

    assert stolen.intercepts_ns(0) == blocks.intercepts_ns(0) != [None]
    assert switched.intercepts_ns(0) == [None]


def test_an_overhead_that_is_not_known_is_not_said_to_be_none() -> None:
    blocks = Machine().run(rounds=100, processes=1)
    switched = [replace(it, switches=np.ones_like(it.switches)) for it in blocks.processes]
    evaluation = evaluation_of(Blocks(blocks.series, tuple(switched)))

    cost = evaluation.cost(evaluation.arms["pread"], THROUGHPUT)

    assert (cost.intercept_ns, cost.overhead_share) == (None, None)
    assert "| pread, throughput | 112, 168, 224 | 100 | - | - |" in markdown(result_of(evaluation))
