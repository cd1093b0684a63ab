"""Parts of a trace: Parquet files that are durable and complete, or not there."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from regtap.parts.encoding import Encoding, parquet_settings
from regtap.trace.files import half_written_name, part_name
from regtap.trace.metadata import METADATA_KEY, PartMetadata

if TYPE_CHECKING:
    import numpy.typing as npt
    from _typeshed import ReadableBuffer


def warm_up(schema: pa.Schema) -> None:
    """Let arrow load what a first part needs, before samples wait for it."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, **parquet_settings(schema, Encoding())) as writer:
        empty = [as_arrow(np.empty(0, dtype=str(field.type))) for field in schema]
        writer.write_table(pa.table(empty, schema=schema))


def as_arrow(array: npt.NDArray[Any]) -> pa.Array:
    """Return the array's memory as arrow sees it; pa.array() would load pandas first, if that is installed."""
    return pa.Array.from_buffers(
        pa.from_numpy_dtype(array.dtype), len(array), [None, pa.py_buffer(array)], null_count=0
    )


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
            self._writer = pq.ParquetWriter(self._sink, schema, **parquet_settings(schema, encoding))
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
