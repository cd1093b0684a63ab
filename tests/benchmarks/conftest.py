"""Benchmarks: `pytest tests/benchmarks` measures the recorder beside its bars, and what an access costs.

Nothing here fails because a figure misses its bar: the table says MISSED, and the exit code tells only whether
measuring worked.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest
from tests.benchmarks import native_loops
from tests.benchmarks.recorder_bars.record_bars import RecordBars, filesystem_of, make_reference

_RESULTS = os.path.join(os.path.dirname(__file__), "..", "..", "results")
_REPORT = pytest.StashKey[RecordBars]()


@dataclass(frozen=True)
class Notes:
    """What is printed at the end, line by line, under headings."""

    lines: dict[str, list[str]] = field(default_factory=dict)

    def add(self, heading: str, lines: list[str]) -> None:
        self.lines.setdefault(heading, []).extend(lines)


_NOTES = pytest.StashKey[Notes]()


@dataclass(frozen=True)
class Settings:
    """How long and how often to measure.

    Attributes:
        seconds: Length of the sustained capture; from 60 on the rest is as thorough.
        seed: Of the orders in which arms take turns.
    """

    seconds: float
    seed: int
    loop_rounds: int = field(init=False)
    pipeline_rounds: int = field(init=False)
    slice_s: float = field(init=False)
    loop_alone_s: float = field(init=False)
    writer_alone_s: float = field(init=False)
    paced_s: float = field(init=False)
    startup_rounds: int = field(init=False)

    def __post_init__(self) -> None:
        full = self.seconds >= 60
        chosen = {
            "loop_rounds": 2000 if full else 300,
            "pipeline_rounds": 8 if full else 2,
            "slice_s": min(5.0, self.seconds / 2),
            "loop_alone_s": min(2.0, self.seconds / 4),
            "writer_alone_s": min(2.0, self.seconds / 4),
            "paced_s": max(2.0, self.seconds / 2),
            "startup_rounds": 20 if full else 5,
        }
        for name, value in chosen.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Cpus:
    """Where threads run, as the recorder chooses it: one CPU for sampling, the others for the rest."""

    sampler: int | None
    others: frozenset[int]

    @contextlib.contextmanager
    def sampling(self) -> Iterator[None]:
        """Run this thread where the sampling thread runs."""
        with _pinned(set() if self.sampler is None else {self.sampler}):
            yield

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Run this thread where the writer runs."""
        with _pinned(set(self.others)):
            yield


@contextlib.contextmanager
def _pinned(cpus: set[int]) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("recorder benchmarks")
    group.addoption(
        "--bench-seconds",
        type=float,
        default=60.0,
        help="Length of the sustained capture [60]; a short one, such as 10, makes everything shorter.",
    )
    group.addoption(
        "--bench-seed", type=int, default=1, help="Seed of the order in which arms take turns [1]."
    )
    group.addoption(
        "--bench-output",
        default=_RESULTS,
        metavar="DIR",
        help="Where results go; the captures too, meanwhile.",
    )
    group.addoption(
        "--bench-reference",
        action="store_true",
        help="Also copy the results to DIR/reference, which is tracked.",
    )


def pytest_configure(config: pytest.Config) -> None:
    settings = Settings(config.getoption("--bench-seconds"), config.getoption("--bench-seed"))
    config.stash[_REPORT] = RecordBars(asdict(settings))
    config.stash[_NOTES] = Notes()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    _print_bars(terminalreporter, config)
    for heading, lines in config.stash[_NOTES].lines.items():
        terminalreporter.section(heading)
        for line in lines:
            terminalreporter.write_line(line)


def _print_bars(terminalreporter: Any, config: pytest.Config) -> None:
    report = config.stash[_REPORT]
    if not report.figures:
        return
    terminalreporter.section("the recorder beside its bars")
    for line in report.lines():
        terminalreporter.write_line(line)
    folder = report.write(os.path.normpath(config.getoption("--bench-output")))
    terminalreporter.write_line(f"\nraw values and environment: {folder}")
    if config.getoption("--bench-reference"):
        terminalreporter.write_line(f"reference: {make_reference(folder, os.path.dirname(folder))}")


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> RecordBars:
    return pytestconfig.stash[_REPORT]


@pytest.fixture(scope="session")
def notes(pytestconfig: pytest.Config) -> Notes:
    return pytestconfig.stash[_NOTES]


@pytest.fixture(scope="session")
def settings(pytestconfig: pytest.Config) -> Settings:
    return Settings(pytestconfig.getoption("--bench-seconds"), pytestconfig.getoption("--bench-seed"))


@pytest.fixture(scope="session")
def cpus() -> Cpus:
    allowed = sorted(os.sched_getaffinity(0))
    sampler = allowed[-1] if len(allowed) > 1 else None
    return Cpus(sampler, frozenset(allowed) - {sampler})


@pytest.fixture(scope="session")
def registers(
    report: RecordBars, cpus: Cpus, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[native_loops.Registers]:
    """The registers that every benchmark reads; the first one moves."""
    report.raw["compiler"] = native_loops.compiler_version()
    loops = native_loops.build(str(tmp_path_factory.mktemp("loops")))
    with native_loops.registers(loops) as made, made.moving(cpus.others):
        yield made


@pytest.fixture(scope="session")
def disk(pytestconfig: pytest.Config, report: RecordBars) -> Iterator[str]:
    """A folder for captures on the disk that the results are on; gone at the end."""
    root = os.path.normpath(pytestconfig.getoption("--bench-output"))
    os.makedirs(root, exist_ok=True)
    report.raw["filesystem"] = filesystem_of(root)
    folder = tempfile.mkdtemp(prefix=".captures-", dir=root)
    yield folder
    shutil.rmtree(folder)
