"""Whether a device is still there, bound, enabled and not claimed, as the system says; no register is read.

Linux (6.1 tried) does not take a mapping away when its PCI device is removed, disabled or unbound: loads go on, and
return all ones, zeros or stale values. So each target can be asked what became of its device since it was opened.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from regtap.system import iomem
from regtap.system.files import close_unwritten
from regtap.system.kernel import read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PCI_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_PCI_ROOT = "/sys/bus/pci/devices"
_COMMAND_OFFSET, _COMMAND_MEMORY = 4, 0x2  # of configuration space, PCI Local Bus Specification 3.0, 6.2.2


class Presence:
    """The state of a device when opened. This base class is for targets without any state, and never changes.

    Made while the process has its first privileges, and asked later without them.
    """

    def changed(self) -> str:
        """Return the change of the device, such as `was removed`; empty if nothing changed."""
        return ""

    def close(self) -> None:
        """Close open files; a second call does nothing."""


class PciPresence(Presence):
    """Presence of a PCI device.

    Args:
        address: Domain, bus, device and function.
        sys_root: Folder of the devices.
    """

    def __init__(self, address: str, sys_root: str = _PCI_ROOT) -> None:
        self._folder = f"{sys_root}/{address}"
        self._identity = _identity(self._folder)
        self._driver = _driver(self._folder)
        self._decoded = _decodes_memory(self._folder)

    def changed(self) -> str:
        """Return the change of the device; see Presence.changed."""
        return self.lost() or _driver_change(self._driver, _driver(self._folder))

    def lost(self) -> str:
        """Return the reason for which the device no longer answers; empty while it answers."""
        if self._identity is None:
            return ""
        if _identity(self._folder) != self._identity:
            return "was removed"
        if read_text(f"{self._folder}/enable") == "0":
            return "was disabled (enable is 0)"
        state = read_text(f"{self._folder}/power_state") or ""
        if state.startswith("D3"):
            return f"fell asleep ({state})"
        if self._decoded and _decodes_memory(self._folder) is False:
            return "was disabled (its command register no longer decodes memory)"
        return ""


class UioPresence(Presence):
    """Presence of a UIO device.

    Args:
        folder: Its description under /sys/class/uio.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._identity = _identity(folder)
        self._parent = os.path.realpath(f"{folder}/device")
        parent, name = os.path.split(self._parent)
        self._pci = PciPresence(name, parent) if _PCI_ADDRESS.fullmatch(name) else None

    def changed(self) -> str:
        """Return the change of the device; see Presence.changed."""
        if self._identity is None:
            return ""
        if _identity(self._folder) == self._identity:
            return "" if self._pci is None else self._pci.lost()
        if not os.path.isdir(self._parent):
            return "was removed"
        driver = _driver(self._parent)
        return "was unbound from UIO" + (f", and is claimed by the driver {driver}" if driver else "")


class MemPresence(Presence):
    """Presence of physical addresses.

    Args:
        ranges: First address and the one after the last, of each register.
        listing: The kernel's list of who owns which addresses; kept open, because it shows addresses to whoever could
            see them when it was opened.
        pci_root: Folder of the PCI devices.
    """

    def __init__(
        self, ranges: Sequence[tuple[int, int]], listing: str = iomem.IOMEM, pci_root: str = _PCI_ROOT
    ) -> None:
        self._ranges = tuple(ranges)
        self._fd: int | None = None
        with contextlib.suppress(OSError):
            self._fd = os.open(listing, os.O_RDONLY | os.O_CLOEXEC)
        self._owners = self._look()
        names = {name for owners in self._owners for name in owners if _PCI_ADDRESS.fullmatch(name)}
        self._devices = {name: PciPresence(name, pci_root) for name in sorted(names)}

    def changed(self) -> str:
        """Return the change of the addresses; see Presence.changed."""
        for name, device in self._devices.items():
            if lost := device.lost():
                return f"lost its device: {name} {lost}"
        for before, now in zip(self._owners, self._look(), strict=True):
            if claimed := [name for name in now if name not in before]:
                return f"is claimed by {claimed[-1]!r}"
            if gone := [name for name in before if name not in now]:
                return f"is no longer listed as {gone[-1]!r} in /proc/iomem"
        return ""

    def close(self) -> None:
        """Close the kernel's list; a second call does nothing."""
        fd, self._fd = self._fd, None
        if fd is not None:
            close_unwritten(fd)

    def _look(self) -> tuple[tuple[str, ...], ...]:
        resources = iomem.parse_iomem(_reread(self._fd))
        return tuple(
            tuple(owner.name for owner in iomem.owning_resources(resources, first, end))
            for first, end in self._ranges
        )


class ProcessPresence(Presence):
    """Presence of a simulated device, which lives as long as its process.

    Args:
        is_alive: Whether the process lives.
        fd: What `is_alive` needs open, and close() closes; None: nothing.
    """

    def __init__(self, is_alive: Callable[[], bool], fd: int | None = None) -> None:
        self._is_alive = is_alive
        self._fd = fd

    def changed(self) -> str:
        """Return the change of the process; see Presence.changed."""
        return "" if self._is_alive() else "has ended: its process is gone, and its registers stand still"

    def close(self) -> None:
        """Close the file behind `is_alive`; a second call does nothing."""
        fd, self._fd = self._fd, None
        if fd is not None:
            close_unwritten(fd)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _driver(folder: str) -> str:
    try:
        return os.path.basename(os.readlink(f"{folder}/driver"))
    except OSError:
        return ""


def _driver_change(before: str, now: str) -> str:
    if before == now:
        return ""
    return f"is claimed by the driver {now}" if now else f"was unbound from its driver {before}"


def _decodes_memory(folder: str) -> bool | None:
    """Return whether a PCI device decodes memory accesses, or None if unreadable."""
    try:
        fd = os.open(f"{folder}/config", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        command = os.pread(fd, 2, _COMMAND_OFFSET)
    except OSError:
        return None
    finally:
        os.close(fd)
    return bool(int.from_bytes(command, "little") & _COMMAND_MEMORY) if len(command) == 2 else None


def _reread(fd: int | None) -> str:
    """Return the whole text of an open file of the kernel's."""
    pieces: list[bytes] = []
    if fd is None:
        return ""
    with contextlib.suppress(OSError):
        os.lseek(fd, 0, os.SEEK_SET)
        while piece := os.read(fd, 65_536):
            pieces.append(piece)
    return b"".join(pieces).decode(errors="replace")
