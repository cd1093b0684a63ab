"""What `regtap query` costs beside plain DuckDB on the same files, and how soon a catalogue is there."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.benchmarks.processes import Process
from tests.benchmarks.recorder_bars.bars import Bar, Figure
from tests.benchmarks.recorder_bars.interleave import Arm, interleave
from tests.benchmarks.recorder_bars.paired import paired_ratio
from tests.lab import Lab, make_lab
from tests.synthetic import TraceOptions, counter_trace, write_trace

from regtap.registers.model import Register
from regtap_analysis.queries.answer import Question
from regtap_analysis.queries.engines import open_engine

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Settings
    from tests.benchmarks.recorder_bars.record_bars import RecordBars

_TRACES, _LEAST_TRACES = 10_000, 1_000
_SQL = "SELECT STATE, count(*), avg(COUNT), max(t_ns) FROM {} GROUP BY STATE ORDER BY STATE"
_FAILURES = Question("SELECT trace, count(*) AS n FROM changes WHERE signal = 'STATUS.ERROR' GROUP BY trace")
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


def test_query_beside_plain_duckdb(trace: tuple[Path, int], settings: Settings, report: RecordBars) -> None:
    path, rows = trace
    regtap = os.path.join(os.path.dirname(sys.executable), "regtap")
    ours = Process(regtap, "query", _SQL.format("samples"), str(path))
    plain = Process(sys.executable, "-c", _PLAIN, _SQL.format("read_parquet($files)"), str(path))
    rounds = max(8, settings.startup_rounds // 4)

    measured = interleave([Arm("query", ours), Arm("duckdb", plain)], rounds, seed=settings.seed)
    report.keep_rounds("query", "seconds", measured)
    ratio = paired_ratio(measured.values["query"], measured.values["duckdb"])
    cpu = paired_ratio(*(np.array(arm.cpu_s[-rounds:]) for arm in (ours, plain)))
    how = (
        f"{rows:.0e} rows, both as processes: {measured.median('query'):.3f} / {measured.median('duckdb'):.3f} s;"
        f" CPU time {cpu.value:.2f} x [{cpu.low:.2f}, {cpu.high:.2f}]"
    )
    report.add(90, Figure.of("`regtap query` / plain DuckDB", ratio, "x", Bar(1.15, True), how))
    assert ratio.value > 0


@pytest.mark.parametrize("count", [1, 10, 1_000])
def test_asking_by_number_of_traces(
    tmp_path: Path, settings: Settings, report: RecordBars, count: int
) -> None:
    """The cost of a question in a running process: footers and tables once, and then each question."""
    make_lab(tmp_path, Lab(traces=count, rows=200))
    opening_s: list[float] = []
    first_s: list[float] = []
    again_s: list[float] = []
    for _ in range(max(3, settings.startup_rounds // 8)):
        began = time.process_time()
        opened = open_engine([tmp_path])
        opening_s.append(time.process_time() - began)
        for asked in (first_s, again_s):
            began = time.process_time()
            opened.engine.ask(_FAILURES).table()
            asked.append(time.process_time() - began)
        opened.engine.close()

    opened_ms, first_ms, again_ms = (1e3 * float(np.median(it)) for it in (opening_s, first_s, again_s))
    how = f"footers read in {opened_ms:.0f} ms, asked again {again_ms:.0f} ms; CPU time"
    what = f"the first question about {count:,} trace{'s' if count > 1 else ''} of two parts"
    report.add(92 + len(str(count)), Figure(what, first_ms, "ms", None, how))
    assert first_ms > 0


def test_catalogue(settings: Settings, disk: str, report: RecordBars) -> None:
    folder, count = Path(disk) / "many", _TRACES if settings.seconds >= 60 else _LEAST_TRACES
    first = counter_trace(folder / "host0" / "run0", 200, rows_per_part=100)
    for number in range(1, count):
        shutil.copytree(first, folder / f"host{number % 20}" / f"run{number}")
    regtap = os.path.join(os.path.dirname(sys.executable), "regtap")
    os.sync()
    _forget_files(folder)

    seconds = Process(regtap, "traces", str(folder))()

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
