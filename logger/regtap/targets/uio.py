"""UIO: a map of /dev/uioN, described under /sys/class/uio."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import InputError, RefusedError
from regtap.system import kernel
from regtap.system.kernel import PAGE_BYTES
from regtap.system.uio import uio_range
from regtap.targets import refusals
from regtap.targets.node import Extent, NodeTarget
from regtap.targets.presence import UioPresence
from regtap.units.parse import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.registers.model import Register
    from regtap.targets.device import Device
    from regtap.targets.presence import Presence

_SPEC = re.compile(r"uio:([0-9]{1,6})(?:/([0-9]{1,3}))?")


@dataclass(frozen=True)
class UioTarget(NodeTarget):
    """One map of a UIO device; address 0 is the first byte of the device's own memory in the map.

    Attributes:
        number: N of /dev/uioN.
        map: Number of the map.
        sys_root: Folder of the devices' descriptions; another one serves tests.
        dev_root: Folder of the nodes.
    """

    number: int
    map: int = 0
    sys_root: str = "/sys/class/uio"
    dev_root: str = "/dev"

    @classmethod
    def from_spec(cls, spec: str) -> UioTarget:
        """Parse `uio:N` or `uio:N/M`.

        Raises:
            InputError: It is neither.
        """
        match = _SPEC.fullmatch(spec)
        if match is None:
            raise InputError(f"{quoted(spec)} names no UIO device; write uio:N, or uio:N/M for its map M")
        return cls(spec, int(match[1]), int(match[2] or 0))

    def watch(self, device: Device, registers: Sequence[Register]) -> Presence:  # noqa: ARG002
        """Return the watch over the UIO device; see Target.watch."""
        return UioPresence(f"{self.sys_root}/uio{self.number}")

    def _extent(self) -> Extent:
        address, offset, size = (self._attribute(name) for name in ("addr", "offset", "size"))
        # The driver takes the page offset for the number of the map, so a window starts where the map does.
        return Extent(
            f"{self.dev_root}/uio{self.number}",
            uio_range(address, offset, size).size_bytes,
            shift=self.map * PAGE_BYTES + offset,
            whole=True,
        )

    def _attribute(self, name: str) -> int:
        folder = f"{self.sys_root}/uio{self.number}/maps/map{self.map}"
        text = kernel.read_text(f"{folder}/{name}")
        if text is None:
            raise self._missing()
        try:
            return int(text, 16)
        except ValueError:
            raise RefusedError(
                f"{folder}/{name} says {quoted(text)}", remedy="check the device's driver"
            ) from None

    def _missing(self) -> RefusedError:
        device = f"{self.sys_root}/uio{self.number}"
        if not os.path.isdir(device):
            known = [f"uio:{name[3:]}" for name in kernel.list_folder(self.sys_root) if name[:3] == "uio"]
            return RefusedError(
                f"there is no UIO device {self.number}",
                remedy=_choose(known, "bind one (uio_pdrv_genirq, uio_pci_generic)"),
            )
        maps = [self._spelled(f"{device}/maps", name) for name in kernel.list_folder(f"{device}/maps")]
        return RefusedError(
            f"uio{self.number} has no map {self.map}",
            remedy=_choose(maps, "its driver offers none: use pci: or mem"),
        )

    def _spelled(self, folder: str, name: str) -> str:
        title = kernel.read_text(f"{folder}/{name}/name")
        return f"uio:{self.number}/{name[3:]}" + (f" ({title})" if title else "")

    def _refuse_open(self, extent: Extent, error: OSError, writable: bool) -> RefusedError:
        if error.errno == errno.ENOENT:
            cause = f"uio{self.number} exists, but its node {extent.node} does not"
            return RefusedError(
                cause, remedy="let udev make it, or pass it to the container", errno=error.errno
            )
        return super()._refuse_open(extent, error, writable)

    def _refuse_map(self, extent: Extent, error: OSError, run: tuple[int, int]) -> RefusedError:
        if error.errno in (errno.EINVAL, errno.ENODEV):
            cause = (
                f"the kernel cannot map map {self.map} of uio{self.number}: it is not whole pages of memory"
            )
            remedy = "round its address and size to pages in the device tree or the driver"
            return RefusedError(cause, remedy=remedy, errno=error.errno)
        return refusals.at_map(extent.node, error, run)

    def _refuse_syscall(self, register: Register, error: OSError | None) -> RefusedError:
        cause = f"{self.spec} has no system call that reaches {register.name}: read() waits for an interrupt"
        return RefusedError(cause, remedy="reach it by its mapping", errno=error.errno if error else None)


def _choose(known: list[str], otherwise: str) -> str:
    return f"choose from {' '.join(known)}" if known else otherwise
