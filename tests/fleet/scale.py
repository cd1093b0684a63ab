"""What a collection costs by its size, on a cluster of two worker processes: `python -m tests.fleet.scale FOLDER`.

With `scans` behind it: only how fast rows are read, by Spark and by DuckDB.

The figures of analysis/README.md's estimate come from here. They are CPU times, which other work on the machine
changes little: of the driver (this process and its Java), or of the driver and the workers.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from tests.fleet.conftest import MASTER
from tests.lab import Lab, make_lab
from tests.synthetic import TraceOptions, write_trace

from regtap.registers.model import Field, Register
from regtap_analysis.catalogue.search import find_traces
from regtap_analysis.queries.answer import OpenedEngine, Question
from regtap_analysis.queries.engines import open_engine

_SIZES = (250, 1000, 2000)
_ROUNDS = 3
_LONG_ROWS, _LONG_TRACES = 10_000_000, 2
_SCANS = {
    "one column: sum": "SELECT sum(STATE) AS x FROM samples",
    "two columns: filter": "SELECT count(*) AS n FROM samples WHERE STATE = 3 AND COUNT % 2 = 1",
    "one register and the order: changes": "SELECT count(*) AS n FROM changes WHERE signal = 'STATE.MODE'",
    "every column: percentiles": "SELECT quantile_disc(COUNT, 0.5) AS x, max(STATE) AS y, max(t_ns) AS z FROM samples",
}


@dataclass(frozen=True)
class Measured:
    """What one collection took.

    Attributes:
        traces: How many.
        files: How many parts.
        opening_s: CPU time of all processes for finding folders, reading footers and making the tables.
        planning_s: CPU time of the driver for a question about one trace; of that it plans all files.
        driver_mib: Memory of the driver's two processes afterwards.
    """

    traces: int
    files: int
    opening_s: float
    planning_s: float
    driver_mib: int


def main(base: Path, only: str = "") -> int:
    """Measure collections of several sizes, unless only scans are wanted, and scans of long traces; print Markdown."""
    shutil.rmtree(base, ignore_errors=True)
    warm = open_engine([make_lab(base / "warm", Lab())], f"spark={MASTER}")  # Spark starts here
    warm.engine.ask(Question("SELECT count(*) AS n FROM samples")).table()
    click.echo("| traces | files | opened, s | one of them asked, s of the driver | driver, MiB |")
    click.echo("|--:|--:|--:|--:|--:|")
    for size in () if only == "scans" else _SIZES:
        it = _measure(make_lab(base / f"lab{size}", Lab(traces=size, hosts=20, rows=200)))
        click.echo(
            f"| {it.traces:,} | {it.files:,} | {it.opening_s:.1f} | {it.planning_s:.2f} | {it.driver_mib:,} |"
        )
    click.echo("\n| question | engine | rows | MB | s | million rows a s |\n|---|---|--:|--:|--:|--:|")
    folder = _long(base / "long")
    for engine in ("duckdb", f"spark={MASTER}"):
        for line in _scans(folder, engine):
            click.echo(line)
    warm.engine.close()
    return 0


def _measure(folder: Path) -> Measured:
    began = _cpu_s(_all())
    opened = open_engine([folder], f"spark={MASTER}")
    opening_s = _cpu_s(_all()) - began
    name = find_traces([folder]).locations[-1].name
    question = Question(f"SELECT count(*) AS n FROM samples WHERE trace = '{name}'")
    opened.engine.ask(question).table()  # compiled here
    began = _cpu_s(_driver())
    for _ in range(_ROUNDS):
        opened.engine.ask(question).table()
    planning_s = (_cpu_s(_driver()) - began) / _ROUNDS
    files = sum(1 for _ in folder.rglob("*.parquet"))
    memory = sum(map(_resident_kib, _driver())) >> 10
    opened.engine.close()
    return Measured(opened.traces, files, opening_s, planning_s, memory)


def _parents() -> dict[int, int]:
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            stat = Path(f"/proc/{pid}/stat").read_text()
            found[int(pid)] = int(stat.rpartition(")")[2].split()[1])
    return found


def _driver() -> list[int]:
    """Return this process and the Java process that it started."""
    return [os.getpid(), *(pid for pid, parent in _parents().items() if parent == os.getpid())]


def _all() -> list[int]:
    """Return the driver's processes and all that they started."""
    parents, found = _parents(), [os.getpid()]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _cpu_s(pids: list[int]) -> float:
    """Return the CPU time of processes, and of their children that have ended."""
    ticks = 0
    for pid in pids:
        with suppress(OSError):
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _resident_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


def _long(folder: Path) -> Path:
    """Write a few long traces, as the recorder does."""
    index = np.arange(_LONG_ROWS)
    registers = [Register("COUNT", 0x10), Register("STATE", 0x14, "u8", (Field("MODE", 0, 2),))]
    columns = {"COUNT": index // 100, "STATE": index // 5_000 % 4}
    options = TraceOptions(rows_per_part=1 << 22)
    first = write_trace(folder / "run0", registers, index * 100 + index % 3, columns, options)
    for number in range(1, _LONG_TRACES):
        shutil.copytree(first, folder / f"run{number}")
    return folder


def _scans(folder: Path, engine: str) -> Iterator[str]:
    opened: OpenedEngine = open_engine([folder], engine)
    rows = _LONG_ROWS * _LONG_TRACES
    size = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
    for name, sql in _SCANS.items():
        opened.engine.ask(Question(sql)).table()  # compiled here
        began = _cpu_s(_all())
        opened.engine.ask(Question(sql)).table()
        seconds = _cpu_s(_all()) - began
        named = engine.partition("=")[0]
        yield f"| {name} | {named} | {rows:,} | {size / 1e6:.0f} | {seconds:.1f} | {rows / seconds / 1e6:.1f} |"
    opened.engine.close()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
