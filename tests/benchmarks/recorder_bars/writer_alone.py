"""A bare Parquet writer over ready arrays: what a pipeline's file format costs at least.

The settings are spelled out here, as the design fixes them, so that the yardstick does not move with the recorder.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    import numpy.typing as npt

_ROW_GROUP_ROWS = 1 << 20
_MOST_STEP = 7


@dataclass(frozen=True, slots=True)
class WriterRun:
    """What the writer did, closing and fsync included."""

    rows: int
    seconds: float
    size_bytes: int

    @property
    def seconds_a_row(self) -> float:
        """Mean cost of a row."""
        return self.seconds / self.rows


def counter_rows(times_ns: npt.NDArray[np.int64], *, seed: int) -> pa.Table:
    """Return rows with these times and a free-running counter that goes on by 0 to 7 from row to row."""
    steps = np.random.default_rng(seed).integers(0, _MOST_STEP + 1, len(times_ns))
    counter = np.cumsum(steps).astype(np.uint32)
    fields = [pa.field("t_ns", pa.int64(), nullable=False), pa.field("counter", pa.uint32(), nullable=False)]
    return pa.table([times_ns, counter], schema=pa.schema(fields))


def run_writer_alone(path: str, rows: pa.Table, seconds: float) -> WriterRun:
    """Write a table again and again for about so long, then make the file durable, and remove it.

    Args:
        path: A file that does not exist yet.
        rows: As counter_rows makes them.
        seconds: How long.
    """
    began = time.perf_counter()
    written = 0
    with open(path, "xb", buffering=0) as file:
        try:
            with pq.ParquetWriter(path, rows.schema, **_settings(rows.schema)) as writer:
                while time.perf_counter() - began < seconds:
                    writer.write_table(rows, row_group_size=_ROW_GROUP_ROWS)
                    written += len(rows)
            os.fsync(file.fileno())
            return WriterRun(written, time.perf_counter() - began, os.stat(path).st_size)
        finally:
            os.unlink(path)


def _settings(schema: pa.Schema) -> dict[str, object]:
    return {
        "compression": "none",
        "use_dictionary": False,
        "column_encoding": dict.fromkeys(schema.names, "DELTA_BINARY_PACKED"),
        "write_statistics": True,
        "write_page_index": True,
        "sorting_columns": [pq.SortingColumn(0)],
        "data_page_size": 8 << 20,
        "write_batch_size": 64 << 10,
        "version": "2.6",
    }
