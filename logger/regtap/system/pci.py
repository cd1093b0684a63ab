"""PCI functions, as sysfs describes them."""

from __future__ import annotations

from typing import NamedTuple

_BARS = 6  # PCI Local Bus Specification 3.0, 6.1: base address registers of a type 0 header
# include/linux/ioport.h
_IORESOURCE_IO = 0x100
_IORESOURCE_MEM_64 = 0x100000


class PciBar(NamedTuple):
    """A line of a PCI device's sysfs file `resource`."""

    start: int
    end: int
    flags: int

    @property
    def exists(self) -> bool:
        """Whether the device has this BAR, with an address."""
        return self.end > self.start

    @property
    def is_memory(self) -> bool:
        """Whether the BAR is memory, and not I/O ports."""
        return not self.flags & _IORESOURCE_IO

    @property
    def is_64bit(self) -> bool:
        """Whether the next BAR is its upper half."""
        return bool(self.flags & _IORESOURCE_MEM_64)

    @property
    def size_bytes(self) -> int:
        """The size of the BAR in the address space."""
        return self.end - self.start + 1


def parse_bars(text: str) -> list[PciBar]:
    """Return the six BARs of a PCI device, from its file `resource`.

    Raises:
        ValueError: It cannot be understood.
    """
    rows = [[int(number, 16) for number in line.split()] for line in text.splitlines()[:_BARS]]
    if len(rows) < _BARS or any(len(row) != len(PciBar._fields) for row in rows):
        raise ValueError("not six lines of three numbers")
    return [PciBar(*row) for row in rows]
