"""Parts by pyarrow: for `--compress zstd`, and as the native encoder's slow twin in the tests."""

from __future__ import annotations

import contextlib
import io
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from regtap.trace.metadata import LATENCY_COLUMN, METADATA_KEY, TIME_COLUMN

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from _typeshed import ReadableBuffer

    from regtap.clock.anchored import AnchoredClock
    from regtap.parts.encoder import OpenEncoder
    from regtap.spool.block import Block
    from regtap.trace.metadata import PartMetadata


class ArrowEncoder:
    """See PartEncoder.

    Args:
        fd: The file's descriptor; stays the caller's.
        template: Metadata that all parts share.
        compression: pyarrow's name of the compression.
    """

    def __init__(self, fd: int, template: PartMetadata, compression: str) -> None:
        self._schema = schema_of(template)
        self._file = _WholeWrites(fd, "wb", closefd=False)
        sink = pa.PythonFile(self._file, mode="w")
        self._writer = pq.ParquetWriter(sink, self._schema, **_settings(self._schema.names, compression))

    @property
    def bytes_written(self) -> int:
        """Bytes in the file so far."""
        return self._file.tell()

    def write(self, blocks: Sequence[Block], clock: AnchoredClock) -> None:
        """Write one row group; see PartEncoder."""
        filled = [block for block in blocks if block.rows]
        columns: list[list[npt.NDArray[Any]]] = [[_times(block, clock) for block in filled]]
        columns += [list(values) for values in zip(*(block.columns for block in filled), strict=True)]
        latencies = [block.latency for block in filled if block.latency is not None]
        if latencies:
            columns.append([clock.latency_ns(latency) for latency in latencies])
        arrays = [pa.chunked_array([as_arrow(chunk) for chunk in chunks]) for chunks in columns]
        table = pa.table(arrays, schema=self._schema)
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))

    def finish(self, document: bytes) -> None:
        """Write the footer; see PartEncoder."""
        self._writer.add_key_value_metadata({METADATA_KEY: document})
        self._writer.close()

    def abandon(self) -> None:
        """Keep pyarrow from writing its footer later, into a closed file."""
        with contextlib.suppress(OSError):  # the disk refused before; arrow insists on its footer
            self._writer.close()
        self._writer.is_open = False  # else its finaliser tries again


def load_arrow_encoder(compression: str) -> OpenEncoder:
    """Return the function that opens an encoder for each part.

    A first, empty file is written here, so that pyarrow has loaded everything before the first sample.
    """
    schema = pa.schema([pa.field(TIME_COLUMN, pa.int64(), nullable=False)])
    with pq.ParquetWriter(pa.BufferOutputStream(), schema, **_settings(schema.names, compression)) as writer:
        writer.write_table(pa.table([as_arrow(np.empty(0, dtype=np.int64))], schema=schema))
    return partial(ArrowEncoder, compression=compression)


def as_arrow(array: npt.NDArray[Any]) -> pa.Array:
    """Return an arrow array over the same memory; pa.array() would load pandas first, if pandas is installed."""
    return pa.Array.from_buffers(
        pa.from_numpy_dtype(array.dtype), len(array), [None, pa.py_buffer(array)], null_count=0
    )


def schema_of(template: PartMetadata) -> pa.Schema:
    """Return a trace's columns; non-nullable: definition levels cost a quarter of the writer's time."""
    fields = [pa.field(TIME_COLUMN, pa.int64(), nullable=False)]
    fields += [
        pa.field(register.name, pa.type_for_alias(register.dtype), nullable=False)
        for register in template.registers
    ]
    if template.mode.latency:
        fields.append(pa.field(LATENCY_COLUMN, pa.uint32(), nullable=False))
    return pa.schema(fields)


class _WholeWrites(io.FileIO):
    """A file whose write() writes all bytes, or raises.

    A single system call may write fewer bytes, as on a disk that fills up; pyarrow does not check that.
    """

    def write(self, data: ReadableBuffer) -> int:
        whole = memoryview(data).cast("B")
        taken = 0
        while taken < len(whole):
            taken += super().write(whole[taken:])
        return taken


def _times(block: Block, clock: AnchoredClock) -> npt.NDArray[np.int64]:
    times = np.empty(block.rows, dtype=np.int64)
    clock.convert(block.ticks, times)
    return times


def _settings(names: Sequence[str], compression: str) -> dict[str, Any]:
    return {
        "compression": compression,
        "column_encoding": dict.fromkeys(names, "DELTA_BINARY_PACKED"),
        "use_dictionary": False,
        "write_statistics": True,
        "write_page_index": True,
        "sorting_columns": [pq.SortingColumn(0)],
        "data_page_size": 8 << 20,
        "write_batch_size": 64 << 10,
        "version": "2.6",
    }
