"""The lists of a Parquet page index, of all row groups of a column at once: a part has thousands of short ones.

Groups with equally many pages have lists of the same layout, as one writer makes them: one is parsed by the rules of
thrift's compact protocol, and the others are compared with it in all but their values. What differs is parsed by
itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regtap.trace.thrift import BINARY, DEPTH, LIST, STRUCT, Reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Values = npt.NDArray[Any]
    Integers = npt.NDArray[np.int64]
    Bytes = npt.NDArray[np.uint8]

_PLACE_NUMBERS = 7  # of a PageLocation, when the heads of its fields are read as numbers too
_PLACE_HEADS = (0x16, 0x15, 0x16, 0)  # i64, i32, i64, end


def locations(pieces: Sequence[bytes]) -> tuple[Integers, Integers, Integers, Integers]:
    """Read OffsetIndexes.

    Args:
        pieces: One for each row group.

    Returns:
        Offsets, sizes and first rows of all pages, and how many pages each group has.

    Raises:
        ValueError: They are none, or contradict themselves.
    """
    bodies = [_places_of(piece) for piece in pieces]
    counts = np.array([count for count, _ in bodies], np.int64)
    encoded = np.frombuffer(b"".join(body for _, body in bodies), np.uint8)
    ends = np.flatnonzero(encoded < 0x80)  # of numbers: heads, and ends of structs, are read as such too
    lengths = np.diff(ends, prepend=-1)
    stops = np.cumsum(_PLACE_NUMBERS * counts + 1) - 1  # each list is followed by the end of its struct
    is_whole = len(ends) == stops[-1] + 1 and ends[-1] == len(encoded) - 1
    if not is_whole or np.any(encoded[ends[stops]]) or np.any(lengths[stops] != 1):
        raise ValueError("its page index has offsets that cannot be")
    end_table, length_table = (
        np.delete(array, stops).reshape(-1, _PLACE_NUMBERS) for array in (ends, lengths)
    )
    if np.any(encoded[end_table[:, ::2]] != _PLACE_HEADS) or np.any(length_table[:, ::2] != 1):
        raise ValueError("its page index has offsets that cannot be")
    offsets, sizes, first_rows = (
        _integers(encoded, end_table[:, at], length_table[:, at]) for at in (1, 3, 5)
    )
    begins = np.cumsum(counts) - counts
    steps = np.diff(first_rows)
    steps[begins[1:] - 1] = 1  # from one group to the next
    if np.any(first_rows[begins]) or np.any(steps < 1):
        raise ValueError("its page index names rows that are not there")
    return offsets, sizes, first_rows, counts


def bounds(pieces: Sequence[bytes], counts: Integers, dtype: str) -> tuple[Values, Values]:
    """Read ColumnIndexes.

    Args:
        pieces: One for each row group.
        counts: How many pages each group has.
        dtype: The column's type as numpy names it.

    Returns:
        The smallest and the largest value of all pages, in that type.

    Raises:
        ValueError: They are none, or have values of another type, or not as many as pages.
    """
    width = _width_bytes(dtype)
    found: list[tuple[Bytes, Bytes]] = [(np.empty(0, np.uint8), np.empty(0, np.uint8))] * len(pieces)
    alike: dict[tuple[int, int], list[int]] = {}
    for number, (piece, count) in enumerate(zip(pieces, counts.tolist(), strict=True)):
        alike.setdefault((len(piece), count), []).append(number)
    for (length, count), numbers in alike.items():
        table = np.frombuffer(b"".join(pieces[number] for number in numbers), np.uint8).reshape(-1, length)
        layout = _layout(pieces[numbers[0]], count, width)
        is_same = layout.is_same(table)
        for number, row, same in zip(numbers, table, is_same.tolist(), strict=True):
            own = layout if same else _layout(pieces[number], count, width)
            found[number] = own.values(row)
    least, most = (np.concatenate([pair[side] for pair in found]) for side in (0, 1))
    return _typed(least, dtype), _typed(most, dtype)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a ColumnIndex has its values.

    Attributes:
        least: Offset of the list of smallest values.
        most: Offset of that of the largest.
        count: How many values each has.
        width: Bytes of a value; one more before it says so.
        head: The bytes before, between, and the values' own lengths, of the index that was parsed.
    """

    least: int
    most: int
    count: int
    width: int
    head: Bytes

    def is_same(self, table: Bytes) -> npt.NDArray[np.bool_]:
        """Return which of some indexes, a row each, have the same bytes wherever no value is."""
        same: npt.NDArray[np.bool_] = (table[:, self.others()] == self.head).all(axis=1)
        return same

    def others(self) -> npt.NDArray[np.intp]:
        """Return the offsets, up to the end of the later list, where no value is."""
        is_value = np.zeros(max(self.least, self.most) + self.count * (self.width + 1), np.bool_)
        for begin in (self.least, self.most):
            is_value[begin : begin + self.count * (self.width + 1)] = True
            is_value[begin : begin + self.count * (self.width + 1) : self.width + 1] = False
        return np.flatnonzero(~is_value)

    def values(self, row: Bytes) -> tuple[Bytes, Bytes]:
        """Return the plain bytes of the smallest and the largest values of an index of this layout."""
        size = self.count * (self.width + 1)
        tables = (row[begin : begin + size].reshape(-1, self.width + 1) for begin in (self.least, self.most))
        least, most = (table[:, 1:].ravel() for table in tables)
        return least, most


def _layout(data: bytes, count: int, width: int) -> _Layout:
    reader = Reader(data, 0)
    begins: dict[int, int] = {}
    number = 0
    while (field := reader.field(number)) is not None:
        number, kind = field
        if number == 1 and kind == LIST:  # which pages have no values: none, as no column of ours has nulls
            if any(byte == 1 for byte in set(reader.take(reader.list_head()[0]))):
                raise ValueError("its page index has a page without values")
        elif number in (2, 3) and kind == LIST:
            begins[number] = _begin(reader, count, width)
        else:
            reader.member(kind, DEPTH)
    if len(begins) != 2:
        raise ValueError("its page index has no bounds")
    layout = _Layout(begins[2], begins[3], count, width, np.empty(0, np.uint8))
    head = np.frombuffer(data, np.uint8)[layout.others()]
    return _Layout(begins[2], begins[3], count, width, head)


def _begin(reader: Reader, count: int, width: int) -> int:
    """Return where the values of a list of binaries of one width begin, and pass them."""
    if reader.list_head() != (count, BINARY):
        raise ValueError("its page index has not as many values as pages")
    begin = reader.at
    lengths = reader.take(count * (width + 1))[:: width + 1]
    if lengths.count(width) != count:
        raise ValueError("its page index has a value of another width than its column")
    return begin


def _width_bytes(dtype: str) -> int:
    """Return the width of the physical type that a column has in the file."""
    return max(4, np.dtype(dtype).itemsize)


def _typed(data: Bytes, dtype: str) -> Values:
    """Return plainly encoded values in a column's type."""
    wide = data.view(f"<{np.dtype(dtype).kind}{_width_bytes(dtype)}")
    narrow = wide.astype(dtype)
    if not np.array_equal(wide, narrow):
        raise ValueError("its page index has a value that does not fit its column")
    return narrow


def _places_of(data: bytes) -> tuple[int, bytes]:
    """Return how many places an OffsetIndex has, and the bytes from the first of them on."""
    reader = Reader(data, 0)
    if reader.field(0) != (1, LIST):
        raise ValueError("its page index has no offsets")
    count, kind = reader.list_head()
    if kind != STRUCT or not count:
        raise ValueError("its page index has no offsets")
    return count, data[reader.at :]


def _integers(encoded: Bytes, ends: Integers, lengths: Integers) -> Integers:
    """Decode integers from 0 to 2**62 - 1, all at once.

    Args:
        encoded: The bytes that hold them.
        ends: The offset of the last byte of each.
        lengths: The number of bytes of each.
    """
    shortest, longest = int(lengths.min()), int(lengths.max())
    if longest > 9:
        raise ValueError("its page index has a number of more than 63 bits")
    starts = ends - lengths + 1
    numbers: Integers = (encoded[starts] & 0x7F).astype(np.int64)
    for place in range(1, longest):
        at = slice(None) if place < shortest else np.flatnonzero(lengths > place)
        numbers[at] |= (encoded[starts[at] + place].astype(np.int64) & 0x7F) << 7 * place
    if np.any(numbers & 1):  # the sign
        raise ValueError("its page index has offsets that cannot be")
    numbers >>= 1
    return numbers
