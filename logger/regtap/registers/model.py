"""Descriptions of registers: name, address, type, fields, side effects. A live mapping is a Device's (targets)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
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
PAIR = "u64pair"  # a counter of 64 bits in two registers of 32, which no single access reads
_HALF_BYTES = 4
ACCESSES = ("read-write", "read-only", "write-only", "write-once", "read-write-once")
# What a write does instead of being held: the words of CMSIS-SVD's modifiedWriteValues, spelled out.
WRITE_EFFECTS = (
    "one-clears",
    "one-sets",
    "one-toggles",
    "zero-clears",
    "zero-sets",
    "zero-toggles",
    "any-clears",
    "any-sets",
    "modifies",
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\[\]-]*\Z")
_RESERVED = ("t_ns", "latency_ns")  # columns of every trace


def type_width_bytes(name: str) -> int:
    """Return the width of a register of a type, such as `u32be`; the type must be one of TYPES."""
    return _TYPES[name][0]


@dataclass(frozen=True, slots=True)
class Value:
    """A named value of a field.

    Attributes:
        name: Its name in the manual.
        value: The number; bits that may be anything are 0.
        description: One line.
        any_bits: The bits of the field that may be anything (a manual writes `1xx`).
        use: `read-write`, `read` or `write`: where the name holds.
    """

    name: str
    value: int
    description: str = ""
    any_bits: int = 0
    use: str = "read-write"

    @property
    def pattern(self) -> str:
        """The number as in a manual: `2`, or `1x` with `x` for a bit that may be anything."""
        if not self.any_bits:
            return f"{self.value}" if self.value < 2**16 else f"{self.value:#x}"
        digits = max(self.value, self.any_bits).bit_length()
        bits = (2 * (self.any_bits >> at & 1) + (self.value >> at & 1) for at in reversed(range(digits)))
        return "".join("01xx"[bit] for bit in bits)

    def matches(self, number: int) -> bool:
        """Return whether this is the name of a number that was read from the field."""
        return number & ~self.any_bits == self.value


@dataclass(frozen=True, slots=True)
class Field:
    """Some bits of a register.

    Attributes:
        name: Its name in the manual.
        lsb: Number of its lowest bit.
        bits: The number of bits.
        description: One line.
        values: Its named numbers.
        otherwise: The name of every other number, or empty.
        access: One of ACCESSES; empty: as the register's.
        read_effect: Effect that a read of the register has because of this field, in words; empty: none.
        write_effect: One of WRITE_EFFECTS; empty: what is written is held.
    """

    name: str
    lsb: int
    bits: int
    description: str = ""
    values: tuple[Value, ...] = ()
    otherwise: str = ""
    access: str = ""
    read_effect: str = ""
    write_effect: str = ""

    @property
    def span(self) -> str:
        """Its bits, such as `15:8`, or `3` for a single one."""
        return f"{self.lsb}" if self.bits == 1 else f"{self.lsb + self.bits - 1}:{self.lsb}"

    @property
    def label(self) -> str:
        """Its name and its bits, such as `LEVEL[15:8]`."""
        return f"{self.name}[{self.span}]"

    @property
    def mask(self) -> int:
        """Its bits in the register."""
        return ((1 << self.bits) - 1) << self.lsb

    def extract(self, value: int) -> int:
        """Return this field's part of a register value."""
        return (value >> self.lsb) & ((1 << self.bits) - 1)

    def name_of(self, number: int) -> str:
        """Return the name of a number that was read from the field; empty: the number has no name."""
        named = (it.name for it in self.values if it.use != "write" and it.matches(number))
        return next(named, self.otherwise)

    def number_of(self, name: str) -> int | None:
        """Return the number to write for a name; None if no number to write is called so."""
        named = (it.value for it in self.values if it.use != "read" and it.name == name)
        return next(named, None)


@dataclass(frozen=True, slots=True)
class Register:
    """A register's description; nothing here touches hardware.

    Attributes:
        name: The column that its samples go to.
        address: Physical address for `mem`, offset into the map for every other target; of a pair, of its low half.
        type: One of TYPES; `be` types are swapped after the access. Or PAIR.
        fields: Named bits, lowest first.
        read_effect: Effect of a read on the device ("clears the flags"); empty: none.
        description: One line.
        access: One of ACCESSES.
        write_effect: One of WRITE_EFFECTS; empty: what is written is held.
        reset: Its value after a reset, or None where the manual does not say.
        volatile: Whether the device changes it by itself, as a counter.
        high: Address of the high half, of a pair; else None.
    """

    name: str
    address: int
    type: str = "u32"
    fields: tuple[Field, ...] = ()
    read_effect: str = ""
    description: str = ""
    access: str = "read-write"
    write_effect: str = ""
    reset: int | None = None
    volatile: bool = False
    high: int | None = None

    def __post_init__(self) -> None:
        if self.type not in (*_TYPES, PAIR):
            raise InputError(
                f"unknown register type {quoted(self.type)}; use one of {', '.join((*TYPES, PAIR))}"
            )
        if not _NAME.match(self.name) or self.name in _RESERVED:
            reserved = ", ".join(_RESERVED)
            raise InputError(
                f"{quoted(self.name)} cannot name a register; use a to z, A to Z, digits and _ . - [ ], "
                f"a letter or _ first (not {reserved})"
            )
        if (self.type == PAIR) != (self.high is not None):
            raise InputError(
                f"{self.name}: a 64-bit counter in two halves has two addresses; write NAME=LOW/HIGH:{PAIR}"
            )
        if self.high == self.address:
            raise InputError(
                f"both halves of {self.name} are at {self.address:#x}; name the other half's address"
            )
        if self.high is not None:
            _ = self.loads  # checks
            return
        where, width_bytes = f"address {self.address:#x} of {self.name}", self.width_bytes
        if not 0 <= self.address < 2**64:
            raise AddressError(f"{where} does not fit 64 bits; check it", address=self.address)
        if self.address % width_bytes:
            remedy = f"use {self.address - self.address % width_bytes:#x}, or a narrower type"
            raise AddressError(
                f"{where} is not aligned to the {width_bytes} bytes of {self.type}; {remedy}",
                address=self.address,
            )

    @property
    def place(self) -> str:
        """Its address in hexadecimal, or both of them."""
        return f"{self.address:#x}" if self.high is None else f"{self.address:#x}/{self.high:#x}"

    @property
    def kind(self) -> str:
        """The type of its values, one of TYPES."""
        return self.type if self.high is None else "u64"

    @property
    def loads(self) -> tuple[Register, ...]:
        """The registers that are read for it: itself; of a pair the low half and the high one."""
        if self.high is None:
            return (self,)
        return Register(f"{self.name}_LOW", self.address), Register(f"{self.name}_HIGH", self.high)

    @property
    def is_readable(self) -> bool:
        """Whether the register's access word allows reads."""
        return self.access not in ("write-only", "write-once")

    @property
    def is_writable(self) -> bool:
        """Whether the register's access word allows writes."""
        return self.access != "read-only"

    def field(self, name: str) -> Field | None:
        """Return a field by its name, or None."""
        return next((field for field in self.fields if field.name == name), None)

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
        """Width of an access to the register, in bytes."""
        return _TYPES[self.kind][0]

    @property
    def size_bytes(self) -> int:
        """Size of the register in the address space, in bytes: its width."""
        return self.width_bytes if self.high is None else _HALF_BYTES

    @property
    def swapped(self) -> bool:
        """Whether the value's bytes are swapped after the access."""
        return _TYPES[self.kind][1]

    @property
    def dtype(self) -> str:
        """The numpy type of its samples, for example `uint32`."""
        return f"uint{8 * self.width_bytes}"


def loads_of(registers: Iterable[Register]) -> list[Register]:
    """Return the registers that are read for others: pairs are two."""
    return [load for register in registers for load in register.loads]


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
    """Return the name of a register without a name, given its address."""
    return f"r_{address:x}"
