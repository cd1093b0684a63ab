"""Rules about the registers of maps at an address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.doctor.findings import Finding, ok, warning
from regtap.errors import InputError
from regtap.maps.effects import own_effect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regtap.maps.lookup import Maps
    from regtap.maps.model import Entry
    from regtap.registers.model import Register


def judge(register: Register, maps: Maps) -> tuple[Finding, ...]:
    """Return a finding for each register of the maps at the address of a register."""
    found = [
        finding for entry in maps.at(register.address, register.size_bytes) for finding in _entry(entry, maps)
    ]
    return tuple(found) or (ok("map", "nothing", "no register of the maps lies here"),)


def _entry(entry: Entry, maps: Maps) -> Iterator[Finding]:
    state = f"{entry.type} at {entry.address:#x}"
    try:
        described = maps.register(entry)
    except InputError as error:
        yield warning(entry.name, state, str(error), "mend the map, or read a part of it by address")
        return
    meaning = described.description or described.access
    if effect := own_effect(described):
        yield warning(entry.name, state, effect, "add --allow-side-effects to read it all the same")
    else:
        yield ok(entry.name, state, meaning)
