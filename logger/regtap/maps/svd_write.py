"""Writes a map as CMSIS-SVD, for other tools."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from regtap.maps.model import Group, RegisterNode
from regtap.maps.svd_fields import READ_EFFECTS, WRITE_EFFECTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regtap.maps.model import DeviceMap, Node
    from regtap.registers.model import Field, Value

_READ_ACTIONS = {text: word for word, text in READ_EFFECTS.items()}
_WRITE_ACTIONS = {word: action for action, word in WRITE_EFFECTS.items() if word}
_ACCESSES = {"write-once": "writeOnce", "read-write-once": "read-writeOnce"}


def write_svd(device: DeviceMap, block: str = "") -> bytes:
    """Return a map as CMSIS-SVD.

    SVD has no words for a device that swaps bytes, for registers that change by themselves, or for what exactly a
    read does; a read effect in other words becomes `modify`.

    Args:
        device: The map.
        block: Name of the peripheral for registers outside of blocks; empty: the device's name.
    """
    blocks = [member for member in device.root.members if isinstance(member, Group)]
    loose = tuple(member for member in device.root.members if isinstance(member, RegisterNode))
    if loose:
        blocks.append(Group(name=block or device.name.upper() or "DEVICE", offset=0, members=loose))
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<device schemaVersion="1.3">',
        *_texts(
            name=device.name or "device", version="1.0", description=device.root.description or device.name
        ),
        *_texts(addressUnitBits="8", width="64"),
        "<peripherals>",
    ]
    for member in blocks:
        lines += ["<peripheral>", *_node(member, "baseAddress", device.root.offset)]
        lines += ["<registers>", *_members(member), "</registers>", "</peripheral>"]
    return "\n".join([*lines, "</peripherals>", "</device>", ""]).encode("utf-8", "replace")


def _members(group: Group) -> Iterator[str]:
    for member in group.members:
        if isinstance(member, Group):
            yield "<cluster>"
            yield from _node(member, "addressOffset")
            yield from _members(member)
            yield "</cluster>"
        else:
            yield "<register>"
            yield from _node(member, "addressOffset")
            yield from _register(member)
            yield "</register>"


def _node(node: Node, key: str, base: int = 0) -> Iterator[str]:
    if node.repeat is not None:
        labels = ",".join(node.repeat.labels) or None
        yield from _texts(dim=str(node.repeat.count), dimIncrement=f"{node.repeat.step:#x}", dimIndex=labels)
    yield from _texts(name=node.name, description=node.description or None)
    yield from _texts(**{key: f"{base + node.offset:#x}"})


def _register(node: RegisterNode) -> Iterator[str]:
    yield from _texts(
        size=str(node.bits),
        access=_ACCESSES.get(node.access, node.access),
        resetValue=None if node.reset is None else f"{node.reset:#x}",
        **_effects(node.read_effect, node.write_effect),
    )
    if node.fields:
        yield "<fields>"
        for field in node.fields:
            yield from _field(field)
        yield "</fields>"


def _effects(read: str, write: str) -> dict[str, str | None]:
    return {
        "modifiedWriteValues": _WRITE_ACTIONS.get(write, "modify") if write else None,
        "readAction": _READ_ACTIONS.get(read, "modify") if read else None,
    }


def _field(field: Field) -> Iterator[str]:
    yield "<field>"
    yield from _texts(
        name=field.name,
        description=field.description or None,
        bitOffset=str(field.lsb),
        bitWidth=str(field.bits),
        access=_ACCESSES.get(field.access, field.access) or None,
        **_effects(field.read_effect, field.write_effect),
    )
    uses = dict.fromkeys(value.use for value in field.values) or (
        {"read-write": None} if field.otherwise else {}
    )
    for use in uses:
        yield from _values(field, use)
    yield "</field>"


def _values(field: Field, use: str) -> Iterator[str]:
    yield "<enumeratedValues>"
    yield from _texts(usage=use)
    for value in field.values:
        if value.use == use:
            description = value.description or None
            yield "<enumeratedValue>"
            yield from _texts(name=value.name, description=description, value=_number(value, field.bits))
            yield "</enumeratedValue>"
    if field.otherwise and use != "write":
        yield "<enumeratedValue>"
        yield from _texts(name=field.otherwise, isDefault="true")
        yield "</enumeratedValue>"
    yield "</enumeratedValues>"


def _number(value: Value, bits: int) -> str:
    if not value.any_bits:
        return f"{value.value:#x}"
    shown = (2 * (value.any_bits >> at & 1) + (value.value >> at & 1) for at in reversed(range(bits)))
    return "#" + "".join("01xx"[bit] for bit in shown)


def _texts(**texts: str | None) -> Iterator[str]:
    for tag, text in texts.items():
        if text is not None:
            yield f"<{tag}>{_escaped(text)}</{tag}>"


def _escaped(text: str) -> str:
    """Return a text for XML, without the control characters that XML cannot hold."""
    return escape("".join(c if c.isprintable() or c == " " else "\ufffd" for c in text))
