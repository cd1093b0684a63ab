"""Traces made of arrays, written as the recorder writes them; no register is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from tests.encoded_parts import ANCHORS, CREATED_BY, KINDS

from regtap import _native
from regtap.registers.model import Field, Register
from regtap.trace.files import SPOOL_POINTER, part_name
from regtap.trace.gaps import Gap
from regtap.trace.metadata import (
    METADATA_KEY,
    TIME_COLUMN,
    Anchor,
    ClockInfo,
    Mark,
    Mode,
    PartMetadata,
    StartTimes,
)
from regtap.trace.rotation import NOTHING, Rotated
from regtap.trace.totals import Totals

if TYPE_CHECKING:
    from pathlib import Path

START = StartTimes(1_700_000_000_123_456_789, 5_000, 6_000, 4_000)
CLOCK = ClockInfo("tsc", 2.445e9, 120.0, (Anchor(0, 4_000, START.realtime_ns, 30.0),))
HOST = {"hostname": "board", "machine": "x86_64", "processor": "Example CPU", "kernel": "6.1.0"}
STATUS = Register(
    "STATUS",
    0x20,
    fields=(Field("BUSY", 0, 1), Field("DONE", 1, 1), Field("ERROR", 2, 1), Field("LEVEL", 8, 4)),
)

Columns = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class TraceOptions:
    """What write_trace stores beside the rows.

    Attributes:
        rows_per_part: Where the rows are cut into parts.
        gap_parts: Rows-less parts appended at the end, one for each tuple of gaps.
        totals: The last part's balance; None writes that of a clean end.
        finished: Whether the last part has totals; False also leaves the spool pointer behind.
        rotated: The parts that the trace has given up at its beginning.
        is_native: Whether the native encoder writes the parts, with pages of 4,096 rows; its times are exact below
            2**51 ns.
        host: The machine that recorded it.
    """

    target: str = "sim"
    mode: Mode = Mode("10000", "discard")  # noqa: RUF009 - frozen
    gaps: tuple[Gap, ...] = ()
    marks: tuple[Mark, ...] = ()
    rows_per_part: int = 1 << 30
    gap_parts: tuple[tuple[Gap, ...], ...] = ()
    totals: Totals | None = None
    finished: bool = True
    host: Mapping[str, Any] = field(default_factory=lambda: HOST)
    ended: str = "stopped"
    is_native: bool = False
    rotated: Rotated = NOTHING


def schema_of(registers: Sequence[Register]) -> pa.Schema:
    """Return a part's columns."""
    fields = [pa.field(TIME_COLUMN, pa.int64(), nullable=False)]
    fields += [
        pa.field(register.name, pa.from_numpy_dtype(np.dtype(register.dtype)), nullable=False)
        for register in registers
    ]
    return pa.schema(fields)


def balance(rows: int, options: TraceOptions) -> Totals:
    """Return the totals that these rows and gaps come to."""
    gaps = (*options.gaps, *(gap for part in options.gap_parts for gap in part))
    missed = sum(gap.count for gap in gaps if gap.cause == "missed")
    lost = sum(gap.count for gap in gaps) - missed
    overwritten = sum(gap.count for gap in gaps if gap.cause == "overwritten")
    paused_ns = sum(gap.t1_ns - gap.t0_ns for gap in gaps if gap.cause == "throttled")
    rotated, taken = options.rotated, rows + lost + options.rotated.extent - options.rotated.count("missed")
    due = taken + missed + rotated.count("missed") if options.mode.rate_hz else None
    return Totals(
        options.ended,
        due,
        taken,
        rows,
        lost,
        missed,
        paused_ns,
        overwritten,
        rotated.extent,
        rotated.lost,
    )


def write_part(path: Path, metadata: PartMetadata, times: npt.NDArray[np.int64], columns: Columns) -> None:
    """Write one part; the settings are the recorder's."""
    schema = schema_of(metadata.registers)
    arrays = [times, *(columns[register.name] for register in metadata.registers)]
    encoding = dict.fromkeys(schema.names, "DELTA_BINARY_PACKED")
    with pq.ParquetWriter(
        path,
        schema,
        compression="none",
        use_dictionary=False,
        column_encoding=encoding,
        write_page_index=True,
    ) as writer:
        if len(times):
            table = pa.Table.from_arrays(
                [pa.array(a, field.type) for a, field in zip(arrays, schema, strict=True)], schema=schema
            )
            writer.write_table(table, row_group_size=1 << 21)
        writer.add_key_value_metadata({METADATA_KEY: metadata.to_json()})


def without_statistics(part: Path) -> None:
    """Write a part anew as a program does that keeps its metadata, but no statistics of its columns."""
    table, metadata = pq.read_table(part), pq.read_metadata(part).metadata
    with pq.ParquetWriter(part, table.schema, write_statistics=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({METADATA_KEY: metadata[METADATA_KEY]})


def write_native_part(
    path: Path, metadata: PartMetadata, times: npt.NDArray[np.int64], columns: Columns
) -> None:
    """Write one part with the native encoder, in row groups of 32,768 rows."""
    registers = [(register.name, KINDS[register.dtype]) for register in metadata.registers]
    arrays = [times.astype(np.uint64), *(columns[register.name] for register in metadata.registers)]
    with path.open("wb") as file:
        encoder = _native.PartEncoder(file.fileno(), time=TIME_COLUMN, registers=registers, latency="")
        last_ns = -1
        for start in range(0, len(times), 1 << 15):
            block = [np.ascontiguousarray(array[start : start + (1 << 15)]) for array in arrays]
            _, last_ns, _ = encoder.write([block], *ANCHORS, last_ns, 1.0)
        encoder.finish(CREATED_BY, [(METADATA_KEY.decode(), metadata.to_json())])


def write_trace(
    path: Path,
    registers: Sequence[Register],
    times: npt.ArrayLike,
    columns: Mapping[str, npt.ArrayLike],
    options: TraceOptions | None = None,
) -> Path:
    """Write a trace of these rows under `path` and return it.

    Args:
        path: The folder to make.
        registers: One for each column.
        times: int64 nanoseconds, non-decreasing, shape (rows,).
        columns: The samples of each register by name, shape (rows,).
        options: Gaps, marks, parts.
    """
    options = options or TraceOptions()
    times_ns = np.asarray(times, np.int64)
    values = {r.name: np.asarray(columns[r.name]).astype(r.dtype) for r in registers}
    starts = list(range(0, len(times_ns), options.rows_per_part)) or [0]
    count = len(starts) + len(options.gap_parts)
    totals = options.totals or balance(len(times_ns), options)
    common = PartMetadata(
        registers=tuple(registers),
        target=options.target,
        mode=options.mode,
        clock=CLOCK,
        start=START,
        host=options.host,
        part=0,
        first_index=0,
        rotated=options.rotated if options.rotated.parts else None,
    )
    path.mkdir(parents=True)
    for part in range(count):
        rows = (
            slice(starts[part], starts[part] + options.rows_per_part) if part < len(starts) else slice(0, 0)
        )
        first = options.gaps if part == 0 else ()
        metadata = replace(
            common,
            part=options.rotated.parts + part,
            first_index=options.rotated.extent + (starts[part] if part < len(starts) else len(times_ns)),
            gaps=first if part < len(starts) else options.gap_parts[part - len(starts)],
            marks=options.marks if part == 0 else (),
            totals=totals if part == count - 1 and options.finished else None,
        )
        part_values = {name: column[rows] for name, column in values.items()}
        write = write_native_part if options.is_native else write_part
        write(path / part_name(metadata.part), metadata, times_ns[rows], part_values)
    if not options.finished:
        (path / SPOOL_POINTER).write_text("{}\n")
    return path


def write_changes(
    path: Path, register: Register, times: npt.NDArray[np.int64], values: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Write what a capture of changes stores of these samples: the first and the last of each run of equal ones.

    Returns:
        Which samples are stored, shape (samples,).
    """
    changed = np.append(True, np.diff(values) != 0)
    stored: npt.NDArray[np.bool_] = changed | np.append(changed[1:], True)
    gaps = tuple(
        Gap(before + 1, after - before - 1, int(times[before]), int(times[after]), "unchanged")
        for before, after in pairwise(np.flatnonzero(stored).tolist())
        if after > before + 1
    )
    options = TraceOptions(mode=Mode("1000000", "wait", on_change=("*",)), gaps=gaps)
    write_trace(path, [register], times[stored], {register.name: values[stored]}, options)
    return stored


def counter_trace(path: Path, rows: int = 1000, step_ns: int = 1000, **options: Any) -> Path:
    """Write a trace of one free-running u32 counter, `COUNT`, which counts up by one a row."""
    index = np.arange(rows)
    register = Register("COUNT", 0x10)
    return write_trace(path, [register], index * step_ns, {"COUNT": index}, TraceOptions(**options))
