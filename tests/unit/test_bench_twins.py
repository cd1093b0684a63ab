"""An arm against its twin through the real engine, and twins that secretly do more."""

from __future__ import annotations

import math

import pytest

from regtap.errors import InputError
from regtap.registers.model import Register
from regtap_bench import _native
from regtap_bench.arms.base import THROUGHPUT, TWIN
from regtap_bench.arms.catalogue import twin_of
from regtap_bench.arms.extra import with_extra_work
from regtap_bench.arms.native_arms import native_arm
from regtap_bench.arms.site import Sites
from regtap_bench.figures.estimate import Estimate
from regtap_bench.figures.evaluate import Evaluation
from regtap_bench.measuring.engine import Effort, Measured, Survey, Twins, run_twins, survey
from regtap_bench.measuring.job import Job, Subject
from regtap_bench.measuring.probe import _calls

PREAD = "pread"


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    path = tmp_path_factory.mktemp("twins") / "page"
    path.write_bytes(bytes(4096))
    return Subject(f"file:{path}", Register("r", 0x10, "u32"), None, quick=True, cpu=None)


@pytest.fixture(scope="module")
def seen(subject: Subject) -> Survey:
    return survey(subject)


def _run(subject: Subject, seen: Survey, every: int = 0, *, processes: int = 5, seed: int = 1) -> Measured:
    return run_twins(subject, Effort(0.05 * processes, processes, seed), Twins(PREAD, every), seen)


def _run_long(subject: Subject, seen: Survey, every: int = 0) -> Measured:
    return run_twins(subject, Effort(1.0, 5, 1), Twins(PREAD, every), seen)


def _log_ratio(measured: Measured) -> Estimate:
    arms = {PREAD: native_arm(PREAD), TWIN: twin_of(PREAD)}
    found = Evaluation(measured.blocks, arms, measured.probes, PREAD).log_ratio(TWIN, THROUGHPUT)
    assert found is not None
    return found


@pytest.mark.parametrize("count", [1, 15, 16, 17, 31, 100, 201])
def test_a_block_makes_exactly_as_many_accesses_as_it_is_told(subject: Subject, count: int) -> None:
    with Sites(subject.target, subject.register, None) as sites:
        block = native_arm(PREAD).block(sites, THROUGHPUT)
        try:
            beside = _calls(block, 0)
        except OSError:
            pytest.fail("system calls cannot be counted here: allow ptrace")
        assert _calls(block, count) - beside == count


@pytest.mark.parametrize(
    ("every", "count", "made"), [(200, 200, 201), (200, 400, 402), (20, 240, 252), (0, 7, 7)]
)
def test_extra_work_is_real_accesses(subject: Subject, every: int, count: int, made: int) -> None:
    with Sites(subject.target, subject.register, None) as sites:
        arm = with_extra_work(native_arm(PREAD), every)
        block = arm.block(sites, THROUGHPUT)
        assert arm.refusal(sites) == ""
        assert _calls(block, count) - _calls(block, 0) == made


def test_an_arm_and_its_twin_run_alone_in_fresh_processes(subject: Subject, seen: Survey) -> None:
    measured = _run(subject, seen)

    assert [it.arm for it in measured.blocks.series] == [PREAD, TWIN]
    assert {it.measure for it in measured.blocks.series} == {THROUGHPUT}
    assert len(measured.blocks.processes) == len(measured.workers) == 5
    assert all(len(process.ticks) >= 1 for process in measured.blocks.processes)


@pytest.mark.parametrize("every", [20, 100, 200, 500])
def test_counts_are_multiples_so_that_the_extra_work_is_exact(
    subject: Subject, seen: Survey, every: int
) -> None:
    series = _run(subject, seen, every, processes=1).blocks.series

    assert series[0].counts == series[1].counts
    assert all(count % every == 0 for count in series[0].counts)
    assert len(set(series[0].counts)) == 3


def test_honest_counts_are_those_of_every_run(subject: Subject, seen: Survey) -> None:
    counts = _run(subject, seen, processes=1).blocks.series[0].counts
    assert all(count % _native.UNROLL == 0 for count in counts)


def test_the_same_seed_gives_the_same_order(subject: Subject, seen: Survey) -> None:
    def order(seed: int) -> list[int]:
        positions: list[int] = (
            _run(subject, seen, processes=1, seed=seed).blocks.processes[0].position[0].tolist()
        )
        return positions

    assert order(1) == order(1)
    assert len({str(order(seed)) for seed in range(8)}) > 1


def test_a_twin_that_secretly_does_half_more_is_seen(subject: Subject, seen: Survey) -> None:
    ratio = _log_ratio(_run_long(subject, seen, every=2))
    assert math.log(1.2) < ratio.value < math.log(1.8)
    assert ratio.low > 0


def test_an_honest_twin_costs_the_same(subject: Subject, seen: Survey) -> None:
    assert abs(_log_ratio(_run_long(subject, seen)).value) < math.log(1.2)


def test_a_register_outside_the_target_is_refused_at_once(subject: Subject) -> None:
    outside = Subject(subject.target, Register("r", 1 << 20), None, quick=True, cpu=None)
    with pytest.raises(InputError):
        survey(outside)


def test_a_job_comes_back_as_it_was_sent(subject: Subject, seen: Survey) -> None:
    series = _run(subject, seen, processes=1).blocks.series
    job = Job(subject, series, PREAD, 10, "1/2", 0.2, twin_every=200)
    assert Job.from_json(job.to_json()) == job
