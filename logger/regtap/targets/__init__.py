"""Targets: devices and files to map, by their spelling on the command line."""

from __future__ import annotations

from collections.abc import Sequence

from regtap.errors import InputError
from regtap.registers.model import Register
from regtap.system.kernel import PAGE_BYTES
from regtap.targets.file import FileTarget
from regtap.targets.mem import MemTarget
from regtap.targets.node import Extent, NodeTarget
from regtap.targets.pci import PciTarget
from regtap.targets.target import Target
from regtap.targets.uio import UioTarget
from regtap.units.parse import quoted

__all__ = [
    "PAGE_BYTES",
    "SPELLINGS",
    "Extent",
    "FileTarget",
    "MemTarget",
    "NodeTarget",
    "PciTarget",
    "Target",
    "UioTarget",
    "as_registers",
    "parse_target",
]

SPELLINGS = ("mem", "uio:N", "uio:N/M", "pci:DDDD:BB:DD.F/barN", "file:PATH", "sim", "sim:PATH")


def as_registers(registers: object) -> list[Register | str]:
    """Return one register, or several, as a list for Target.resolve().

    Raises:
        InputError: Something in it is neither a Register nor a text.
    """
    several = (
        registers
        if isinstance(registers, Sequence) and not isinstance(registers, str | bytes)
        else [registers]
    )
    chosen = [register for register in several if isinstance(register, Register | str)]
    if len(chosen) != len(several):
        wrong = next(register for register in several if not isinstance(register, Register | str))
        raise InputError(f"{wrong!r} is no register; write a text such as 'NAME=0x10:u32', or a Register")
    return chosen


def parse_target(text: str) -> Target:
    """Return the target for its spelling; nothing is opened or looked at.

    Raises:
        InputError: No target is spelled so; the message lists the spellings.
    """
    if not isinstance(text, str):
        raise InputError(
            f"a target is a text, not {text!r}; write {', '.join(SPELLINGS[:-1])} or {SPELLINGS[-1]}"
        )
    kind, colon, _ = text.partition(":")
    if text == "mem":
        return MemTarget(text)
    if kind == "sim":
        from regtap.targets.sim import SimTarget

        return SimTarget.from_spec(text)
    parse = {"uio": UioTarget.from_spec, "pci": PciTarget.from_spec, "file": FileTarget.from_spec}.get(kind)
    if parse is None or not colon:
        raise InputError(
            f"unknown target {quoted(text)}; write {', '.join(SPELLINGS[:-1])} or {SPELLINGS[-1]}"
        )
    return parse(text)
