"""Two collections, and two engines on each: DuckDB, and one Spark on two worker processes.

A thousand traces are asked a few questions, as each one opens two thousand files; forty traces are asked all of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tests.lab import STATUS, Lab, make_lab
from tests.synthetic import write_changes, write_trace

from regtap_analysis.queries.answer import OpenedEngine
from regtap_analysis.queries.engines import open_engine

MASTER = "local-cluster[2,1,1024]"  # a master, and two worker processes of a core and 1 GiB each
FLEET = Lab(traces=1000, hosts=20, rows=200)
SOME = Lab(traces=40, hosts=20, rows=400)
# The machines are small and the questions short: compiling each of them well would cost more than answering it.
_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@dataclass(frozen=True)
class Fleet:
    """A collection on disk.

    Attributes:
        arguments: What is asked: the folder of the traces, and one that is no trace.
        reasons: Why four folders are left out, by the ends of their names.
    """

    arguments: tuple[Path, ...]
    reasons: dict[str, str]


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Return a thousand traces, of which three cannot be read, and a folder that is none."""
    base = tmp_path_factory.mktemp("fleet")
    folder, none = make_lab(base / "lab", FLEET), base / "none"
    none.mkdir()
    cut, gone, later = (folder / f"board-{number:02d}" / f"run{number:04d}" for number in range(3))
    _change(cut, lambda content: content[:-9])
    (gone / "part-00000.parquet").unlink()
    _change(later, lambda content: content.replace(b'"format_version":2', b'"format_version":9'))
    reasons = {
        "none": "is no trace and holds none",
        "run0000": "part-00000.parquet is",
        "run0001": "part-00000.parquet is missing",
        "run0002": "trace format 9",
    }
    return Fleet((folder, none), reasons)


def _change(trace: Path, change: Callable[[bytes], bytes]) -> None:
    part = trace / "part-00000.parquet"
    part.write_bytes(change(part.read_bytes()))


@dataclass(frozen=True)
class Engines:
    """Both engines on one collection."""

    spark: OpenedEngine
    duckdb: OpenedEngine


@contextmanager
def _opened(arguments: Sequence[Path]) -> Iterator[Engines]:
    os.environ["JAVA_TOOL_OPTIONS"] = _JAVA
    spark = open_engine(arguments, f"spark={MASTER}")
    duckdb = open_engine(arguments)
    yield Engines(spark, duckdb)
    duckdb.engine.close()
    spark.engine.close()


@pytest.fixture(scope="session")
def of_fleet(fleet: Fleet) -> Iterator[Engines]:
    """Return engines on the thousand traces; Spark runs until all tests have ended."""
    with _opened(fleet.arguments) as engines:
        yield engines


@pytest.fixture(scope="session")
def of_some(of_fleet: Engines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """Return engines on forty traces, in the same Spark."""
    with _opened([make_lab(tmp_path_factory.mktemp("some"), SOME)]) as engines:
        yield engines


@pytest.fixture(scope="session")
def of_changes(of_fleet: Engines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """Return engines on a trace of every row and one of changes only, in the same Spark."""
    folder = tmp_path_factory.mktemp("changes")
    random = np.random.default_rng(5)
    values = random.integers(0, 30, 60).repeat(random.integers(1, 20, 60))
    times = 1_000 * np.arange(len(values)) + random.integers(0, 300, len(values))
    write_trace(folder / "every", [STATUS], times, {STATUS.name: values})
    write_changes(folder / "changes", STATUS, times, values)
    with _opened([folder]) as engines:
        yield engines
