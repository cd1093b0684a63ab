"""Registers, as the native loop reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap import _native

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.registers.model import Register
    from regtap.targets.device import Device


def channels_of(
    device: Device, registers: Sequence[Register]
) -> list[tuple[_native.Window, int, _native.Kind]]:
    """Return where the native loops find registers; keep the device open while they run."""
    return [(*device.locate(register), _native.Kind[register.type]) for register in registers]
