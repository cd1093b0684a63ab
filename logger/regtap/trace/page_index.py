"""The page index of a Parquet file: smallest and largest value of each page, and where it is.

Field numbers are those of parquet.thrift. It may come from anywhere: counts, sizes and orders are checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regtap.trace.footer import value_of
from regtap.trace.thrift import Struct, read_struct

if TYPE_CHECKING:
    from typing import BinaryIO

    from regtap.trace.footer import Footer, Place, RowGroup


@dataclass(frozen=True, slots=True)
class PageRange:
    """One data page.

    Attributes:
        first_row: Its first row's number in the row group.
        rows: How many rows it has.
        offset: Of its header in the file.
        size_bytes: With its header.
        least: Smallest value.
        most: Largest value.
    """

    first_row: int
    rows: int
    offset: int
    size_bytes: int
    least: int
    most: int


def read_page_index(file: BinaryIO, footer: Footer, group: int, column: str) -> tuple[PageRange, ...] | None:
    """Return the pages of one column in one row group; None where the file has no index of them.

    Args:
        file: Open, and unbuffered or not; its position moves.
        footer: Its footer.
        group: Number of the row group.
        column: One of the footer's columns.

    Raises:
        ValueError: The index is damaged, or of a type that is no integer; the text says so on one line.
        OSError: As the kernel said.
    """
    chunk = footer.groups[group].chunks[list(footer.columns).index(column)]
    if chunk.column_index is None or chunk.offset_index is None:
        return None
    values = read_struct(_bytes_at(file, chunk.column_index))
    offsets = read_struct(_bytes_at(file, chunk.offset_index))
    return _pages(values, offsets, footer.groups[group], footer.columns[column])


def _bytes_at(file: BinaryIO, place: Place) -> bytes:
    file.seek(place.offset)
    data = file.read(place.size_bytes)
    if len(data) < place.size_bytes:
        raise ValueError("its page index lies past the end of the file")
    return data


def _pages(values: Struct, offsets: Struct, group: RowGroup, name: str) -> tuple[PageRange, ...]:
    leasts, mosts, places = values.get(2), values.get(3), offsets.get(1)
    lists = [leasts, mosts, places]
    if not all(isinstance(it, list) for it in lists) or len({len(it) for it in lists if it is not None}) != 1:
        raise ValueError("its page index has not as many values as pages")
    starts = [_field(place, 3) for place in places or ()]
    ends = [*starts[1:], group.rows]
    if starts[:1] != [0] or any(end <= start for start, end in zip(starts, ends, strict=True)):
        raise ValueError("its page index names rows that are not there")
    return tuple(
        PageRange(
            start, end - start, _field(place, 1), _field(place, 2), _value(low, name), _value(high, name)
        )
        for start, end, place, low, high in zip(
            starts, ends, places or (), leasts or (), mosts or (), strict=True
        )
    )


def _value(plain: Any, name: str) -> int:
    width_bytes = 8 if name.endswith("64") else 4
    if name == "?":
        raise ValueError("its page index is of a column that holds no integers")
    return value_of(plain, name, width_bytes)


def _field(place: Any, number: int) -> int:
    value = place.get(number) if isinstance(place, dict) else None
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"its page index misses a number (field {number})")
    return value
