"""Spelling of registers on the command line."""

from __future__ import annotations

from regtap.errors import InputError
from regtap.registers.model import PAIR, Register, RegisterMap, default_name
from regtap.units.parse import parse_integer, quoted


def parse_register(text: str, known: RegisterMap | None = None) -> Register:
    """Return the register that a text names or spells.

    Args:
        text: `ADDRESS[:TYPE]`, `NAME=ADDRESS[:TYPE]`, `NAME=LOW/HIGH:u64pair`, or a name of `known`.
        known: The target's register map.

    Raises:
        InputError: The text has none of these forms; the message lists the known names.
        AddressError: The address is misaligned or over 64 bits.
    """
    if known is not None and text in known:
        return known[text]
    name, equals, place = text.rpartition("=")
    address_text, colon, type_name = place.partition(":")
    if not address_text[:1].isdigit() or (equals and not name):
        raise InputError(_not_a_register(text, known))
    if "/" in address_text or type_name == PAIR:
        return _pair(name, address_text, type_name)
    address = parse_integer(address_text, "address")
    return Register(name or default_name(address), address, type_name if colon else "u32")


def _pair(name: str, addresses: str, type_name: str) -> Register:
    low_text, slash, high_text = addresses.partition("/")
    if not slash or type_name != PAIR:
        raise InputError(
            f"{quoted(addresses)} is of type {quoted(type_name or 'u32')}; two halves of a counter are "
            f"NAME=LOW/HIGH:{PAIR}, and a single register has one address"
        )
    low, high = (parse_integer(half, "address") for half in (low_text, high_text))
    return Register(name or default_name(low), low, PAIR, high=high)


def _not_a_register(text: str, known: RegisterMap | None) -> str:
    names = f", or one of {' '.join(known)}" if known else ""
    return f"unknown register {quoted(text)}; write ADDRESS[:TYPE] or NAME=ADDRESS[:TYPE]{names}"
