"""What a register is, apart from any live mapping: name, address, type, fields, side effects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from regtap.errors import AddressError, InputError
from regtap.units.parse import quoted

# type name -> (width in bytes, whether the value is swapped after the access)
_TYPES = {
    "u8": (1, False),
    "u16": (2, False),
    "u32": (4, False),
    "u64": (8, False),
    "u16be": (2, True),
    "u32be": (4, True),
    "u64be": (8, True),
}
TYPES = tuple(_TYPES)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\[\]-]*\Z")
_RESERVED = ("t_ns", "latency_ns")  # columns of every trace


@dataclass(frozen=True, slots=True)
class Field:
    """Some bits of a register.

    Attributes:
        name: Its name in the manual.
        lsb: Number of its lowest bit.
        bits: How many bits it has.
        description: One line.
    """

    name: str
    lsb: int
    bits: int
    description: str = ""

    @property
    def label(self) -> str:
        """Its name and its bits, such as `LEVEL[15:8]`."""
        top = self.lsb + self.bits - 1
        return f"{self.name}[{top}]" if self.bits == 1 else f"{self.name}[{top}:{self.lsb}]"

    def extract(self, value: int) -> int:
        """Return this field's part of a register value."""
        return (value >> self.lsb) & ((1 << self.bits) - 1)


@dataclass(frozen=True, slots=True)
class Register:
    """A register's description; nothing here touches hardware.

    Attributes:
        name: The column that its samples go to.
        address: Physical address for `mem`, offset into the map for every other target.
        type: One of TYPES; `be` types are swapped after the access.
        fields: Named bits, lowest first.
        read_effect: What a read changes in the device ("clears the flags"), or empty for none.
        description: One line.
    """

    name: str
    address: int
    type: str = "u32"
    fields: tuple[Field, ...] = ()
    read_effect: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        if self.type not in _TYPES:
            raise InputError(f"unknown register type {quoted(self.type)}; use one of {', '.join(TYPES)}")
        if not _NAME.match(self.name) or self.name in _RESERVED:
            reserved = ", ".join(_RESERVED)
            raise InputError(
                f"{quoted(self.name)} cannot name a register; use letters, digits and _ (not {reserved})"
            )
        where, width_bytes = f"address {self.address:#x} of {self.name}", self.width_bytes
        if not 0 <= self.address < 2**64:
            raise AddressError(f"{where} does not fit 64 bits; check it", address=self.address)
        if self.address % width_bytes:
            remedy = f"use {self.address - self.address % width_bytes:#x}, or a narrower type"
            raise AddressError(
                f"{where} is not aligned to the {width_bytes} bytes of {self.type}; {remedy}",
                address=self.address,
            )

    def decode(self, value: int) -> dict[str, int]:
        """Return the value of each field, by name."""
        return {field.name: field.extract(value) for field in self.fields}

    def check_value(self, value: int) -> None:
        """Raise InputError if a value does not fit the register."""
        largest = (1 << 8 * self.width_bytes) - 1
        if not 0 <= value <= largest:
            raise InputError(f"value {value:#x} does not fit {self.name} ({self.type}: 0 to {largest:#x})")

    @property
    def width_bytes(self) -> int:
        """Width of the one access that reads it, in bytes."""
        return _TYPES[self.type][0]

    @property
    def size_bytes(self) -> int:
        """How much of the address space it takes: its width."""
        return self.width_bytes

    @property
    def swapped(self) -> bool:
        """Whether the value's bytes are swapped after the access."""
        return _TYPES[self.type][1]

    @property
    def dtype(self) -> str:
        """The numpy type of its samples, for example `uint32`."""
        return f"uint{8 * self.width_bytes}"


class RegisterMap(Mapping[str, Register]):
    """Registers of one device by name, in the order of its manual."""

    def __init__(self, registers: tuple[Register, ...] = ()) -> None:
        self._registers = {register.name: register for register in registers}

    def __getitem__(self, name: str) -> Register:
        return self._registers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._registers)

    def __len__(self) -> int:
        return len(self._registers)


def default_name(address: int) -> str:
    """Return the name of a register that has an address only."""
    return f"r_{address:x}"
