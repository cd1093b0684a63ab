"""Registers as channels of the native loops."""

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
    """Return each register's channel: its window, its offset there and its kind.

    Keep the device open while a native loop runs on the channels.
    """
    return [(*device.locate(register), _native.Kind[register.type]) for register in registers]
