"""Formats of rows: CSV, Parquet and Arrow IPC, with each register in its own type."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any

from regtap.trace.arrow import shared_values
from regtap_analysis.export.written import Written

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from regtap_analysis.export.options import Selection
    from regtap_analysis.progress import ReadingProgress

METADATA_KEY = b"regtap_export"


def chosen_batches(selection: Selection) -> Iterator[pa.RecordBatch]:
    """Yield the rows to export, at most 131,072 at once."""
    options = selection.options
    batches = selection.trace.batches(("t_ns", *selection.names), options.first_ns, options.stop_ns)
    return _changed(batches) if options.on_change else batches


def _changed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the first row, and each row that differs from the row before in a column other than the time."""
    import numpy as np
    import pyarrow as pa

    last: list[Any] | None = None
    for batch in batches:
        columns = [shared_values(column) for column in batch.columns[1:]]
        kept = np.zeros(batch.num_rows, bool)
        kept[0] = last is None or any(column[0] != value for column, value in zip(columns, last, strict=True))
        for column in columns:
            kept[1:] |= column[1:] != column[:-1]
        last = [column[-1] for column in columns]
        if kept.any():
            yield batch.filter(pa.array(kept))


def document(selection: Selection) -> bytes:
    """Return the metadata for formats that hold some: origin, registers, gaps and marks."""
    trace = selection.trace
    facts = {
        "trace": str(trace.path),
        "target": trace.target,
        "start_realtime_ns": trace.start.realtime_ns,
        "host": dict(trace.host),
        "registers": [
            {"name": it.name, "address": it.address, "type": it.type, "description": it.description}
            for it in selection.registers
        ],
        "gaps": [
            [gap.first_index, gap.count, gap.t0_ns, gap.t1_ns, gap.cause, gap.rows]
            for gap in trace.gaps
            if selection.in_window(gap.t0_ns, gap.t1_ns)
        ],
        "marks": [
            [mark.t_ns, mark.text] for mark in trace.marks if selection.in_window(mark.t_ns, mark.t_ns)
        ],
    }
    return json.dumps(facts).encode()


def write_csv(selection: Selection, file: IO[bytes], progress: ReadingProgress) -> Written:
    """Write a heading and a line for each row."""
    import pyarrow.csv as pacsv

    schema = _schema(selection)
    rows = 0
    with pacsv.CSVWriter(file, schema, write_options=pacsv.WriteOptions(quoting_style="needed")) as writer:
        for batch in chosen_batches(selection):
            writer.write_batch(batch)
            rows += batch.num_rows
            progress.at(batch.column(0)[-1].as_py())
    lacking = ("gaps",) if selection.trace.gaps else ()
    return Written(rows, "row", lacking + (("marks",) if selection.trace.marks else ()))


def write_parquet(selection: Selection, file: IO[bytes], progress: ReadingProgress) -> Written:
    """Write one delta-encoded Parquet file."""
    import pyarrow.parquet as pq

    schema = _schema(selection)
    encoding = dict.fromkeys(schema.names, "DELTA_BINARY_PACKED")
    rows = 0
    with pq.ParquetWriter(
        file,
        schema,
        use_dictionary=False,
        column_encoding=encoding,
        compression="zstd",
        write_page_index=True,
    ) as writer:
        for batch in chosen_batches(selection):
            writer.write_batch(batch)
            rows += batch.num_rows
            progress.at(batch.column(0)[-1].as_py())
        writer.add_key_value_metadata({METADATA_KEY: document(selection)})
    return Written(rows, "row", ())


def write_arrow(selection: Selection, file: IO[bytes], progress: ReadingProgress) -> Written:
    """Write an Arrow IPC file, for readers that map it into memory."""
    import pyarrow as pa

    schema = _schema(selection).with_metadata({METADATA_KEY: document(selection)})
    rows = 0
    with pa.ipc.new_file(file, schema) as writer:
        for batch in chosen_batches(selection):
            writer.write_batch(batch)
            rows += batch.num_rows
            progress.at(batch.column(0)[-1].as_py())
    return Written(rows, "row", ())


def _schema(selection: Selection) -> pa.Schema:
    import pyarrow as pa

    registers = [pa.field(it.name, pa.type_for_alias(it.dtype), nullable=False) for it in selection.registers]
    return pa.schema([pa.field("t_ns", pa.int64(), nullable=False), *registers])
