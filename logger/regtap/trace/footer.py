"""The footer of a Parquet file: its columns, rows, metadata and statistics, without pyarrow.

Field numbers are those of parquet.thrift. A footer may come from anywhere: sizes, types and ranges are checked.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regtap.system.files import open_regular
from regtap.trace.thrift import Struct, read_struct

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import BinaryIO

MAGIC = b"PAR1"  # first and last four bytes
_TAIL_BYTES = 8  # the footer's length, and the magic
_MOST_FOOTER_BYTES = 128 << 20
_MOST_ROWS = 1 << 62
_MOST_CODEC = 255  # there are eight
_PHYSICAL_BYTES = {1: 4, 2: 8}  # INT32, INT64
# (physical type, converted type) -> numpy's name; the converted type of a plain number is absent.
_TYPES: dict[tuple[Any, Any], str] = {
    (1, 11): "uint8",
    (1, 12): "uint16",
    (1, 13): "uint32",
    (2, 14): "uint64",
    (1, 15): "int8",
    (1, 16): "int16",
    (1, 17): "int32",
    (2, 18): "int64",
    (1, None): "int32",
    (2, None): "int64",
}


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes of a file."""

    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """One column of a row group.

    Attributes:
        range: Smallest and largest value; None where it is not told.
        column_index: Location of its pages' smallest and largest values; None: there are none.
        offset_index: Location of its pages' offsets; None: there are none.
        data: Location of its data pages; None: it is not told, or the pages use a dictionary.
        codec: Parquet's number of their compression; None where it is not told.
    """

    range: tuple[int, int] | None
    column_index: ByteRange | None
    offset_index: ByteRange | None
    data: ByteRange | None
    codec: int | None


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A row group: rows that are stored together.

    Attributes:
        rows: The number of rows.
        chunks: One for each column of the file, in the same order.
    """

    rows: int
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class Footer:
    """The footer of a Parquet file.

    Attributes:
        columns: Names in their order, and the type of each as numpy names it; `?` for any other type.
        rows: Number of rows.
        metadata: Documents by their key.
        groups: The row groups in their order.
    """

    columns: Mapping[str, str]
    rows: int
    metadata: Mapping[bytes, bytes]
    groups: tuple[RowGroup, ...]

    def ranges(self) -> dict[str, tuple[int, int]]:
        """Return each column's smallest and largest value; a column without statistics is left out."""
        ranges: dict[str, tuple[int, int]] = {}
        for number, name in enumerate(self.columns):
            bounds = [group.chunks[number].range for group in self.groups]
            known = [bound for bound in bounds if bound is not None]
            if known and len(known) == len(bounds):
                ranges[name] = (min(low for low, _ in known), max(high for _, high in known))
        return ranges


def read_footer(path: Path) -> Footer:
    """Return a file's footer.

    Raises:
        ValueError: It is no Parquet file, or its footer is damaged; the text says so on one line.
        OSError: As the kernel said.
    """
    with open_regular(path) as file:
        return parse_footer(_footer_bytes(file))


def parse_footer(data: bytes) -> Footer:
    """Return the footer that bytes hold; raises ValueError like read_footer()."""
    fields = read_struct(data)
    leaves = [element for element in _structs(fields, 2)[1:] if not element.get(5)]  # without children
    types = [_type_of(element) for element in leaves]
    columns = {_text(element, 4): name for element, (name, _) in zip(leaves, types, strict=True)}
    if len(columns) != len(types):
        raise ValueError("two of its columns have the same name")
    return Footer(
        columns=columns,
        rows=_number(fields, 3, _MOST_ROWS),
        metadata={_bytes(entry, 1): _bytes(entry, 2) for entry in _structs(fields, 5, optional=True)},
        groups=tuple(_group(group, types) for group in _structs(fields, 4)),
    )


def _footer_bytes(file: BinaryIO) -> bytes:
    size = os.fstat(file.fileno()).st_size
    if size < len(MAGIC) + _TAIL_BYTES:
        raise ValueError("it is too short for a footer")
    file.seek(size - _TAIL_BYTES)
    tail = file.read(_TAIL_BYTES)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != MAGIC:
        raise ValueError("it does not end with Parquet's magic")
    if length > min(size - len(MAGIC) - _TAIL_BYTES, _MOST_FOOTER_BYTES):
        raise ValueError(f"its footer claims {length:,} bytes, more than the file has or a footer may have")
    file.seek(size - _TAIL_BYTES - length)
    return file.read(length)


def _group(group: Struct, types: list[tuple[str, int]]) -> RowGroup:
    chunks = _structs(group, 1)
    if len(chunks) != len(types):
        raise ValueError("a row group has not as many columns as the file")
    pairs = zip(chunks, types, strict=True)
    return RowGroup(_number(group, 3, _MOST_ROWS), tuple(_chunk(chunk, *kind) for chunk, kind in pairs))


def _chunk(chunk: Struct, name: str, width_bytes: int) -> Chunk:
    described = _struct(chunk, 3)
    bounds = _range(_struct(described, 12), name, width_bytes)
    data = None if described.get(11) else _byte_range(described, 9, 7, _MOST_ROWS)
    codec = None if 4 not in described else _number(described, 4, _MOST_CODEC)
    return Chunk(bounds, _byte_range(chunk, 6, 7), _byte_range(chunk, 4, 5), data, codec)


def _range(statistics: Struct, name: str, width_bytes: int) -> tuple[int, int] | None:
    low, high = statistics.get(6), statistics.get(5)
    if name == "?" or low is None or high is None:
        return None
    return value_of(low, name, width_bytes), value_of(high, name, width_bytes)


def value_of(plain: Any, name: str, width_bytes: int) -> int:
    """Return a value of statistics.

    Args:
        plain: Bytes as the file has them.
        name: The column's type as numpy names it.
        width_bytes: Width of the physical type.

    Raises:
        ValueError: These are not so many bytes.
    """
    if not isinstance(plain, bytes) or len(plain) != width_bytes:
        raise ValueError("its statistics have a value of another width than their column")
    return int.from_bytes(plain, "little", signed=not name.startswith("u"))


def _type_of(element: Struct) -> tuple[str, int]:
    """Return numpy's name of a column's type, and the width of its physical type in bytes."""
    physical = element.get(1)
    width_bytes = _PHYSICAL_BYTES.get(physical, 0) if isinstance(physical, int) else 0
    converted = element.get(6)
    is_number = width_bytes and not isinstance(converted, list | dict | bytes)
    return (_TYPES.get((physical, converted), "?") if is_number else "?"), width_bytes


def _byte_range(chunk: Struct, offset: int, size: int, most_bytes: int = 1 << 31) -> ByteRange | None:
    if offset not in chunk or size not in chunk:
        return None
    return ByteRange(_number(chunk, offset, _MOST_ROWS), _number(chunk, size, most_bytes))


def _number(fields: Struct, number: int, most: int) -> int:
    value = fields.get(number)
    if not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"a number of its footer is missing or cannot be (field {number})")
    return value


def _bytes(fields: Struct, number: int) -> bytes:
    value = fields.get(number, b"")
    if not isinstance(value, bytes):
        raise ValueError(f"a text of its footer is none (field {number})")
    return value


def _text(fields: Struct, number: int) -> str:
    try:
        return _bytes(fields, number).decode()
    except UnicodeDecodeError:
        raise ValueError("the name of a column is no UTF-8") from None


def _struct(fields: Struct, number: int) -> Struct:
    value = fields.get(number, {})
    if not isinstance(value, dict):
        raise ValueError(f"a structure of its footer is none (field {number})")
    return value


def _structs(fields: Struct, number: int, *, optional: bool = False) -> list[Struct]:
    value = fields.get(number, [] if optional else None)
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ValueError(f"a list of its footer is missing or none (field {number})")
    return value
