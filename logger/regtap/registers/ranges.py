"""Ranges of registers, as `ADDRESS+LENGTH` on the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.registers.model import Register, default_name
from regtap.units.parse import parse_integer, parse_size_bytes, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

_RANGE = re.compile(r"(?P<address>[0-9][^+:=]*)\+(?P<length>[^:]*)(?::(?P<type>.*))?\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RegisterRange:
    """A range of neighbouring words of one type, for a dump.

    Attributes:
        address: Address of the first word.
        count: The number of words, at least 1.
        type: One of TYPES.
    """

    address: int
    count: int
    type: str = "u32"

    def __post_init__(self) -> None:
        _ = self.word(0), self.word(self.count - 1)  # both ends must be registers

    @property
    def width_bytes(self) -> int:
        """Width of one word, in bytes."""
        return self.word(0).width_bytes

    @property
    def size_bytes(self) -> int:
        """Size of the range in the address space, in bytes."""
        return self.count * self.width_bytes

    def word(self, index: int) -> Register:
        """Return one word of the range as a register."""
        address = self.address + index * self.width_bytes if index else self.address
        return Register(default_name(address), address, self.type)

    def words(self) -> Iterator[Register]:
        """Yield the words in the order of their addresses."""
        return map(self.word, range(self.count))

    def landmarks(self, step_bytes: int) -> Iterator[Register]:
        """Yield one word in each `step_bytes` of the range, and the last word, so that the whole range is mapped."""
        yield from map(self.word, range(0, self.count, step_bytes // self.width_bytes))
        yield self.word(self.count - 1)


def parse_range(text: str) -> RegisterRange | None:
    """Return the range of a text `ADDRESS+LENGTH[:TYPE]`; None: the text has another form.

    LENGTH is in bytes and takes units (`64`, `0x40`, `4KiB`).

    Raises:
        InputError: A part of it is wrong, or the length is no multiple of the type's width.
        AddressError: It is misaligned or leaves the 64-bit address space.
    """
    match = _RANGE.match(text)
    if match is None:
        return None
    address = parse_integer(match["address"], "address")
    type_name = "u32" if match["type"] is None else match["type"]
    width_bytes = Register(default_name(address), address, type_name).width_bytes
    length = _parse_length(match["length"])
    if length % width_bytes or not length:
        raise InputError(
            f"length {quoted(match['length'])} must be a multiple of the {width_bytes} bytes of {type_name}"
        )
    return RegisterRange(address, length // width_bytes, type_name)


def _parse_length(text: str) -> int:
    return parse_integer(text, "length") if text[:2].lower() == "0x" else parse_size_bytes(text)
