"""Writing a map in our TOML."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from regtap.maps.model import Group, RegisterNode
from regtap.maps.toml_map import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from regtap.maps.model import DeviceMap, Node
    from regtap.registers.model import Field, Value

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def write_toml(device: DeviceMap) -> bytes:
    """Return a map as TOML; reading that gives the same registers, fields and values."""
    lines = [f"map = {VERSION}"]
    if device.name:
        lines.append(f"name = {_text(device.name)}")
    if device.root.description:
        lines.append(f"description = {_text(device.root.description)}")
    lines += _members(device.root, (), "blocks", device.root.offset)
    lines += _effects(device)
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def _members(group: Group, above: tuple[str, ...], holder: str, base: int = 0) -> Iterator[str]:
    seen: set[tuple[str, str]] = set()
    for member in group.members:
        kind = holder if isinstance(member, Group) else "registers"
        key = member.name.removesuffix("[%s]") if member.repeat else member.name
        if (kind, key) in seen:  # other forms let two registers have one name; a table has one place for it
            key = f"{key}_{member.offset:x}_{len(seen)}"
        seen.add((kind, key))
        place = (*above, kind, key)
        yield ""
        yield f"[{'.'.join(map(_key, place))}]"
        yield from _node(member, base, "address" if not above else "offset")
        if isinstance(member, Group):
            yield from _members(member, place, "clusters")
        else:
            yield from _register(member, base)


def _node(node: Node, base: int, key: str) -> Iterator[str]:
    yield f"{key} = {_number(base + node.offset)}"
    if node.repeat is not None:
        yield f"count = {node.repeat.count}"
        yield f"step = {_number(node.repeat.step)}"
        if node.repeat.labels:
            yield f"labels = [{', '.join(map(_text, node.repeat.labels))}]"
    if node.description:
        yield f"description = {_text(node.description)}"


def _register(node: RegisterNode, base: int) -> Iterator[str]:
    width = node.access_bits
    if node.to_high is not None:
        yield f"high = {_number(base + node.offset + node.to_high)}"
    elif width is not None:
        yield f'type = "u{width}{"be" if node.swapped and width > 8 else ""}"'
    if width != node.bits:
        yield f"bits = {node.bits}"
    if node.access != "read-write":
        yield f"access = {_text(node.access)}"
    if node.reset is not None:
        yield f"reset = {_number(node.reset)}"
    if node.volatile:
        yield "volatile = true"
    if node.read_effect:
        yield f"read_effect = {_text(node.read_effect)}"
    if node.write_effect:
        yield f"write_effect = {_text(node.write_effect)}"
    for field in node.fields:
        yield f"fields.{_key(field.name)} = {_field(field)}"


def _field(field: Field) -> str:
    span = f"{field.lsb}" if field.bits == 1 else f'"{field.span}"'
    parts: dict[str, str] = {"bits": span}
    for key in ("description", "otherwise", "access", "read_effect", "write_effect"):
        text = getattr(field, key)
        if text:
            parts[key] = _text(text)
    if field.values:
        parts["values"] = _values(field)
    return span if len(parts) == 1 else _inline(parts)


def _values(field: Field) -> str:
    names = [value.name for value in field.values]
    if len(set(names)) == len(names):
        return _inline({_key(value.name): _value(value) for value in field.values})
    return f"[{', '.join(_inline({'name': _text(value.name), **_value_parts(value)}) for value in field.values)}]"


def _value(value: Value) -> str:
    parts = _value_parts(value)
    return parts["value"] if len(parts) == 1 else _inline(parts)


def _value_parts(value: Value) -> dict[str, str]:
    parts = {"value": _number_of(value)}
    if value.description:
        parts["description"] = _text(value.description)
    if value.use != "read-write":
        parts["use"] = _text(value.use)
    return parts


def _number_of(value: Value) -> str:
    if not value.any_bits:
        return str(value.value) if value.value < 10 else _number(value.value)
    return _text(value.pattern)


def _effects(device: DeviceMap) -> Iterator[str]:
    if not device.effects:
        return
    yield ""
    yield "[effects]"
    for effect in device.effects:
        parts = {"read": effect.read, "write": effect.write}
        given = {key: _text(text) for key, text in parts.items() if text is not None}
        yield f"{_key(effect.pattern)} = {_inline(given)}"


def _inline(parts: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{key} = {value}" for key, value in parts.items()) + " }"


def _key(text: str) -> str:
    return text if _BARE.match(text) else _text(text)


def _text(text: str) -> str:
    """Return a TOML basic string; TOML's escapes are JSON's, and one for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _number(number: int) -> str:
    """Return a number in hexadecimal; above 63 bits, which TOML does not hold, as a text."""
    return f"{number:#x}" if number < 2**63 else f'"{number:#x}"'
