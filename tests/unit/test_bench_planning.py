"""How much a run measures: its processes, the length of its blocks, and how often it counts system calls."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

import pytest

from regtap.registers.model import Register
from regtap_bench.arms.base import BLOCK_S, THROUGHPUT
from regtap_bench.arms.native_arms import native_arm
from regtap_bench.arms.python_arms import python_arms
from regtap_bench.measuring import probe
from regtap_bench.measuring.engine import Effort, Survey, _plan, reads_of
from regtap_bench.measuring.job import Job, Series, Subject
from regtap_bench.measuring.probe import Probe

FREQUENCY_HZ = 2e9
TICKS = {"pread": 900.0, "python: os.pread": 1200.0}


@pytest.mark.parametrize(("seconds", "processes"), [(0.5, 5), (7, 5), (60, 10), (90, 15), (600, 15)])
def test_a_longer_run_has_more_processes(seconds: float, processes: int) -> None:
    assert Effort.of_run(seconds, seed=3) == Effort(seconds, processes, 3)


def test_blocks_of_python_arms_are_longer() -> None:
    """Their call is dearer, and has to stay below 1 % of a block."""
    arms = {arm.name: arm for arm in (native_arm("pread"), *python_arms()) if arm.name in TICKS}
    probes = {name: Probe(ticks={THROUGHPUT: TICKS[name]}, block_s=arm.block_s) for name, arm in arms.items()}
    subject = Subject("sim", Register("COUNT32", 8), None, quick=True, cpu=None)
    series = [(name, THROUGHPUT) for name in arms]

    job = _plan(Survey(probes, FREQUENCY_HZ), series, Job(subject), Effort(1.0, 5, 0))

    least_s = {it.arm: TICKS[it.arm] * it.counts[0] / FREQUENCY_HZ for it in job.series}
    assert least_s["pread"] == pytest.approx(BLOCK_S, rel=0.1)
    assert least_s["python: os.pread"] == pytest.approx(2 * BLOCK_S, rel=0.1)


@pytest.mark.parametrize(
    ("tries", "agreed", "looks"),
    [((3, 3), 3, 2), ((5, 3, 3), 3, 3), ((5, 3, 7, 5), 5, 4), ((1, 2, 3, 4, 5), 3, 5)],
)
def test_calls_are_counted_until_two_tries_agree(
    monkeypatch: pytest.MonkeyPatch, tries: tuple[int, ...], agreed: float, looks: int
) -> None:
    counts: Iterator[int] = iter(tries)
    made = []

    def counted(_block: object, count: int) -> int:
        made.append(count)
        return next(counts)

    monkeypatch.setattr(probe, "_calls", counted)
    assert probe._agreed(lambda _: (0, 0, 0, 0), 16) == agreed
    assert made == list(repeat(16, looks))


def test_arms_without_reads_do_not_count_as_reads_of_a_process() -> None:
    subject = Subject("sim", Register("COUNT32", 8), write=None, quick=True, cpu=None)
    series = tuple(
        Series(arm, "throughput", (16, 24, 32)) for arm in ("empty loop", "mmap load", "pread", "A/A twin")
    )

    assert reads_of(Job(subject, series, rounds=20), {"empty loop"}) == 20 * 3 * (16 + 24 + 32)
