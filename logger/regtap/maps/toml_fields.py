"""Fields and their values in our TOML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.maps.checked import Table, checked_number, kind_of
from regtap.registers.model import ACCESSES, WRITE_EFFECTS, Field, Value
from regtap.units.parse import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEYS = ("bits", "description", "values", "otherwise", "access", "read_effect", "write_effect")
_VALUE_KEYS = ("name", "value", "description", "use")
_SPAN = re.compile(r"(\d{1,5})(?::(\d{1,5}))?\Z")
NAME_RULE = "use a to z, A to Z, digits, _ and -, a letter or _ first"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_ANY_BITS = re.compile(r"[01xX]{1,64}\Z")
_USES = ("read-write", "read", "write")


def read_fields(fields: Table) -> tuple[Field, ...]:
    """Return the fields of a register.

    Raises:
        InputError: One of them says something that no field has.
    """
    return tuple(_field(fields, name) for name in fields.names())


def _field(fields: Table, name: str) -> Field:
    where, given = f"{fields.where}.{name}", fields.get(name)
    if not _NAME.match(name):
        raise InputError(f"{where}: {quoted(name)} cannot name a field; {NAME_RULE}")
    if not isinstance(given, dict):
        lsb, bits = _span(given, where)
        return Field(name, lsb, bits)
    table = Table(given, where)
    table.check_keys(_KEYS)
    lsb, bits = _span(table.get("bits"), f"{where}.bits")
    return Field(
        name,
        lsb,
        bits,
        table.text("description"),
        tuple(_values(table)),
        table.text("otherwise"),
        table.word("access", ACCESSES),
        table.text("read_effect"),
        table.word("write_effect", WRITE_EFFECTS),
    )


def _span(given: object, where: str) -> tuple[int, int]:
    """Return the lowest bit and the number of bits of `3`, `"3"` or `"15:8"`."""
    if isinstance(given, int) and not isinstance(given, bool):
        return checked_number(given, where, most=2**16), 1
    match = _SPAN.match(given) if isinstance(given, str) else None
    if match is None:
        shown = quoted(given) if isinstance(given, str) else kind_of(given)
        raise InputError(f"{where} is {shown}; write the bits as 3 or '15:8'")
    low, high = sorted((int(match[1]), int(match[2] or match[1])))
    return low, high - low + 1


def _values(field: Table) -> Iterator[Value]:
    given = field.get("values")
    if isinstance(given, list):
        for index, item in enumerate(given):
            table = Table(item, f"{field.where}.values[{index}]")
            yield _value(table, table.text("name"))
        return
    values = field.table("values")
    for name in values.names():
        content = values.get(name)
        table = Table(content if isinstance(content, dict) else {"value": content}, f"{values.where}.{name}")
        yield _value(table, name)


def _value(table: Table, name: str) -> Value:
    table.check_keys(_VALUE_KEYS)
    if not name:
        raise InputError(f"{table.where} has no name; give it one")
    given, any_bits = table.get("value"), 0
    if isinstance(given, str) and "x" in given.lower()[2 * given.lower().startswith("0x") :]:
        if not _ANY_BITS.match(given):
            raise InputError(
                f"{table.where}: {quoted(given)} is no value; bits that may be anything are x, as in '1xx'"
            )
        any_bits = int(given.lower().replace("1", "0").replace("x", "1"), 2)
        given = int(given.lower().replace("x", "0"), 2)
    number = checked_number(given, f"{table.where}.value")
    return Value(name, number, table.text("description"), any_bits, table.word("use", _USES, "read-write"))
