"""Finds faults of a map: contradictions, and registers that no access can reach."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.maps.model import (
    Fault,
    Group,
    RegisterNode,
    all_entries,
    check_fields,
    entries_by_address,
    misfit,
)
from regtap.units.format import count_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from regtap.maps.model import DeviceMap, Entry, Member
    from regtap.registers.model import Field


def find_faults(device: DeviceMap) -> list[Fault]:
    """Return the faults of a map, in its order: of names, arrays, registers, fields, and overlaps."""
    found = [*_group_faults(device.root, "")]
    seen: set[int] = set()
    for entry in all_entries(device):
        if id(entry.node) not in seen:
            seen.add(id(entry.node))
            found += _register_faults(entry)
    return [*found, *_overlaps(device)]


def _group_faults(group: Group, prefix: str) -> Iterator[Fault]:
    names: set[str] = set()
    for member in group.members:
        where = f"{prefix}{member.name}"
        if member.name in names:
            yield Fault(where, "its name is there twice, so that it can be reached by address only")
        names.add(member.name)
        length = _length(member)
        if member.repeat is not None and member.count > 1 and length > member.repeat.step:
            step = f"{length:#x} bytes long, and the next one begins {member.repeat.step:#x} bytes after it"
            yield Fault(where, f"each is {step}")
        if isinstance(member, Group):
            yield from _group_faults(member, f"{where}.")


def _length(member: Member) -> int:
    """Return how many bytes one of an array takes."""
    if isinstance(member, RegisterNode):
        return member.span_bytes
    ends = [inner.offset_at(inner.count - 1) + _length(inner) for inner in member.members]
    return max(ends, default=0)


def _register_faults(entry: Entry) -> Iterator[Fault]:
    node = entry.node
    try:
        fields = node.fields
        check_fields(entry.name, node.bits, fields)
        entry.register()
    except InputError as error:
        yield Fault(entry.name, str(error))
        return
    if node.bits not in (8, 16, 32, 64):
        yield Fault(entry.name, f"it is {count_of(node.bits, 'bit')} wide, and is read by {node.access_bits}")
    if node.reset is not None and node.reset >> node.bits:
        yield Fault(
            entry.name, f"its reset value {node.reset:#x} does not fit its {count_of(node.bits, 'bit')}"
        )
    yield from _field_faults(entry.name, fields)


def _field_faults(name: str, fields: Iterable[Field]) -> Iterator[Fault]:
    taken = 0
    for field in fields:
        where = f"{name}.{field.label}"
        if taken & field.mask:
            yield Fault(where, "it shares bits with another field")
        taken |= field.mask
        if field.read_effect and field.access == "write-only":
            yield Fault(where, "it is write-only, and a read has an effect")
        if value := misfit(field):
            yield Fault(
                where, f"value {value.name} ({value.value:#x}) does not fit; no name of its values is used"
            )
        numbers = [(value.use, value.value, value.any_bits) for value in field.values]
        if len(set(numbers)) != len(numbers):
            yield Fault(where, "a number has two names")


def _overlaps(device: DeviceMap) -> Iterator[Fault]:
    for first, second in pairwise(entries_by_address(device.root, base=device.root.offset)):
        if second.address < first.end:
            yield Fault(second.name, f"it overlaps {first.name} at {second.address:#x}")
