"""The registers, fields and values that a condition's expression names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.maps.nearest import nearest
from regtap.units.parse import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regtap.registers.model import Field, Register, Value

_MOST_LISTED = 16


@dataclass(frozen=True, slots=True)
class Bits:
    """The bits of a register that a name stands for.

    Attributes:
        register: Number of the register among those that are recorded.
        name: Full name of the register or field.
        lsb: Number of the lowest bit.
        mask: The bits in their place in the register.
        field: The field, or None for the whole register.
    """

    register: int
    name: str
    lsb: int
    mask: int
    field: Field | None = None

    @property
    def largest(self) -> int:
        """The largest value of the bits."""
        return self.mask >> self.lsb


class UnknownNameError(Exception):
    """A name without a register, field or value, or with several; the message lists candidates."""


def find_bits(text: str, registers: Sequence[Register]) -> Bits:
    """Return the bits of a recorded register or field by its name, or by an unambiguous end of the name.

    Raises:
        UnknownNameError: No register or field has that name, or several have it.
    """
    found = bits_called(text, registers)
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownNameError(
            f"{quoted(text)} is ambiguous; it could be {', '.join(bits.name for bits in found[:_MOST_LISTED])}"
        )
    near = nearest(text, [bits.name for bits in all_bits(registers)])
    hint = f"the nearest are {', '.join(near)}" if near else f"the registers are {_listed(registers)}"
    raise UnknownNameError(f"there is nothing called {quoted(text)}; {hint}")


def bits_called(text: str, registers: Sequence[Register]) -> list[Bits]:
    """Return the bits of the register or field of that name; without one, of each whose name ends so."""
    known = list(all_bits(registers))
    exact = [bits for bits in known if bits.name == text]
    return exact or [bits for bits in known if bits.name.endswith(f".{text}")]


def find_value(text: str, bits: Bits) -> Value:
    """Return the value of a field by its name.

    Raises:
        UnknownNameError: The field has no readable value of that name.
    """
    readable = readable_values(bits)
    found = next((value for value in readable if value.name == text), None)
    if found is not None:
        return found
    if not readable:
        raise UnknownNameError(f"the values of {bits.name} have no names; write a number")
    names = [value.name for value in readable[:_MOST_LISTED]]
    names += [bits.field.otherwise] if bits.field is not None and bits.field.otherwise else []
    raise UnknownNameError(f"{bits.name} has no value called {quoted(text)}; it has {', '.join(names)}")


def readable_values(bits: Bits) -> list[Value]:
    """Return the named values that can be read from a field; none for a whole register."""
    return [] if bits.field is None else [value for value in bits.field.values if value.use != "write"]


def all_bits(registers: Sequence[Register]) -> Iterator[Bits]:
    """Yield the bits of each register, and after it of each of its fields."""
    for number, register in enumerate(registers):
        yield Bits(number, register.name, 0, (1 << 8 * register.width_bytes) - 1)
        for field in register.fields:
            yield Bits(number, f"{register.name}.{field.name}", field.lsb, field.mask, field)


def _listed(registers: Sequence[Register]) -> str:
    names = [register.name for register in registers]
    return ", ".join(names[:_MOST_LISTED]) + (", ..." if len(names) > _MOST_LISTED else "")
