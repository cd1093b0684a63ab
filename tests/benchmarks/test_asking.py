"""What `regtap query` costs beside plain DuckDB on the same files, and how soon a catalogue is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.benchmarks.recorder_bars.bars import Bar, Figure
from tests.benchmarks.recorder_bars.interleave import Arm, interleave
from tests.benchmarks.recorder_bars.paired import median
from tests.synthetic import TraceOptions, counter_trace, write_trace

from regtap.registers.model import Register

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Settings
    from tests.benchmarks.recorder_bars.record_bars import RecordBars

_TRACES, _LEAST_TRACES = 10_000, 1_000
_SQL = "SELECT STATE, count(*), avg(COUNT), max(t_ns) FROM {} GROUP BY STATE ORDER BY STATE"
_PLAIN = """import sys, duckdb
files = sorted(__import__('glob').glob(sys.argv[2] + '/*.parquet'))
print(duckdb.sql(sys.argv[1], params={'files': files}).fetchall())"""


@pytest.fixture(scope="module")
def trace(settings: Settings, disk: str) -> Iterator[tuple[Path, int]]:
    """Return a trace of 1e8 rows (1e7 in a short run), and how many rows it has."""
    rows = 100_000_000 if settings.seconds >= 60 else 10_000_000
    path, index = Path(disk) / "asked", np.arange(rows)
    registers = [Register("COUNT", 0x10), Register("STATE", 0x14, "u8")]
    columns = {"COUNT": index // 100, "STATE": index // 5_000 % 4}
    write_trace(path, registers, index * 11 + index % 3, columns, TraceOptions(rows_per_part=1 << 24))
    yield path, rows
    shutil.rmtree(path)


def _process(*command: str) -> Callable[[], float]:
    def block() -> float:
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began

    return block


def test_query_beside_plain_duckdb(trace: tuple[Path, int], settings: Settings, report: RecordBars) -> None:
    path, rows = trace
    regtap = os.path.join(os.path.dirname(sys.executable), "regtap")
    plain = [sys.executable, "-c", _PLAIN, _SQL.format("read_parquet($files)"), str(path)]
    arms = [
        Arm("query", _process(regtap, "query", _SQL.format("samples"), str(path))),
        Arm("duckdb", _process(*plain)),
    ]

    measured = interleave(arms, max(3, settings.startup_rounds // 4), seed=settings.seed)
    report.keep_rounds("query", "seconds", measured)
    ratio = median(measured.values["query"] / measured.values["duckdb"])
    how = f"{rows:.0e} rows, both as processes: {measured.median('query'):.2f} / {measured.median('duckdb'):.2f} s"
    report.add(90, Figure.of("`regtap query` / plain DuckDB", ratio, "x", Bar(1.15, True), how))
    assert ratio.value > 0


def test_catalogue(settings: Settings, disk: str, report: RecordBars) -> None:
    folder, count = Path(disk) / "many", _TRACES if settings.seconds >= 60 else _LEAST_TRACES
    first = counter_trace(folder / "host0" / "run0", 200, rows_per_part=100)
    for number in range(1, count):
        shutil.copytree(first, folder / f"host{number % 20}" / f"run{number}")
    regtap = os.path.join(os.path.dirname(sys.executable), "regtap")
    os.sync()
    _forget_files(folder)

    seconds = _process(regtap, "traces", str(folder))()

    shutil.rmtree(folder)
    bar = Bar(20.0, True) if count == _TRACES else None
    report.add(
        91,
        Figure(
            f"`regtap traces`, {count:,} traces", seconds, "s", bar, "two parts each, not in the page cache"
        ),
    )
    assert seconds > 0


def _forget_files(folder: Path) -> None:
    """Take every file out of the page cache."""
    for path in folder.rglob("*.parquet"):
        fd = os.open(path, os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)
