"""A lab's collection of traces by hand: hosts, firmware versions, jobs, errors, glitches, gaps and marks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tests.synthetic import TraceOptions, write_trace

from regtap.registers.model import Field, Register, Value
from regtap.trace.gaps import Gap
from regtap.trace.metadata import Mark

STATUS = Register(
    "STATUS",
    0x20,
    "u32",
    (
        Field("BUSY", 0, 1, "", (Value("IDLE", 0), Value("RUNNING", 1))),
        Field("DONE", 1, 1),
        Field("ERROR", 2, 1),
        Field("LEVEL", 8, 8),
    ),
)
COUNT32 = Register("COUNT32", 0x08)
COUNT64 = Register("COUNT64", 0x10, "u64")
VERSION = Register("VERSION", 0x28, "u16")
REGISTERS = (STATUS, COUNT32, COUNT64, VERSION)


@dataclass(frozen=True)
class Lab:
    """How large the collection is.

    Attributes:
        traces: How many traces.
        hosts: On how many hosts they were taken, in turn.
        rows: Rows of each.
    """

    traces: int = 6
    hosts: int = 3
    rows: int = 400


def make_lab(folder: Path, lab: Lab) -> Path:
    """Write the collection under a folder and return it; the same every time."""
    for number in range(lab.traces):
        _make_trace(folder, number, lab)
    return folder


def _make_trace(folder: Path, number: int, lab: Lab) -> None:
    host = f"board-{number % lab.hosts:02d}"
    random = np.random.default_rng(number)
    times = np.cumsum(random.integers(9_000, 11_000, lab.rows))
    index = np.arange(lab.rows)
    phase = index % 50
    busy = phase < 20 + number % 5
    done = (phase >= 30) & (phase < 45)
    fails = (index // 50 % 4 == number % 4) & (number % 3 == 0)  # a job in four, on one trace in three
    error = fails & (phase >= 33 + number % 2) & (phase < 36)
    level = np.minimum(phase, 50 - phase) * 3
    status = busy | done << 1 | error << 2 | level << 8
    columns = {
        "STATUS": status,
        "COUNT32": (index * 7 + 2**32 - 1_000).astype(np.uint64) & np.uint64(2**32 - 1),
        "COUNT64": index.astype(np.uint64) + np.uint64(2**64 - 200),  # wraps in the middle
        "VERSION": np.full(lab.rows, 0x102 + number % 2),
    }
    t0_ns, t1_ns = int(times[lab.rows // 2 - 1]), int(times[lab.rows // 2])
    options = TraceOptions(
        gaps=(Gap(lab.rows // 2, 3 + number, t0_ns, t1_ns, "missed"),) if number % 5 == 0 else (),
        marks=(Mark(int(times[lab.rows // 3]), "phase 2"),),
        rows_per_part=lab.rows // 2 + 10,
        host={"hostname": host, "machine": "x86_64", "processor": "Example CPU", "kernel": "6.1.0"},
        finished=number % 7 != 6,
    )
    write_trace(folder / host / f"run{number:04d}", REGISTERS, times, columns, options)
