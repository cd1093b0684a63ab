"""Adds descriptions of a map to registers that were recorded without one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from regtap.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regtap.maps.lookup import Maps
    from regtap.registers.model import Register


def annotated(registers: Iterable[Register], maps: Maps) -> tuple[Register, ...]:
    """Return registers with the descriptions that maps have for the same name or, failing that, the same address.

    Names, addresses and types stay: they say how the values were read.
    """
    return tuple(_annotated(register, maps) for register in registers) if maps else tuple(registers)


def _annotated(register: Register, maps: Maps) -> Register:
    found = _described(register, maps)
    return (
        register
        if found is None
        else replace(
            found, name=register.name, address=register.address, type=register.type, high=register.high
        )
    )


def _described(register: Register, maps: Maps) -> Register | None:
    here = [entry for entry in maps.at(register.address) if entry.address == register.address]
    for entry in sorted(here, key=lambda entry: entry.name != register.name):
        try:
            described = maps.register(entry)
        except InputError:  # it cannot be accessed as the map has it, so that it is not what was read
            continue
        if described.width_bytes == register.width_bytes and described.high == register.high:
            return described
    return None
