"""Signals and their values as a report spells them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap_analysis.plot.caption import printable

if TYPE_CHECKING:
    from regtap_analysis.signals.model import Signal

_DECIMAL_BELOW = 10**7


def signal_name(signal: Signal) -> str:
    """Return a register's name, or REGISTER.FIELD."""
    if signal.field is None:
        return printable(signal.register.name)
    return printable(f"{signal.register.name}.{signal.field.name}")


def value_text(signal: Signal, value: int) -> str:
    """Return a value: its name where it has one, hexadecimal where there are fields or it is long."""
    field = signal.field
    name = "" if field is None else field.name_of(value)
    is_hex = (field is None and bool(signal.register.fields)) or value >= _DECIMAL_BELOW
    number = f"{value:#x}" if is_hex else f"{value:,}"
    return f"{printable(name)} ({number})" if name else number
