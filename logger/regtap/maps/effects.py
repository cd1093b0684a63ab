"""Side effects of reads and writes on the device, as far as maps know them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.errors import InputError, SideEffectError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regtap.maps.lookup import Maps
    from regtap.registers.model import Field, Register

_UNREADABLE = ("write-only", "write-once")
_ONCE = ("write-once", "read-write-once")


def own_effect(register: Register) -> str:
    """Return the known effect of a read of a register, in words; empty: no effect is known."""
    if register.read_effect:
        return f"a read of {register.name} {register.read_effect}"
    field = next((field for field in register.fields if field.read_effect), None)
    return "" if field is None else f"a read of {register.name}.{field.name} {field.read_effect}"


def read_effect(register: Register, maps: Maps) -> str:
    """Return the known effect of a read of a register, or of another register at the same address, in words."""
    return own_effect(register) or next(
        (
            effect
            for load in register.loads
            if (effect := effect_between(load.address, load.size_bytes, maps, register.name))
        ),
        "",
    )


def effect_between(address: int, size_bytes: int, maps: Maps, but: str = "") -> str:
    """Return the known effects of a read of a range of addresses, in words.

    Args:
        address: First address of the range.
        size_bytes: Its length.
        maps: The maps that know the registers of the range.
        but: The name of a register that was looked at already.
    """
    for entry in maps.at(address, size_bytes):
        if entry.name == but:
            continue
        try:
            effect = own_effect(maps.register(entry))
        except InputError:  # it cannot be accessed by itself, and what it says of reads holds all the same
            effect = f"a read of {entry.name} {entry.node.read_effect}" if entry.node.read_effect else ""
        if effect:
            return effect
    return ""


def check_read(register: Register, maps: Maps, *, is_full: bool, allowed: bool) -> None:
    """Check that a register may be read: a read with a known effect must be allowed, and the register named in full.

    Args:
        register: The register to be read.
        maps: The maps that know the register, and others at its address.
        is_full: Whether the user gave the register's full name, or its address.
        allowed: Whether the user allows side effects.

    Raises:
        SideEffectError: The read has a known effect, and the register was not both named in full and allowed.
    """
    effect = read_effect(register, maps)
    if not effect or (is_full and allowed):
        return
    how = "add" if is_full else f"name it in full ({register.name}) and add"
    raise SideEffectError(
        f"{effect}, so that nothing was read; to read it all the same, {how} --allow-side-effects",
        register=register.name,
        effect=effect,
    )


def check_write_back(register: Register, field: Field) -> None:
    """Check that a read-modify-write of a field leaves the other bits of its register as they are.

    Raises:
        InputError: Another field cannot be read, or has an effect when its value is written back.
    """
    reason = next(_reasons(register, field), "")
    if reason:
        raise InputError(
            f"{register.name}.{field.name} cannot be written alone: {reason}; "
            "give the value of the other bits, with --others VALUE, and nothing is read"
        )


def _reasons(register: Register, field: Field) -> Iterator[str]:
    if register.access in _UNREADABLE:
        yield f"{register.name} is {register.access}, so that its other bits cannot be read"
    if register.access in _ONCE:
        yield f"{register.name} is {register.access}"
    if register.write_effect:
        yield f"{register.name} acts on being written back ({register.write_effect})"
    for other in register.fields:
        if other is field:
            continue
        if other.access in _UNREADABLE:
            yield f"{other.name} is {other.access}, so that its bits cannot be read"
        elif other.access in _ONCE:
            yield f"{other.name} is {other.access}"
        elif other.write_effect:
            yield f"{other.name} acts on being written back ({other.write_effect})"
