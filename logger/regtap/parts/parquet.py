"""Parts of a trace: Parquet files that are durable and complete, or not there."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from regtap.trace.files import half_written_name, part_name
from regtap.trace.metadata import LATENCY_COLUMN, METADATA_KEY, TIME_COLUMN, PartMetadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from _typeshed import ReadableBuffer

    from regtap.registers.model import Register


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


def warm_up(schema: pa.Schema) -> None:
    """Let arrow load what a first part needs, before samples wait for it."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, **_settings(schema, Encoding())) as writer:
        empty = [as_arrow(np.empty(0, dtype=str(field.type))) for field in schema]
        writer.write_table(pa.table(empty, schema=schema))


def as_arrow(array: npt.NDArray[Any]) -> pa.Array:
    """Return the array's memory as arrow sees it; pa.array() would load pandas first, if that is installed."""
    return pa.Array.from_buffers(
        pa.from_numpy_dtype(array.dtype), len(array), [None, pa.py_buffer(array)], null_count=0
    )


def schema_of(registers: Sequence[Register], *, latency: bool) -> pa.Schema:
    """Return a trace's columns; non-nullable: definition levels cost a quarter of the writer's time."""
    fields = [pa.field(TIME_COLUMN, pa.int64(), nullable=False)]
    fields += [
        pa.field(register.name, pa.type_for_alias(register.dtype), nullable=False) for register in registers
    ]
    if latency:
        fields.append(pa.field(LATENCY_COLUMN, pa.uint32(), nullable=False))
    return pa.schema(fields)


class _WholeWrites(io.FileIO):
    """A file that takes all of what it is given, or raises.

    A single call may take less, as on a disk that fills up; arrow does not ask, and goes on as if it had not.
    """

    def write(self, data: ReadableBuffer) -> int:
        whole = memoryview(data).cast("B")
        taken = 0
        while taken < len(whole):
            taken += super().write(whole[taken:])
        return taken


class PartWriter:
    """One part, written under a name that no reader takes for a part, and renamed when it is durable.

    Attributes:
        number: Its number in the trace.
        encoding: How it is encoded.
        rows: Rows written so far.
        spent_ns: Time that writing them took.
    """

    def __init__(self, folder_fd: int, number: int, schema: pa.Schema, encoding: Encoding) -> None:
        """Create the part's file in an open folder, never through a link and never over another file.

        Raises:
            OSError: As the kernel said; no file is left.
        """
        self.number = number
        self.encoding = encoding
        self.rows = 0
        self.spent_ns = 0
        self._folder_fd = folder_fd
        self._schema = schema
        self._temporary = half_written_name(number)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = _WholeWrites(os.open(self._temporary, flags, 0o666, dir_fd=folder_fd), "wb")
        self._sink = pa.PythonFile(self._file, mode="w")
        try:
            self._writer = pq.ParquetWriter(self._sink, schema, **_settings(schema, encoding))
        except BaseException:
            self._remove()
            raise

    @property
    def name(self) -> str:
        """The part's name in its folder."""
        return part_name(self.number)

    @property
    def bytes_written(self) -> int:
        """Encoded bytes that reached the file so far."""
        return self._file.tell()

    def write(self, arrays: list[pa.ChunkedArray]) -> None:
        """Write one row group; raises OSError as the kernel said."""
        began_ns = time.monotonic_ns()
        table = pa.table(arrays, schema=self._schema)
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        self.spent_ns += time.monotonic_ns() - began_ns
        self.rows += table.num_rows

    def finish(self, metadata: PartMetadata) -> int:
        """Complete the part, make it durable and give it its name; returns its size in bytes.

        Raises:
            OSError: As the kernel said; nothing half-written is left.
        """
        try:
            return self._finish(metadata)
        except BaseException:
            self.abandon()
            raise

    def _finish(self, metadata: PartMetadata) -> int:
        self._writer.add_key_value_metadata({METADATA_KEY: metadata.to_json()})
        self._writer.close()
        size_bytes = self._file.tell()
        os.fsync(self._file.fileno())
        self._file.close()
        self._require_free_name()
        os.rename(self._temporary, self.name, src_dir_fd=self._folder_fd, dst_dir_fd=self._folder_fd)
        os.fsync(self._folder_fd)
        return size_bytes

    def _require_free_name(self) -> None:
        """Raise FileExistsError if somebody has put a file there: a rename would replace it."""
        with contextlib.suppress(FileNotFoundError):
            os.stat(self.name, dir_fd=self._folder_fd, follow_symlinks=False)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self.name)

    def abandon(self) -> None:
        """Remove the unfinished file, if the disk lets us; the samples are still in the spool."""
        with contextlib.suppress(OSError):  # the disk refused before; arrow insists on its footer
            self._writer.close()
        self._writer.is_open = False  # else its finaliser tries again, on a closed file
        self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):  # a recovery removes what we cannot
            os.unlink(self._temporary, dir_fd=self._folder_fd)


def _settings(schema: pa.Schema, encoding: Encoding) -> dict[str, Any]:
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
