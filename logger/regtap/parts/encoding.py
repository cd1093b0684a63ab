"""How a part is encoded: the choice between two encodings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from regtap.trace.metadata import TIME_COLUMN


@dataclass(frozen=True, slots=True)
class Encoding:
    """How columns are encoded.

    Attributes:
        quick_values: Registers PLAIN and snappy instead of DELTA_BINARY_PACKED.
        compression: `none` or `zstd`, where they are not.
    """

    quick_values: bool = False
    compression: str = "none"


class EncodingChoice:
    """Which encoding keeps up: delta, until the writer falls behind and the quick one has proved quicker here.

    The quick one takes a quarter of delta's time for registers that keep a value for a while, and more time and
    space for those that change in every row; the disk has its say too. So it is tried for one part, and compared.
    """

    def __init__(self, compression: str) -> None:
        self._delta = Encoding(quick_values=False, compression=compression)
        self._quick = Encoding(quick_values=True, compression=compression)
        self._ns_per_row: dict[Encoding, float] = {}

    def choose(self, *, behind: bool) -> Encoding:
        """Return the encoding of the next part; `behind` says that the ring fills."""
        if not behind or self._delta not in self._ns_per_row:
            return self._delta
        if self._quick not in self._ns_per_row:
            return self._quick
        return min(self._ns_per_row, key=self._ns_per_row.__getitem__)

    def learn(self, encoding: Encoding, rows: int, spent_ns: int) -> None:
        """Take note of what a part's rows cost: the longer of writing and closing, which go on side by side."""
        if rows:
            self._ns_per_row[encoding] = spent_ns / rows


def parquet_settings(schema: pa.Schema, encoding: Encoding) -> dict[str, Any]:
    """Return the keyword arguments of pyarrow's ParquetWriter for an encoding."""
    names = schema.names
    values = "PLAIN" if encoding.quick_values else "DELTA_BINARY_PACKED"
    codec = "snappy" if encoding.quick_values else encoding.compression
    return {
        "compression": {name: encoding.compression if name == TIME_COLUMN else codec for name in names},
        "column_encoding": {name: "DELTA_BINARY_PACKED" if name == TIME_COLUMN else values for name in names},
        "use_dictionary": False,
        "write_statistics": True,
        "write_page_index": True,
        "sorting_columns": [pq.SortingColumn(0)],
        "data_page_size": 8 << 20,
        "write_batch_size": 64 << 10,
        "version": "2.6",
    }
