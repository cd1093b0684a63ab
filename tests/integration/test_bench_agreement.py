"""`regtap bench` beside a C program that shares nothing with it."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from regtap.targets import parse_target
from regtap_bench.figures.estimate import Estimate
from regtap_bench.figures.result import Result
from regtap_bench.measuring.engine import Effort
from regtap_bench.measuring.job import Subject, default_cpu
from regtap_bench.session import Setting, measure

SOURCE = Path(__file__).with_name("access_costs.c")
REGISTER = "0x1008"
OUR_PROCESSES, C_PROCESSES_EACH = 12, 2
# Our interval spans fresh processes, between which identical code differs by some percent, and so does the range of
# the C program's processes. What is left are the clocks: each reads another one, and calibrates ours by process.
SLACK = 0.01
# Of loads: at a tenth of a nanosecond, what is left of the turns of a loop counts.
LOAD_SLACK = 0.1
# Of the processes at either end: what else runs on the machine may have been in their way.
LEFT_OUT = 2


@dataclass(frozen=True)
class Pair:
    """One target, measured by both in turns, so that both see the same machine.

    Attributes:
        ours: What regtap says.
        theirs: Costs of pread, lseek+read and a load in ns, by each process of the C program.
    """

    ours: Result
    theirs: list[tuple[float, ...]]

    def our_cost(self, arm: str) -> Estimate:
        row = self.ours.row(arm)
        assert row is not None
        cost = row.cost("throughput")
        assert cost is not None
        return cost.ns


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "access_costs"
    compiler = shlex.split(os.environ.get("CC", "cc"))
    subprocess.run(
        [*compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(path), str(SOURCE)], check=True
    )
    return path


@pytest.fixture(scope="module")
def pair(program: Path) -> Iterator[Pair]:
    path = Path("/dev/shm") / f"regtap-test-agreement-{os.getpid()}"
    path.write_bytes(bytes(8192))
    cpu = default_cpu()
    theirs: list[tuple[float, ...]] = []

    def take_turns(line: str) -> None:
        if line.startswith("process "):
            theirs.extend(_run(program, path, cpu) for _ in range(C_PROCESSES_EACH))

    target = parse_target(f"file:{path}")
    (register,) = target.resolve([REGISTER])
    subject = Subject(target.spec, register, write=None, quick=True, cpu=cpu)
    setting = Setting(is_device=False, command="", tell=take_turns)
    try:
        yield Pair(measure(subject, Effort(3.0, OUR_PROCESSES, seed=5), setting).result, theirs)
    finally:
        path.unlink()


def _run(program: Path, path: Path, cpu: int) -> tuple[float, ...]:
    command = ["taskset", "-c", str(cpu), str(program), str(path), REGISTER]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return tuple(float(word) for word in done.stdout.split())


def _range(costs: Iterable[float]) -> tuple[float, float]:
    ordered = sorted(costs)
    return ordered[LEFT_OUT], ordered[-1 - LEFT_OUT]


def _assert_overlap(ours: Estimate, theirs: tuple[float, float], slack: float = SLACK) -> None:
    low, high = theirs
    assert ours.low <= high * (1 + slack), (ours, theirs)
    assert ours.high >= low / (1 + slack), (ours, theirs)


def test_the_c_program_has_run_in_enough_processes(pair: Pair) -> None:
    assert len(pair.theirs) == OUR_PROCESSES * C_PROCESSES_EACH >= 10


@pytest.mark.parametrize(("place", "arm"), [(0, "pread"), (1, "lseek+read")])
def test_a_system_call_costs_what_the_c_program_says(pair: Pair, place: int, arm: str) -> None:
    _assert_overlap(pair.our_cost(arm), _range(costs[place] for costs in pair.theirs))


def test_the_ratio_is_that_of_the_c_program(pair: Pair) -> None:
    row = pair.ours.row("lseek+read")
    assert row is not None
    assert row.ratio is not None

    _assert_overlap(row.ratio, _range(both / pread for pread, both, _ in pair.theirs))


def test_a_load_costs_what_the_c_program_says(pair: Pair) -> None:
    _assert_overlap(pair.our_cost("mmap load"), _range(load for _, _, load in pair.theirs), LOAD_SLACK)
