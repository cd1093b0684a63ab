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

    Raises:
        InputError: A register is a pair.
    """
    return [(*device.locate(register), _native.Kind[register.type]) for register in registers]


def paired_channels_of(
    device: Device, registers: Sequence[Register]
) -> tuple[list[tuple[_native.Window, int, _native.Kind]], list[tuple[int, _native.Window, int]]]:
    """Return channels for a loop that reads pairs, and the upper half of each pair: channel, window and offset."""
    channels = [(*device.locate(register.loads[0]), _native.Kind[register.kind]) for register in registers]
    halves = [(number, it.loads[1]) for number, it in enumerate(registers) if it.high is not None]
    return channels, [(number, *device.locate(half)) for number, half in halves]
