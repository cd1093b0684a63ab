"""A target that is open already: another capture of it needs no privilege, and reaches the same device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.targets.target import Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.registers.model import Register, RegisterMap
    from regtap.targets.device import Device
    from regtap.targets.presence import Presence


@dataclass(frozen=True)
class OpenedTarget(Target):
    """Registers that are mapped already, for whoever asks a target for them; read-only.

    Attributes:
        target: The target of the registers.
        device: The result of the target's open(); it stays the owner's, and stays open in the meantime.
    """

    target: Target
    device: Device

    @property
    def registers(self) -> RegisterMap:
        """The registers that the target knows by name."""
        return self.target.registers

    @property
    def is_device(self) -> bool:
        """Whether a real bus lies behind it."""
        return self.target.is_device

    def open(self, registers: Sequence[Register], *, writable: bool = False) -> Device:
        """Return another view of the device; see Target.open.

        Raises:
            InputError: Writing was asked for.
            AddressError: The device was not opened for a register.
        """
        if writable:
            raise InputError(f"{self.spec} is open for reading only")
        for register in registers:
            self.device.locate(register)
        return self.device.lend()

    def watch(self, device: Device, registers: Sequence[Register]) -> Presence:  # noqa: ARG002
        """Return what can tell whether the device is still there; see Target.watch."""
        return self.target.watch(self.device, registers)
