"""Smallest and largest value of each page of a part, from the Parquet file's page index; no row is decoded.

Field numbers are those of parquet.thrift (ColumnIndex, OffsetIndex). It may come from anywhere: counts, sizes, places
and orders are checked. A part has up to 100,000 pages, so the lists are read as arrays, not value by value.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regtap.errors import RefusedError, TraceError
from regtap.trace.footer import read_footer
from regtap.trace.metadata import TIME_COLUMN
from regtap.trace.thrift import BINARY, DEPTH, LIST, STRUCT, Reader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from regtap.trace.footer import ByteRange, Chunk, RowGroup

    Values = npt.NDArray[Any]
    Integers = npt.NDArray[np.int64]

_LARGEST_INDEX = 256 << 20  # of one row group and column; ours have some 5 kB
_MOST_ROWS = 1 << 26  # of one page or row group: what is decoded at once
_PLACE_HEADS = (0x16, 0x15, 0x16, 0)  # of a PageLocation's fields: i64, i32, i64, end
_MEMBERS = ("least", "most", "offsets", "sizes")


@dataclass(frozen=True, slots=True)
class ColumnPages:
    """The pages of one column, in the order of rows.

    Attributes:
        least: The smallest value of each, in the column's type, shape (pages,).
        most: The largest value.
        offsets: Where each begins in the file, with its header, in bytes.
        sizes: How long it is there, in bytes.
    """

    least: Values
    most: Values
    offsets: Integers
    sizes: Integers


@dataclass(frozen=True, slots=True)
class PageIndex:
    """The pages of a part. All columns are cut at the same rows.

    Attributes:
        rows: How many rows each page has, shape (pages,).
        columns: The pages of each column, by name.
        codec: Parquet's number of the compression.
        is_by_page: False where the file has no page index, or cuts its columns at different rows: then each
            entry stands for a row group.
    """

    rows: Integers
    columns: Mapping[str, ColumnPages]
    codec: int
    is_by_page: bool

    @property
    def size_bytes(self) -> int:
        """Memory of the arrays, in bytes."""
        return self.rows.nbytes + sum(
            array.nbytes
            for pages in self.columns.values()
            for array in (pages.least, pages.most, pages.offsets, pages.sizes)
        )


def read_page_index(path: Path, types: Mapping[str, str]) -> PageIndex | None:
    """Read the page index of a part; without one, read the statistics of its row groups.

    Args:
        path: The part.
        types: The numpy type of each column wanted.

    Returns:
        The index, or None where the file has neither for one of these columns.

    Raises:
        TraceError: The footer or the index is damaged, or contradicts itself.
        RefusedError: The system does not let the file be read.
    """
    try:
        index = _read(path, types)
        if index is not None and TIME_COLUMN in types:
            _check_times(index.columns[TIME_COLUMN])
    except (ValueError, IndexError, OverflowError) as error:
        raise TraceError(f"{path} is damaged ({error}); copy it again") from error
    except OSError as error:
        raise RefusedError(
            f"cannot read {path}: {error.strerror}", remedy="see that you may read it", errno=error.errno
        ) from error
    return index


def _read(path: Path, types: Mapping[str, str]) -> PageIndex | None:
    footer = read_footer(path)
    for name, dtype in types.items():
        if footer.columns.get(name) != dtype:
            raise ValueError(f"its column {name} is not of type {dtype}")
    numbers = {name: number for number, name in enumerate(footer.columns)}
    groups = [_Group(group, {name: group.chunks[numbers[name]] for name in types}) for group in footer.groups]
    groups = [group for group in groups if group.rows]
    codecs = {chunk.codec for group in groups for chunk in group.chunks.values()}
    if not groups or len(codecs) != 1 or (codec := codecs.pop()) is None:
        return None
    with path.open("rb") as file:
        found = _by_page(file.fileno(), groups, types) or _by_group(groups, types)
        size = os.fstat(file.fileno()).st_size
    return None if found is None else _joined(*found, codec, size)


class _Group:
    """A row group: its rows, and the wanted columns' chunks."""

    def __init__(self, group: RowGroup, chunks: Mapping[str, Chunk]) -> None:
        self.rows = group.rows
        self.chunks = chunks


_Found = tuple[list["Integers"], dict[str, list[ColumnPages]], bool]  # rows, columns, whether by page


def _by_page(fd: int, groups: Sequence[_Group], types: Mapping[str, str]) -> _Found | None:
    """Return the pages; None: a column has no page index, or is cut at other rows than the others."""
    rows: list[Integers] = []
    columns: dict[str, list[ColumnPages]] = {name: [] for name in types}
    for group in groups:
        cuts: Integers | None = None
        for name, chunk in group.chunks.items():
            if chunk.column_index is None or chunk.offset_index is None or chunk.data is None:
                return None
            offsets, sizes, first_rows = _locations(_bytes_at(fd, chunk.offset_index))
            if cuts is not None and not np.array_equal(cuts, first_rows):
                return None
            cuts = first_rows
            least, most = _bounds(_bytes_at(fd, chunk.column_index), len(offsets), types[name])
            columns[name].append(ColumnPages(least, most, offsets, sizes))
        rows.append(np.diff(np.empty(0, np.int64) if cuts is None else cuts, append=group.rows))
    return rows, columns, True


def _by_group(groups: Sequence[_Group], types: Mapping[str, str]) -> _Found | None:
    """Return each row group as one page; None: a column has no statistics."""
    columns: dict[str, list[ColumnPages]] = {name: [] for name in types}
    for group in groups:
        for name, chunk in group.chunks.items():
            if chunk.range is None or chunk.data is None:
                return None
            least, most = (np.array([value], types[name]) for value in chunk.range)
            place = (np.array([number], np.int64) for number in (chunk.data.offset, chunk.data.size_bytes))
            columns[name].append(ColumnPages(least, most, *place))
    return [np.array([group.rows], np.int64) for group in groups], columns, False


def _joined(
    rows: Sequence[Integers],
    columns: Mapping[str, Sequence[ColumnPages]],
    is_by_page: bool,
    codec: int,
    size: int,
) -> PageIndex:
    lengths = np.concatenate(rows)
    if lengths.min() < 1 or lengths.max() > _MOST_ROWS:
        raise ValueError(f"its page index has a page of {int(lengths.max()):,} rows")
    whole = {
        name: ColumnPages(*(np.concatenate([getattr(one, member) for one in pages]) for member in _MEMBERS))
        for name, pages in columns.items()
    }
    for name, pages in whole.items():
        if np.any(pages.least > pages.most):
            raise ValueError(f"its page index has a smallest value of {name} above the largest")
        ends = pages.sizes, pages.offsets
        if any(np.any(it < 1) or np.any(it > size) for it in ends) or np.any(
            pages.offsets > size - pages.sizes
        ):
            raise ValueError(f"its page index has a page of {name} outside of the file")
    return PageIndex(lengths, whole, codec, is_by_page)


def _bytes_at(fd: int, at: ByteRange) -> bytes:
    if at.size_bytes > _LARGEST_INDEX:
        raise ValueError(f"its page index claims {at.size_bytes:,} bytes")
    data = os.pread(fd, at.size_bytes, at.offset)
    if len(data) < at.size_bytes:
        raise ValueError("its page index lies past the end of the file")
    return data


def _bounds(data: bytes, pages: int, dtype: str) -> tuple[Values, Values]:
    """Return the smallest and largest values of a ColumnIndex."""
    reader = Reader(data, 0)
    found: dict[int, Values] = {}
    number = 0
    while (field := reader.field(number)) is not None:
        number, kind = field
        if number == 1 and kind == LIST:  # which pages have no values: none, as no column of ours has nulls
            if any(byte == 1 for byte in set(reader.take(reader.list_head()[0]))):
                raise ValueError("its page index has a page without values")
        elif number in (2, 3) and kind == LIST:
            found[number] = _values(_packed(reader, pages, dtype), dtype)
        else:
            reader.member(kind, DEPTH)
    if len(found) != 2:
        raise ValueError("its page index has no bounds")
    return found[2], found[3]


def _width_bytes(dtype: str) -> int:
    """Return the width of a column's physical type in the file, in bytes."""
    return max(4, np.dtype(dtype).itemsize)


def _packed(reader: Reader, pages: int, dtype: str) -> bytes:
    """Return a list of binaries of one width, without their lengths."""
    width = _width_bytes(dtype)
    if reader.list_head() != (pages, BINARY):
        raise ValueError("its page index has not as many values as pages")
    table = np.frombuffer(reader.take(pages * (width + 1)), np.uint8).reshape(pages, width + 1)
    if np.any(table[:, 0] != width):
        raise ValueError("its page index has a value of another width than its column")
    return table[:, 1:].tobytes()


def _values(data: bytes, dtype: str) -> Values:
    """Return plainly encoded values in a column's type."""
    wide = np.frombuffer(data, f"<{np.dtype(dtype).kind}{_width_bytes(dtype)}")
    narrow = wide.astype(dtype)
    if not np.array_equal(wide, narrow):
        raise ValueError("its page index has a value that does not fit its column")
    return narrow


def _locations(data: bytes) -> tuple[Integers, Integers, Integers]:
    """Return offsets, sizes and first rows of an OffsetIndex."""
    reader = Reader(data, 0)
    if reader.field(0) != (1, LIST):
        raise ValueError("its page index has no offsets")
    count, kind = reader.list_head()
    if kind != STRUCT or not count:
        raise ValueError("its page index has no offsets")
    # A PageLocation is seven numbers when the heads of its fields are read as numbers too.
    numbers = _varints(data[reader.at :], 7 * count).reshape(count, 7)
    if np.any(numbers[:, [0, 2, 4, 6]] != _PLACE_HEADS) or np.any(numbers[:, [1, 3, 5]] & 1):
        raise ValueError("its page index has offsets that cannot be")
    offsets, sizes, first_rows = (numbers[:, [1, 3, 5]] >> 1).T
    if first_rows[0] != 0 or np.any(np.diff(first_rows) < 1):
        raise ValueError("its page index names rows that are not there")
    return offsets, sizes, first_rows


def _varints(data: bytes, count: int) -> Integers:
    """Decode so many unsigned numbers below 2**63 from the start of the data, all at once."""
    encoded = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(encoded < 0x80)[:count]
    if len(ends) < count:
        raise ValueError("its page index is cut off")
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    longest = int(lengths.max())
    if longest > 9:
        raise ValueError("its page index has a number of more than 63 bits")
    numbers = np.zeros(count, np.int64)
    for place in range(longest):
        has = lengths > place
        numbers[has] |= (encoded[starts[has] + place].astype(np.int64) & 0x7F) << 7 * place
    return numbers


def _check_times(times: ColumnPages) -> None:
    if np.any(times.least[1:] < times.most[:-1]):
        raise ValueError("the times of its pages are not in order")
