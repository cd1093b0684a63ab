"""Chosen pages of a part as a small Parquet file in memory: pyarrow decodes these and no other row.

Pyarrow reads whole row groups only. A page's bytes do not depend on where they lie, so a file of the wanted pages with
a footer of its own is decoded by the same code, checksums included, as the part itself. Field numbers: parquet.thrift.
"""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from regtap.errors import TraceError
from regtap.trace.arrow import shared_values
from regtap.trace.parts import cannot_read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from regtap.trace.page_index import ColumnPages, PageIndex

    Columns = dict[str, npt.NDArray[Any]]
    Chosen = npt.NDArray[np.intp]

_INT, _LONG, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12  # thrift's compact types
_PLAIN, _DELTA = 0, 5
_MAGIC = b"PAR1"


def decode_pages(path: Path, index: PageIndex, chosen: Chosen, types: Mapping[str, str]) -> Columns:
    """Decode some pages of a part.

    Args:
        path: The part.
        index: Its page index.
        chosen: Numbers of the pages, increasing.
        types: The numpy type of each column wanted.

    Returns:
        The values of each column, page after page.

    Raises:
        TraceError: A page is damaged, or has another number of rows than the index says; or the file was removed.
        RefusedError: The system does not let the file be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = int(index.rows[chosen].sum())
    try:
        content = _file(path, index, chosen, types)
        with pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True) as file:
            table = file.read_row_group(0, use_threads=False)
        return {name: _array(table.column(name), rows, dtype) for name, dtype in types.items()}
    except OSError as error:
        if error.errno is None:  # arrow's own
            raise TraceError(_damaged(path, error)) from error
        raise cannot_read(path, error) from error
    except (pa.ArrowException, ValueError) as error:
        raise TraceError(_damaged(path, error)) from error


def _damaged(path: Path, error: Exception) -> str:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    return f"{path} is damaged ({reason}); copy it again, or move it and all later parts away"


def _array(column: Any, rows: int, dtype: str) -> npt.NDArray[Any]:
    chunks = [shared_values(chunk) for chunk in column.chunks]
    values = (
        chunks[0] if len(chunks) == 1 else np.concatenate(chunks)
    )  # a copy of millions of rows costs as decoding
    if len(values) != rows:
        raise ValueError("a page has another number of rows than its index says")
    unsigned = np.dtype(dtype).kind == "u"
    wide = values.view(f"u{values.itemsize}") if unsigned else values
    narrow: npt.NDArray[Any] = wide.astype(dtype, copy=False)
    return narrow


def _file(path: Path, index: PageIndex, chosen: Chosen, types: Mapping[str, str]) -> bytes:
    pieces, at = [_MAGIC], len(_MAGIC)
    chunks = []
    rows = int(index.rows[chosen].sum())
    with path.open("rb") as file:
        places = {name: _places(index.columns[name], chosen) for name in types}
        # All at once, before the first is waited for: so the disk serves many at a time.
        for offset, size in itertools.chain.from_iterable(places.values()):
            os.posix_fadvise(file.fileno(), offset, size, os.POSIX_FADV_WILLNEED)
        for name, dtype in types.items():
            pages = index.columns[name]
            data = [os.pread(file.fileno(), size, offset) for offset, size in places[name]]
            size = sum(map(len, data))
            if size != pages.sizes[chosen].sum():
                raise ValueError("it is cut off")
            chunks.append(_chunk(name, dtype, index.codec, (rows, at, size)))
            pieces += data
            at += size
    footer = _footer(types, chunks, rows, at - len(_MAGIC))
    return b"".join([*pieces, footer, len(footer).to_bytes(4, "little"), _MAGIC])


def _places(pages: ColumnPages, chosen: Chosen) -> list[tuple[int, int]]:
    """Return offset and size of the stretches of the file that hold the pages; adjacent pages are one stretch."""
    joined: list[tuple[int, int]] = []
    for offset, size in zip(pages.offsets[chosen].tolist(), pages.sizes[chosen].tolist(), strict=True):
        if joined and sum(joined[-1]) == offset:
            joined[-1] = (joined[-1][0], joined[-1][1] + size)
        else:
            joined.append((offset, size))
    return joined


def _footer(types: Mapping[str, str], chunks: Sequence[bytes], rows: int, size: int) -> bytes:
    root = _struct((4, _BINARY, _binary(b"schema")), (5, _INT, _number(len(types))))
    columns = [
        _struct(
            (1, _INT, _number(_physical(dtype))), (3, _INT, _number(0)), (4, _BINARY, _binary(name.encode()))
        )
        for name, dtype in types.items()
    ]
    group = _struct(
        (1, _LIST, _listed(_STRUCT, chunks)), (2, _LONG, _number(size)), (3, _LONG, _number(rows))
    )
    return _struct(
        (1, _INT, _number(2)),
        (2, _LIST, _listed(_STRUCT, [root, *columns])),
        (3, _LONG, _number(rows)),
        (4, _LIST, _listed(_STRUCT, [group])),
    )


def _chunk(name: str, dtype: str, codec: int, place: tuple[int, int, int]) -> bytes:
    rows, offset, size = place
    meta = _struct(
        (1, _INT, _number(_physical(dtype))),
        (2, _LIST, _listed(_INT, [_number(_PLAIN), _number(_DELTA)])),
        (3, _LIST, _listed(_BINARY, [_binary(name.encode())])),
        (4, _INT, _number(codec)),
        (5, _LONG, _number(rows)),
        (6, _LONG, _number(size)),
        (7, _LONG, _number(size)),
        (9, _LONG, _number(offset)),
    )
    return _struct((2, _LONG, _number(0)), (3, _STRUCT, meta))


def _physical(dtype: str) -> int:
    return 2 if np.dtype(dtype).itemsize == 8 else 1


def _number(value: int) -> bytes:
    return _varint(2 * value)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _binary(value: bytes) -> bytes:
    return _varint(len(value)) + value


def _listed(kind: int, elements: Sequence[bytes]) -> bytes:
    count = len(elements)
    head = bytes([count << 4 | kind]) if count < 15 else bytes([0xF0 | kind]) + _varint(count)
    return head + b"".join(elements)


def _struct(*fields: tuple[int, int, bytes]) -> bytes:
    encoded, last = bytearray(), 0
    for number, kind, value in fields:
        encoded.append((number - last) << 4 | kind)
        encoded += value
        last = number
    return bytes(encoded) + b"\0"
