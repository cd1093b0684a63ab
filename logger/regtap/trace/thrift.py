"""Reads thrift's compact protocol, for footers of Parquet files from any source.

Every size is checked before it is believed: no count makes more values than there are bytes, and nothing is nested
deeper than DEPTH.
"""

from __future__ import annotations

from typing import Any

Struct = dict[int, Any]  # a field's number and its value

DEPTH = 16
MOST_VALUES = 1 << 22  # some 400 MB of memory
_YES, _NO, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
BINARY, LIST, STRUCT = _BINARY, _LIST, _STRUCT
_MOST_SHIFT = 63


def read_struct(data: bytes, at: int = 0) -> Struct:
    """Return the struct at an offset; numbers as int, texts as bytes, lists and sets as lists.

    Args:
        data: Encoded bytes; what follows the struct is not looked at.
        at: Offset of the struct.

    Raises:
        ValueError: It is no such struct, or larger than the limits allow; the text says so on one line.
    """
    reader = Reader(data, at)
    try:
        return reader.struct(DEPTH)
    except IndexError:
        raise ValueError("it ends in the middle of a value") from None


class Reader:
    """Reads the bytes one value after the other.

    IndexError: the bytes have ended; ValueError: they are not thrift's compact protocol.
    """

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at
        self.values_left = MOST_VALUES

    def struct(self, depth: int) -> Struct:
        """Return the fields of a struct."""
        fields: Struct = {}
        number = 0
        while (field := self.field(number)) is not None:
            number, kind = field
            fields[number] = self.member(kind, depth)
        return fields

    def field(self, before: int) -> tuple[int, int] | None:
        """Return the number and the type of a struct's next field; None at its end.

        Args:
            before: The number of the field before; 0 at the first.
        """
        head = self.byte()
        if not head:
            return None
        return (before + (head >> 4) if head >> 4 else self.zigzag()), head & 15

    def member(self, kind: int, depth: int) -> Any:
        """Return a field's value; a truth value is its type."""
        self.count_value()
        return kind == _YES if kind <= _NO else self.value(kind, depth)

    def value(self, kind: int, depth: int) -> Any:
        """Return one value of a type."""
        if kind in (_I16, _I32, _I64):
            return self.zigzag()
        if kind == _BINARY:
            return self.take(self.varint())
        if kind in (_BYTE, _YES, _NO):  # the latter two: in a list
            byte = self.byte()
            return byte == _YES if kind != _BYTE else byte - (byte >> 7 << 8)
        if kind == _DOUBLE:
            return self.take(8)
        if not depth:
            raise ValueError(f"it is nested deeper than {DEPTH}")
        return self.container(kind, depth - 1)

    def container(self, kind: int, depth: int) -> Any:
        """Return a struct, list, set or map."""
        if kind == _STRUCT:
            return self.struct(depth)
        if kind in (_LIST, _SET):
            return self.list(depth)
        if kind == _MAP:
            return self.map(depth)
        raise ValueError(f"it has a value of an unknown type, {kind}")

    def list(self, depth: int) -> list[Any]:
        """Return the elements of a list."""
        count, kind = self.list_head()
        values = []
        for _ in range(count):
            self.count_value()
            values.append(self.value(kind, depth))
        return values

    def list_head(self) -> tuple[int, int]:
        """Return how many elements a list has, and their type."""
        head = self.byte()
        count = head >> 4 if head >> 4 < 15 else self.varint()
        self.check_count(count)
        return count, head & 15

    def map(self, depth: int) -> dict[Any, Any]:
        """Return the pairs of a map."""
        count = self.varint()
        self.check_count(count)
        if not count:
            return {}
        kinds = self.byte()
        pairs: dict[Any, Any] = {}
        for _ in range(count):
            self.count_value()
            key = self.value(kinds >> 4, depth)
            pairs[str(key)] = self.value(kinds & 15, depth)
        return pairs

    def count_value(self) -> None:
        """Raise ValueError if there are too many values by now."""
        self.values_left -= 1
        if not self.values_left:
            raise ValueError(f"it has over {MOST_VALUES:,} values")

    def check_count(self, count: int) -> None:
        """Raise ValueError if fewer bytes follow than a list claims elements."""
        if count > len(self.data) - self.at:
            raise ValueError(f"it claims {count:,} values where fewer bytes follow")

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        if size > len(self.data) - self.at:
            raise ValueError(f"it claims a text of {size:,} bytes where fewer follow")
        self.at += size
        return self.data[self.at - size : self.at]

    def byte(self) -> int:
        """Return the next byte."""
        self.at += 1
        return self.data[self.at - 1]

    def varint(self) -> int:
        """Return an unsigned number."""
        byte = self.byte()
        value, shift = byte & 0x7F, 7
        while byte & 0x80:
            if shift > _MOST_SHIFT:
                raise ValueError("it has a number of more than 64 bits")
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
        return value

    def zigzag(self) -> int:
        """Return a signed number."""
        value = self.varint()
        return value >> 1 ^ -(value & 1)
