"""Traces of up to 1e9 rows, made by the native encoder in row groups as the recorder makes them.

`python -m tests.benchmarks.large_traces FOLDER ROWS` makes one: a register that counts, a status with fields, an
analogue value with one odd sample; time steps of 10 to 13 ns, and a pause of 1 ms every 50 million rows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tests.encoded_parts import ANCHORS, CREATED_BY, KINDS
from tests.synthetic import CLOCK, HOST, START, STATUS

from regtap import _native
from regtap.registers.model import Register
from regtap.trace.files import part_name
from regtap.trace.metadata import METADATA_KEY, TIME_COLUMN, Mark, Mode, PartMetadata
from regtap.trace.totals import Totals

GROUP_ROWS = 1 << 20
PART_ROWS = 1 << 27  # what 128 MiB hold, about
PAUSE_ROWS, PAUSE_NS = 50_000_000, 1_000_000
ODD = 77_777_777  # the row with an odd sample
REGISTERS = (Register("COUNT32", 0x8), STATUS, Register("ADC", 0x40, "u16"))
Arrays = list[npt.NDArray[np.unsignedinteger]]


def write_large_trace(path: Path, rows: int) -> Path:
    """Write a trace of so many rows under `path` and return it; 1e9 take a minute and 1.5 GB of disk."""
    path.mkdir(parents=True)
    common = PartMetadata(REGISTERS, "sim", Mode(None, "wait"), CLOCK, START, HOST, part=0, first_index=0)
    starts = range(0, rows, PART_ROWS)
    for part, first in enumerate(starts):
        is_last = part == len(starts) - 1
        metadata = replace(
            common,
            part=part,
            first_index=first,
            marks=(Mark(0, "first row"),) if not part else (),
            totals=Totals("stopped", None, rows, rows, 0, 0) if is_last else None,
        )
        _write_part(path / part_name(part), metadata, range(first, min(first + PART_ROWS, rows)))
    return path


def _write_part(path: Path, metadata: PartMetadata, rows: range) -> None:
    registers = [(register.name, KINDS[register.dtype]) for register in metadata.registers]
    with path.open("wb") as file:
        encoder = _native.PartEncoder(file.fileno(), time=TIME_COLUMN, registers=registers, latency="")
        last_ns = -1
        for block in _blocks(rows):
            _, last_ns, _ = encoder.write([block], *ANCHORS, last_ns, 1.0)
        encoder.finish(CREATED_BY, [(METADATA_KEY.decode(), metadata.to_json())])


def _blocks(rows: range) -> Iterator[Arrays]:
    for start in range(rows.start, rows.stop, GROUP_ROWS):
        index = np.arange(start, min(start + GROUP_ROWS, rows.stop))
        times = 11 * index + (index * 2_654_435_761 >> 7 & 1) + index // PAUSE_ROWS * PAUSE_NS
        level = index // 30_000 % 16
        adc = 2000 + (index // 4096 * 7919 % 1000) + (index & 3)
        adc[index == ODD] = 60_000
        columns = [times, index & 0xFFFFFFFF, (level > 2) | level << 8, adc]
        types = ("u8", *(register.dtype for register in REGISTERS))
        yield [column.astype(dtype) for column, dtype in zip(columns, types, strict=True)]


if __name__ == "__main__":
    write_large_trace(Path(sys.argv[1]), int(float(sys.argv[2])))
