"""UIO and PCI devices, as sysfs describes them; opening a device may change the device, so none is opened."""

from __future__ import annotations

import os
from dataclasses import dataclass

from regtap.doctor.nodes import Node, inspect_node
from regtap.system import kernel, pci
from regtap.system.uio import uio_range

_UIO = "/sys/class/uio"
_PCI = "/sys/bus/pci/devices"


@dataclass(frozen=True, slots=True)
class UioMap:
    """A map of a UIO device.

    Attributes:
        number: M of uio:N/M.
        name: The driver's word for it.
        first: Physical address of its first register.
        size_bytes: How much it holds.
        is_mappable: Whether it is whole pages, which the kernel insists on.
    """

    number: int
    name: str
    first: int
    size_bytes: int
    is_mappable: bool


@dataclass(frozen=True, slots=True)
class UioDevice:
    """A UIO device; `number` is N of uio:N and of its node /dev/uioN."""

    number: int
    name: str
    node: Node
    maps: tuple[UioMap, ...] = ()


@dataclass(frozen=True, slots=True)
class Bar:
    """A memory BAR with an address."""

    number: int
    first: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class PciDevice:
    """A PCI device.

    Attributes:
        address: Domain, bus, device and function, such as `0000:03:00.0`.
        ids: Vendor and device, such as `1234:11e8`.
        driver: The one that is bound to it, or None.
        enabled: Whether its BARs answer.
        power_state: Such as `D0`; `unknown` where the kernel does not say.
        bars: Its memory BARs.
        has_files: Whether the kernel makes the files that map them.
        readable: Whether the mode of those files lets this process map them.
    """

    address: str
    ids: str
    driver: str | None = None
    enabled: bool = True
    power_state: str = "D0"
    bars: tuple[Bar, ...] = ()
    has_files: bool = True
    readable: bool = True

    @property
    def asleep(self) -> bool:
        """Whether the device is in a power state without answers from its BARs (D3)."""
        return self.power_state.startswith("D3")

    @property
    def answers(self) -> bool:
        """Whether its BARs answer at all."""
        return self.enabled and not self.asleep


def uio_devices(root: str = "") -> tuple[UioDevice, ...]:
    """Return the UIO devices in the order of their numbers."""
    names = [name for name in kernel.list_folder(root + _UIO) if name[3:].isdecimal()]
    return tuple(_uio_device(root, int(name[3:])) for name in sorted(names, key=lambda name: int(name[3:])))


def _uio_device(root: str, number: int) -> UioDevice:
    folder = f"{root}{_UIO}/uio{number}"
    names = [name for name in kernel.list_folder(f"{folder}/maps") if name[3:].isdecimal()]
    found = (_uio_map(f"{folder}/maps/{name}", int(name[3:])) for name in names)
    return UioDevice(
        number,
        kernel.read_text(f"{folder}/name") or "?",
        inspect_node(f"{root}/dev/uio{number}", shown_as=f"/dev/uio{number}"),
        tuple(uio_map for uio_map in found if uio_map is not None),
    )


def _uio_map(folder: str, number: int) -> UioMap | None:
    address, offset, size = (_hexadecimal(f"{folder}/{name}") for name in ("addr", "offset", "size"))
    if address is None or offset is None or size is None:
        return None
    return UioMap(number, kernel.read_text(f"{folder}/name") or "", *uio_range(address, offset, size))


def pci_devices(root: str = "") -> tuple[PciDevice, ...]:
    """Return the PCI devices with a memory BAR, in the order of their addresses."""
    found = (_pci_device(f"{root}{_PCI}/{name}", name) for name in kernel.list_folder(root + _PCI))
    return tuple(device for device in found if device.bars)


def _pci_device(folder: str, address: str) -> PciDevice:
    bars = _bars(f"{folder}/resource")
    vendor, device = (kernel.read_text(f"{folder}/{name}") or "" for name in ("vendor", "device"))
    files = [f"{folder}/resource{bar.number}" for bar in bars]
    return PciDevice(
        address,
        f"{vendor.removeprefix('0x')}:{device.removeprefix('0x')}",
        _link_name(f"{folder}/driver"),
        enabled=kernel.read_text(f"{folder}/enable") != "0",
        power_state=kernel.read_text(f"{folder}/power_state") or "unknown",
        bars=bars,
        has_files=all(os.path.exists(path) for path in files),
        readable=all(os.access(path, os.R_OK, effective_ids=True) for path in files),
    )


def _bars(path: str) -> tuple[Bar, ...]:
    try:
        bars = pci.parse_bars(kernel.read_text(path) or "")
    except ValueError:
        return ()
    return tuple(
        Bar(number, bar.start, bar.size_bytes)
        for number, bar in enumerate(bars)
        if bar.exists and bar.is_memory
    )


def _link_name(path: str) -> str | None:
    try:
        return os.path.basename(os.readlink(path))
    except OSError:
        return None


def _hexadecimal(path: str) -> int | None:
    try:
        return int(kernel.read_text(path) or "", 16)
    except ValueError:
        return None
