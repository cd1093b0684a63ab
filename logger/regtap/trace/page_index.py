"""Smallest and largest value of each page of a part, from the Parquet file's page index; no row is decoded.

Field numbers are those of parquet.thrift (ColumnIndex, OffsetIndex). It may come from anywhere: counts, sizes, places
and orders are checked. A part has up to 100,000 pages, so the lists are read as arrays, not value by
value (page_lists).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regtap.errors import TraceError
from regtap.trace.footer import read_footer
from regtap.trace.metadata import TIME_COLUMN
from regtap.trace.page_lists import bounds, locations
from regtap.trace.parts import cannot_read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from regtap.trace.footer import ByteRange, Chunk, Footer, RowGroup

    Values = npt.NDArray[Any]
    Integers = npt.NDArray[np.int64]

_LARGEST_INDEX = 256 << 20  # of one row group and column; ours have some 5 kB
_MOST_ROWS = 1 << 26  # of one page or row group, which is decoded as a whole
_SPARE_BYTES = 1 << 20  # between the indexes wanted, that are read with them


@dataclass(frozen=True, slots=True)
class ColumnPages:
    """The pages of one column, in the order of rows.

    Attributes:
        least: The smallest value of each, in the column's type, shape (pages,).
        most: The largest value.
        offsets: Offset of each page in the file, header included, in bytes.
        sizes: Size of each page in the file, in bytes.
    """

    least: Values
    most: Values
    offsets: Integers
    sizes: Integers


@dataclass(frozen=True, slots=True)
class PageIndex:
    """The pages of a part. All columns are cut at the same rows.

    Attributes:
        rows: Number of rows of each page, shape (pages,).
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


def read_page_index(path: Path, types: Mapping[str, str], footer: Footer | None = None) -> PageIndex | None:
    """Read the page index of a part; without one, read the statistics of its row groups.

    Args:
        path: The part.
        types: The numpy type of each column wanted.
        footer: The part's, if it was read already.

    Returns:
        The index, or None where the file has neither for one of these columns.

    Raises:
        TraceError: The footer or the index is damaged, or contradicts itself; or the file was removed.
        RefusedError: The system does not let the file be read.
    """
    try:
        index = _read(path, types, read_footer(path) if footer is None else footer)
        if index is not None and TIME_COLUMN in types:
            _check_times(index.columns[TIME_COLUMN])
    except (ValueError, IndexError, OverflowError) as error:
        raise TraceError(f"{path} is damaged ({error}); copy it again") from error
    except OSError as error:
        raise cannot_read(path, error) from error
    return index


def _read(path: Path, types: Mapping[str, str], footer: Footer) -> PageIndex | None:
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
        size = os.fstat(file.fileno()).st_size
        found = _by_page(file.fileno(), groups, types) or _by_group(groups, types)
    return None if found is None else _joined(*found, codec, size)


class _Group:
    """A row group: its rows, and the wanted columns' chunks."""

    def __init__(self, group: RowGroup, chunks: Mapping[str, Chunk]) -> None:
        self.rows = group.rows
        self.chunks = chunks


_Found = tuple["Integers", dict[str, ColumnPages], bool]  # rows, columns, whether by page


def _by_page(fd: int, groups: Sequence[_Group], types: Mapping[str, str]) -> _Found | None:
    """Return the pages; None: a column has no page index, or is cut at other rows than the others."""
    places = [_places(chunk) for group in groups for chunk in group.chunks.values()]
    if None in places:
        return None
    data = _Stretch(fd, [place for pair in places if pair for place in pair])
    columns: dict[str, ColumnPages] = {}
    cut: tuple[Integers, Integers] | None = None  # pages of each group, and the first row of each page
    for name, dtype in types.items():
        pairs = [_places(group.chunks[name]) for group in groups]
        offsets, sizes, first_rows, counts = locations([data.at(pair[1]) for pair in pairs if pair])
        if cut is not None and not (np.array_equal(cut[0], counts) and np.array_equal(cut[1], first_rows)):
            return None
        cut = counts, first_rows
        least, most = bounds([data.at(pair[0]) for pair in pairs if pair], counts, dtype)
        columns[name] = ColumnPages(least, most, offsets, sizes)
    return None if cut is None else (_page_rows(groups, *cut), columns, True)


def _places(chunk: Chunk) -> tuple[ByteRange, ByteRange] | None:
    if chunk.column_index is None or chunk.offset_index is None or chunk.data is None:
        return None
    return chunk.column_index, chunk.offset_index


def _page_rows(groups: Sequence[_Group], counts: Integers, first_rows: Integers) -> Integers:
    """Return how many rows each page has: up to the next one, or to the end of its group."""
    stops = np.append(first_rows[1:], 0)
    stops[np.cumsum(counts) - 1] = [group.rows for group in groups]
    return stops - first_rows


class _Stretch:
    """The bytes of all indexes of a part: they lie side by side, and are read at once.

    Args:
        fd: The file.
        places: Where they are.
    """

    def __init__(self, fd: int, places: Sequence[ByteRange]) -> None:
        for place in places:
            if place.size_bytes > _LARGEST_INDEX:
                raise ValueError(f"its page index claims {place.size_bytes:,} bytes")
        self._fd = fd
        self._begin = min(place.offset for place in places)
        size = max(place.offset + place.size_bytes for place in places) - self._begin
        wanted = sum(place.size_bytes for place in places)
        is_dense = size <= min(2 * wanted + _SPARE_BYTES, _LARGEST_INDEX)
        self._data = os.pread(fd, size, self._begin) if is_dense else b""

    def at(self, place: ByteRange) -> bytes:
        """Return one index."""
        begin = place.offset - self._begin
        data = self._data[begin : begin + place.size_bytes]
        if len(data) < place.size_bytes:
            data = os.pread(self._fd, place.size_bytes, place.offset)
        if len(data) < place.size_bytes:
            raise ValueError("its page index lies past the end of the file")
        return data


def _by_group(groups: Sequence[_Group], types: Mapping[str, str]) -> _Found | None:
    """Return each row group as one page; None: a column has no statistics."""
    columns: dict[str, ColumnPages] = {}
    for name, dtype in types.items():
        chunks = [group.chunks[name] for group in groups]
        ranges = [chunk.range for chunk in chunks if chunk.range is not None]
        places = [chunk.data for chunk in chunks if chunk.data is not None]
        if len(ranges) < len(chunks) or len(places) < len(chunks):
            return None
        columns[name] = ColumnPages(
            np.array([low for low, _ in ranges], dtype),
            np.array([high for _, high in ranges], dtype),
            np.array([place.offset for place in places], np.int64),
            np.array([place.size_bytes for place in places], np.int64),
        )
    return np.array([group.rows for group in groups], np.int64), columns, False


def _joined(
    rows: Integers, columns: Mapping[str, ColumnPages], is_by_page: bool, codec: int, size: int
) -> PageIndex:
    if rows.min() < 1 or rows.max() > _MOST_ROWS:
        raise ValueError(f"its page index has a page of {int(rows.max()):,} rows")
    for name, pages in columns.items():
        if np.any(pages.least > pages.most):
            raise ValueError(f"its page index has a smallest value of {name} above the largest")
        ends = pages.sizes, pages.offsets
        if any(np.any(it < 1) or np.any(it > size) for it in ends) or np.any(
            pages.offsets > size - pages.sizes
        ):
            raise ValueError(f"its page index has a page of {name} outside of the file")
    return PageIndex(rows, columns, codec, is_by_page)


def _check_times(times: ColumnPages) -> None:
    if np.any(times.least[1:] < times.most[:-1]):
        raise ValueError("the times of its pages are not in order")
