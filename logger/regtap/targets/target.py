"""The description of a target: its registers, and the interface to map them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.maps.lookup import NO_MAPS
from regtap.maps.naming import Names, whole_registers
from regtap.registers.model import RegisterMap
from regtap.targets.presence import Presence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.maps.lookup import Maps
    from regtap.registers.model import Register
    from regtap.targets.device import Device


_NO_REGISTERS = RegisterMap()


@dataclass(frozen=True)
class Target(ABC):
    """The description of a target; nothing is open.

    Attributes:
        spec: The target as the user spelled it.
    """

    spec: str

    @property
    def registers(self) -> RegisterMap:
        """The registers with names of the target's own."""
        return _NO_REGISTERS

    @property
    def is_device(self) -> bool:
        """Whether a real bus lies behind the target: the costs of an access are then a device's, not RAM's."""
        return True

    def names(self, maps: Maps = NO_MAPS) -> Names:
        """Return the names of the target and of some maps."""
        return Names(maps, self.registers)

    def resolve(
        self, texts: Sequence[Register | str], maps: Maps = NO_MAPS, *, allow_side_effects: bool = False
    ) -> tuple[Register, ...]:
        """Return the registers for their spellings, in the same order; register objects are returned as they are.

        Args:
            texts: Addresses, names and globs; descriptions.
            maps: Maps for names that the target does not know.
            allow_side_effects: Whether registers may be read whose read changes the device, if they are named in
                full.

        Raises:
            InputError: A text is no register, two would share a column, or a read would have an effect.
            AddressError: An address is misaligned or over 64 bits.
        """
        selection = self.names(maps).select(texts, allow_side_effects=allow_side_effects)
        return whole_registers(selection)

    @abstractmethod
    def open(self, registers: Sequence[Register], *, writable: bool = False) -> Device:
        """Map the pages of the registers, and no others.

        Args:
            registers: Those to be reached; at least one.
            writable: Map for writing too; otherwise a write is impossible.

        Raises:
            AddressError: A register lies outside the target; found before anything is opened.
            RefusedError: The system said no; the message says why and what to do.
        """

    def watch(self, device: Device, registers: Sequence[Register]) -> Presence:  # noqa: ARG002
        """Return a watch over the device, to ask later for changes; the caller closes the watch.

        Args:
            device: The result of open().
            registers: Those that it was opened for.
        """
        return Presence()
