"""`regtap write`: one store, and for a field one load before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from regtap.cli.names import maps_of
from regtap.cli.options import allow_side_effects_option, map_option, target_option
from regtap.cli.output import ExitCode, print_error, print_line
from regtap.errors import InputError
from regtap.maps.decode import parse_field_value, spell_number
from regtap.maps.effects import check_read, check_write_back
from regtap.targets import parse_target
from regtap.units.parse import parse_integer

if TYPE_CHECKING:
    from regtap.maps.lookup import Maps
    from regtap.maps.naming import Chosen
    from regtap.registers.model import Field, Register
    from regtap.targets.device import Device


@dataclass(frozen=True, slots=True)
class _Store:
    """The order to write a register or a field.

    Attributes:
        register: The register to write.
        bits: The value, in its place in the register.
        mask: The bits that the user named.
        field: The field that the user named, or None for the whole register.
        others: The other bits, or None where they are to be read and written back.
    """

    register: Register
    bits: int
    mask: int
    field: Field | None = None
    others: int | None = 0

    def value(self, other_bits: int) -> int:
        """Return the value to store, given the register's other bits."""
        return (other_bits & ~self.mask) | self.bits


@click.command(short_help="Write a register by one store, or a field of it.")
@target_option
@map_option
@click.option("--verify", is_flag=True, help="Read the register back; exit code 1 if it differs.")
@click.option(
    "--others",
    "others_text",
    metavar="VALUE",
    help="For a field: the register's other bits, so that nothing is read.",
)
@allow_side_effects_option
@click.argument("text", metavar="REGISTER[.FIELD]")
@click.argument("value_text", metavar="VALUE")
def write(  # noqa: PLR0917 - one parameter for each option
    target_text: str,
    map_texts: tuple[str, ...],
    verify: bool,
    others_text: str | None,
    allow_side_effects: bool,
    text: str,
    value_text: str,
) -> int:
    """Write VALUE to REGISTER by exactly one store of its width; nothing is read unless --verify asks for it.

    REGISTER is ADDRESS[:TYPE] or a name that a map or the target knows; VALUE is decimal or 0x hexadecimal.

    REGISTER.FIELD reads the register once, changes the field's bits and writes it back once; VALUE may be the name
    of a value. It is refused where the read has an effect, or where the other bits act on being written back
    (write-one-to-clear and its kin). With --others the other bits are given, and nothing is read.
    """
    target = parse_target(target_text)
    names = target.names(maps_of(map_texts))
    chosen = names.one(text)
    register = chosen.register
    if not register.is_writable:
        raise InputError(f"{register.name} is {register.access}; write to its address if you mean it")
    store = _store(chosen, value_text, others_text)
    if verify or store.others is None:
        _check_read(chosen, names.maps, allow_side_effects)
    with target.open([register], writable=True) as device:
        value = _write(store, device)
        return _verify(store, value, device) if verify else ExitCode.OK


def _store(chosen: Chosen, value_text: str, others_text: str | None) -> _Store:
    """Return the order of the command line, after all checks that need no device."""
    register, field = chosen.register, chosen.field
    if field is None:
        if others_text is not None:
            raise InputError(f"--others is for a field, and {register.name} is a whole register")
        value = parse_integer(value_text, "value")
        register.check_value(value)
        return _Store(register, value, (1 << 8 * register.width_bytes) - 1)
    if field.access == "read-only":
        raise InputError(f"{chosen.name} is read-only; write to the register's address if you mean it")
    bits = parse_field_value(value_text, field, chosen.name) << field.lsb
    if others_text is not None:
        others = parse_integer(others_text, "value of --others")
        register.check_value(others)
        return _Store(register, bits, field.mask, field, others)
    if field.bits == 8 * register.width_bytes:
        return _Store(register, bits, field.mask, field)
    check_write_back(register, field)
    return _Store(register, bits, field.mask, field, None)


def _check_read(chosen: Chosen, maps: Maps, allow_side_effects: bool) -> None:
    check_read(chosen.register, maps, is_full=chosen.is_full, allowed=allow_side_effects)


def _write(store: _Store, device: Device) -> int:
    """Store the value and return it; for a field, read the register before if its other bits are not known."""
    register, field = store.register, store.field
    where, digits = f"{register.name} at {register.address:#x}", 2 + 2 * register.width_bytes
    if store.others is None:
        found = device.read(register)
        value = store.value(found)
        device.write(register, value)
        assert field is not None  # noqa: S101 - only for a field the others are unknown
        change = f"{spell_number(field, field.extract(found))} -> {spell_number(field, field.extract(value))}"
        print_line(f"read {found:#0{digits}x}, wrote {value:#0{digits}x} to {where}: {field.label} {change}")
        return value
    value = store.value(store.others)
    device.write(register, value)
    part = "" if field is None else f": {field.label} {spell_number(field, field.extract(value))}"
    print_line(f"wrote {value:#0{digits}x} to {where}{part}")
    return value


def _verify(store: _Store, value: int, device: Device) -> int:
    """Read the register back and compare the register or field that the user named."""
    register, digits = store.register, 2 + 2 * store.register.width_bytes
    found = device.read(register)
    if found & store.mask == value & store.mask:
        print_line(f"read back {found:#0{digits}x}")
        return ExitCode.OK
    where = f"{register.name} at {register.address:#x}"
    print_error(f"{where} holds {found:#0{digits}x} after {value:#0{digits}x} was written to it")
    return ExitCode.FINDING
