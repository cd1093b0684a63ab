"""Targets: what can be mapped, and how a person spells it."""

from __future__ import annotations

from regtap.errors import InputError
from regtap.targets.file import FileTarget
from regtap.targets.mem import MemTarget
from regtap.targets.node import PAGE_BYTES, NodeTarget, Place
from regtap.targets.pci import PciTarget
from regtap.targets.target import Target
from regtap.targets.uio import UioTarget
from regtap.units.parse import quoted

__all__ = [
    "PAGE_BYTES",
    "SPELLINGS",
    "FileTarget",
    "MemTarget",
    "NodeTarget",
    "PciTarget",
    "Place",
    "Target",
    "UioTarget",
    "parse_target",
]

SPELLINGS = ("mem", "uio:N", "uio:N/M", "pci:DDDD:BB:DD.F/barN", "file:PATH", "sim", "sim:PATH")


def parse_target(text: str) -> Target:
    """Return the target that a person means; nothing is opened or looked at.

    Raises:
        InputError: No target is spelled so; the message lists the spellings.
    """
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
