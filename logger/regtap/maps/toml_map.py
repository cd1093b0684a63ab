"""Reads regtap's own TOML maps, which are short enough to be typed; `regtap map -o` writes them."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.maps.checked import Table
from regtap.maps.model import (
    MOST_LEVELS,
    MOST_REGISTERS,
    DeviceMap,
    Effect,
    Group,
    Member,
    RegisterNode,
    Repeat,
    check_fields,
    misfit,
)
from regtap.maps.toml_fields import NAME_RULE, read_fields
from regtap.registers.model import ACCESSES, PAIR, TYPES, WRITE_EFFECTS, Register
from regtap.units.format import count_of
from regtap.units.parse import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT = "regtap TOML"
VERSION = 1
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:\[%s\]|%s)?[A-Za-z0-9_-]*\Z")
_TOP_KEYS = ("map", "name", "description", "type", "blocks", "registers", "effects")
_NODE_KEYS = ("address", "offset", "description", "count", "step", "labels", "type")
_GROUP_KEYS = (*_NODE_KEYS, "registers", "clusters")
_REGISTER_KEYS = (
    *_NODE_KEYS,
    "bits",
    "access",
    "read_effect",
    "write_effect",
    "reset",
    "volatile",
    "high",
    "fields",
)
_MOST_BITS = 2**16


def read_toml(content: bytes, source: str) -> DeviceMap:
    """Read the map of a TOML file.

    Raises:
        InputError: It is no TOML, or says something that no map has; the message says where.
    """
    try:
        parsed = tomllib.loads(content.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"its TOML cannot be read ({error})") from error
    except ValueError as error:  # of Python's int(), since 3.11
        raise InputError("its TOML has a number that is too long; mend the map") from error
    except RecursionError as error:
        raise InputError("its TOML is nested too deeply") from error
    document = Table(parsed, "the map")
    document.check_keys(_TOP_KEYS)
    if document.number("map") not in (None, VERSION):
        raise InputError(
            f"it has version {document.number('map')} of the form; this regtap reads {VERSION}: upgrade it"
        )
    type_name = document.word("type", TYPES, "u32")
    members: tuple[Member, ...] = (
        *_groups(document, "blocks", type_name, 1),
        *_registers(document, type_name),
    )
    root = Group(name="", offset=0, description=document.text("description"), members=members)
    return DeviceMap(document.text("name"), source, FORMAT, root, tuple(_effects(document.table("effects"))))


def _groups(holder: Table, key: str, type_name: str, level: int) -> Iterator[Group]:
    if level > MOST_LEVELS:
        raise InputError(f"{holder.where} lies more than {MOST_LEVELS} levels deep")
    groups = holder.table(key)
    for name in groups.names():
        table = groups.table(name)
        table.check_keys(_GROUP_KEYS)
        pattern, repeat = _repeat(table, name)
        own_type = table.word("type", TYPES, type_name)
        yield Group(
            name=pattern,
            offset=_offset(table),
            repeat=repeat,
            description=table.text("description"),
            members=(*_groups(table, "clusters", own_type, level + 1), *_registers(table, own_type)),
        )


def _registers(holder: Table, type_name: str) -> Iterator[RegisterNode]:
    registers = holder.table("registers")
    for name in registers.names():
        table = registers.table(name)
        table.check_keys(_REGISTER_KEYS)
        yield _register(table, name, type_name)


def _register(table: Table, name: str, type_name: str) -> RegisterNode:
    pattern, repeat = _repeat(table, name)
    own_type = table.word("type", (*TYPES, PAIR), PAIR if "high" in table else type_name)
    to_high = _to_high(table, own_type)
    template = Register("r", 0, "u64" if to_high is not None else own_type)
    bits = table.number("bits", 1, _MOST_BITS) or 8 * template.width_bytes
    fields = read_fields(table.table("fields"))
    check_fields(table.where, bits, fields)
    for field in fields:
        if value := misfit(field):
            where = f"value {value.name} ({value.value:#x}) of {table.where}.{field.label}"
            raise InputError(f"{where} does not fit its {count_of(field.bits, 'bit')}")
    return RegisterNode(
        name=pattern,
        offset=_offset(table),
        repeat=repeat,
        description=table.text("description"),
        bits=bits,
        swapped=template.swapped,
        access=table.word("access", ACCESSES, "read-write"),
        read_effect=table.text("read_effect"),
        write_effect=table.word("write_effect", WRITE_EFFECTS),
        reset=table.number("reset"),
        volatile=table.flag("volatile"),
        to_high=to_high,
        load_fields=lambda: fields,
    )


def _to_high(table: Table, type_name: str) -> int | None:
    """Return the way from the low half of a 64-bit counter to the high one; None for a single register."""
    if ("high" in table) != (type_name == PAIR):
        raise InputError(
            f"{table.where}: the type {PAIR}, and the address of the high half as `high`, go together"
        )
    high = table.number("high")
    return None if high is None else high - _offset(table)


def _offset(table: Table) -> int:
    """Return the offset of an element in the element around it; `address` and `offset` are the same key."""
    if ("address" in table) == ("offset" in table):
        raise InputError(f"{table.where} needs an address (in a block or cluster: an offset in it), once")
    offset = table.number("address" if "address" in table else "offset")
    assert offset is not None  # noqa: S101 - one of the keys is there
    return offset


def _repeat(table: Table, name: str) -> tuple[str, Repeat | None]:
    """Return the pattern of a name, and the repetitions that it describes."""
    if not _NAME.match(name):
        raise InputError(f"{table.where}: {quoted(name)} cannot be a name; {NAME_RULE}")
    labels = _labels(table)
    count = table.number("count", 1, MOST_REGISTERS) or len(labels) or None
    if count is None:
        if "%s" in name or "step" in table:
            raise InputError(f"{table.where} has a step or %s, and no count; say how often it is there")
        return name, None
    if labels and len(labels) != count:
        raise InputError(f"{table.where} has {count_of(len(labels), 'label')}, and a count of {count}")
    step = table.number("step")
    if step is None:
        raise InputError(
            f"{table.where} has a count, and no step; say how many bytes lie from one to the next"
        )
    return name if "%s" in name else f"{name}[%s]", Repeat(count, step, labels)


def _labels(table: Table) -> tuple[str, ...]:
    labels = table.get("labels") or []
    is_list = isinstance(labels, list) and all(isinstance(label, str) for label in labels)
    if not is_list or not all(re.fullmatch(r"[A-Za-z0-9_-]+", label) for label in labels):
        raise InputError(f"{table.where}.labels must be a list of names, such as ['A', 'B']")
    if len(set(labels)) != len(labels):
        raise InputError(f"{table.where}.labels has a name twice")
    return tuple(labels)


def _effects(table: Table) -> Iterator[Effect]:
    for pattern in table.names():
        given = table.get(pattern)
        if isinstance(given, str):
            yield Effect(pattern, read=given)
            continue
        entry = table.table(pattern)
        entry.check_keys(("read", "write"))
        read = entry.text("read") if "read" in entry else None
        write = entry.word("write", WRITE_EFFECTS) if "write" in entry else None
        yield Effect(pattern, read, write)
