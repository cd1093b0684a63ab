"""How hard to try, and the table of what was promised, tried and broken (also in build/torture.md).

REGTAP_TORTURE=long tries as often as the promises are meant; without it each is tried often enough to notice a
mistake, all together in a few minutes.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from tests.command import REGTAP

TABLE = Path(__file__).parents[2] / "build" / "torture.md"
IS_LONG = os.environ.get("REGTAP_TORTURE", "") == "long"


@dataclass
class Tally:
    """Cases tried for each promise, and what broke it."""

    tried: dict[str, int] = field(default_factory=dict)
    broken: dict[str, list[str]] = field(default_factory=dict)

    def case(self, promise: str, problem: str | None = None) -> None:
        self.tried[promise] = self.tried.get(promise, 0) + 1
        if problem is not None:
            self.broken.setdefault(promise, []).append(problem)

    def add(self, promise: str, count: int) -> None:
        """Count cases that were tried elsewhere, and kept."""
        self.tried[promise] = self.tried.get(promise, 0) + count

    def merge(self, tried: dict[str, int], broken: dict[str, list[str]]) -> None:
        """Add what another process counted."""
        for promise, count in tried.items():
            self.add(promise, count)
        for promise, problems in broken.items():
            self.broken.setdefault(promise, []).extend(problems)

    def table(self) -> list[str]:
        """Return the lines of a Markdown table: what was promised, how often it was tried and how often broken."""
        rows = [
            (promise, f"{count:,}", f"{len(self.broken.get(promise, [])):,}")
            for promise, count in sorted(self.tried.items())
        ]
        width = max(map(len, self.tried))
        lines = [
            f"| {'promise':<{width}} | {'cases':>9} | failures |",
            f"|-{'-' * width}-|----------:|---------:|",
        ]
        return lines + [
            f"| {promise:<{width}} | {count:>9} | {failures:>8} |" for promise, count, failures in rows
        ]

    def assert_kept(self, promise: str) -> None:
        assert self.tried.get(promise, 0) > 0
        assert not self.broken.get(promise), "\n".join(self.broken[promise][:10])


_tally = Tally()


@pytest.fixture
def tally() -> Tally:
    return _tally


def cases(short: int, long: int) -> int:
    """Return how often to try."""
    return long if IS_LONG else short


@pytest.fixture(scope="session")
def processes() -> Iterator[ForkServerContext]:
    """Makes processes from one that has loaded everything, in milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.torture.victim"])
    with pytest.MonkeyPatch.context() as patch:
        # The server does not take over sys.path before Python 3.13, and then preloads nothing, silently.
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        process = context.Process(target=int)
        process.start()
        process.join()
        yield context


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A device that proves its own values, shared by all captures and outliving each."""
    path = Path(f"/dev/shm/regtap-torture-sim-{os.getpid()}")
    process = subprocess.Popen([*REGTAP, "sim", path], stderr=subprocess.DEVNULL)
    try:
        while not path.exists():
            assert process.poll() is None
        yield f"sim:{path}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def shared_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory: what is tried here is order, not the disk."""
    folder = Path(f"/dev/shm/torture-{os.getpid()}-{tmp_path.name}")
    folder.mkdir()
    yield folder
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)  # of a worker of pytest-xdist
    if output is not None:
        output["tally"] = asdict(_tally)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take over what a worker counted; one that crashed has failed its test already."""
    if error is None:
        _tally.merge(**node.workeroutput["tally"])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not _tally.tried:
        return
    table = _tally.table()
    terminalreporter.write_sep("=", f"promises ({'long' if IS_LONG else 'short'} form)")
    for line in table:
        terminalreporter.write_line(line)
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text("\n".join(table) + "\n")
