"""Values in words: fields by name, and numbers of fields by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.units.parse import parse_integer, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regtap.registers.model import Field, Register

_MOST_LISTED = 16


def spell_number(field: Field, number: int) -> str:
    """Return a field's number with its name, such as `2 (FAST)`; a long number is in hexadecimal."""
    shown = f"{number:#x}" if field.bits > 16 else f"{number}"
    name = field.name_of(number)
    return f"{shown} ({name})" if name else shown


def spell_fields(register: Register, value: int) -> Iterator[str]:
    """Yield the fields of a register's value, such as `MODE=2 (FAST)`."""
    for field in register.fields:
        yield f"{field.name}={spell_number(field, field.extract(value))}"


def value_names(register: Register, value: int) -> dict[str, str]:
    """Return the named fields of a register's value: the number's name for each field's name."""
    named = {field.name: field.name_of(field.extract(value)) for field in register.fields}
    return {field: name for field, name in named.items() if name}


def parse_field_value(text: str, field: Field, where: str) -> int:
    """Return the number to write to a field.

    What reads as a number is one, even where a value has it for its name.

    Args:
        text: A number, or the name of one.
        field: The field.
        where: Its name, for messages.

    Raises:
        InputError: It is neither, or does not fit.
    """
    if not text[:1].isdigit():
        number = field.number_of(text)
        if number is None and text and text == field.otherwise:
            raise InputError(f"{quoted(text)} stands for every other value of {where}; write a number")
        if number is None:
            names = [value.name for value in field.values if value.use != "read"]
            known = f"; it has {', '.join(names[:_MOST_LISTED])}" if names else " and no names for its values"
            raise InputError(f"{where} has no value called {quoted(text)}{known}")
        return number
    number = parse_integer(text, "value")
    largest = (1 << field.bits) - 1
    if number > largest:
        raise InputError(f"value {number:#x} does not fit {where}[{field.span}] (0 to {largest:#x})")
    return number
