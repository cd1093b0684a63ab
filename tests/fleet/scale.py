"""What a collection costs by its size, on a cluster of two worker processes: `python -m tests.fleet.scale FOLDER`.

The figures of analysis/README.md's estimate come from here.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
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

_SIZES = (250, 1000, 4000)
_LONG_ROWS, _LONG_TRACES = 10_000_000, 4
_SCANS = {
    "one column: sum": "SELECT sum(STATE) AS x FROM samples",
    "one register and the order: changes": "SELECT count(*) AS n FROM changes WHERE signal = 'STATE.MODE'",
    "every column: percentiles": "SELECT quantile_disc(COUNT, 0.5) AS x, max(STATE) AS y, max(t_ns) AS z FROM samples",
}


@dataclass(frozen=True)
class Measured:
    """What one collection took.

    Attributes:
        traces: How many.
        files: How many parts.
        listing_s: Finding the folders.
        opening_s: Footers by the workers, and the views; Spark ran before.
        planning_s: A question about one trace, of which the driver plans all files.
        driver_mib: Memory of the driver's two processes afterwards.
    """

    traces: int
    files: int
    listing_s: float
    opening_s: float
    planning_s: float
    driver_mib: int


def main(base: Path) -> int:
    """Measure collections of several sizes, and scans of long traces; print two tables of Markdown."""
    shutil.rmtree(base, ignore_errors=True)
    warm = open_engine([make_lab(base / "warm", Lab())], f"spark={MASTER}")  # Spark starts here
    warm.engine.ask(Question("SELECT count(*) AS n FROM samples")).table()
    click.echo("| traces | files | listed, s | opened, s | one of them asked, s | driver, MiB |")
    click.echo("|--:|--:|--:|--:|--:|--:|")
    for size in _SIZES:
        it = _measure(make_lab(base / f"lab{size}", Lab(traces=size, hosts=20, rows=200)))
        click.echo(
            f"| {it.traces:,} | {it.files:,} | {it.listing_s:.2f} | {it.opening_s:.1f} | {it.planning_s:.1f} |"
            f" {it.driver_mib:,} |"
        )
    click.echo("\n| question | rows | bytes | s | million rows/s a core |\n|---|--:|--:|--:|--:|")
    for line in _scans(_long(base / "long")):
        click.echo(line)
    warm.engine.close()
    return 0


def _measure(folder: Path) -> Measured:
    began = time.monotonic()
    places = find_traces([folder]).locations
    listed = time.monotonic()
    opened = open_engine([folder], f"spark={MASTER}")
    ready = time.monotonic()
    sql = f"SELECT count(*) AS n FROM samples WHERE trace = '{places[-1].name}'"
    opened.engine.ask(Question(sql)).table()
    asked = time.monotonic()
    files = sum(1 for _ in folder.rglob("*.parquet"))
    memory = _driver_mib()
    opened.engine.close()
    return Measured(opened.traces, files, listed - began, ready - listed, asked - ready, memory)


def _driver_mib() -> int:
    """Return the resident memory of this process and of the Java process that it started."""
    drivers = [
        pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _parent(pid) == os.getpid()
    ]
    return sum(_resident_kib(pid) for pid in (os.getpid(), *drivers)) >> 10


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


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


def _scans(folder: Path) -> Iterator[str]:
    opened: OpenedEngine = open_engine([folder], f"spark={MASTER}")
    rows = _LONG_ROWS * _LONG_TRACES
    size = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
    for name, sql in _SCANS.items():
        began = time.monotonic()
        opened.engine.ask(Question(sql)).table()
        seconds = time.monotonic() - began
        yield f"| {name} | {rows:,} | {size:,} | {seconds:.1f} | {rows / seconds / 2e6:.1f} |"
    opened.engine.close()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
