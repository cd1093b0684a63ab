"""PCI: a memory BAR by its sysfs file resourceN."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import InputError, RefusedError
from regtap.system import kernel, pci
from regtap.system.kernel import PAGE_BYTES
from regtap.targets.node import Extent, NodeTarget
from regtap.targets.presence import PciPresence
from regtap.units.parse import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.registers.model import Register
    from regtap.targets.device import Device
    from regtap.targets.presence import Presence

_SPEC = re.compile(r"pci:((?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])/bar([0-5])", re.IGNORECASE)


@dataclass(frozen=True)
class PciTarget(NodeTarget):
    """A memory BAR of a PCI device; addresses count from the BAR's start.

    There is no system-call path: read() of a BAR fails, and configuration space is another set of registers.

    Attributes:
        device: Domain, bus, device and function, such as `0000:03:00.0`.
        bar: Number of the BAR.
        sys_root: Folder of the devices; another one serves tests.
    """

    device: str
    bar: int
    sys_root: str = "/sys/bus/pci/devices"

    @classmethod
    def from_spec(cls, spec: str) -> PciTarget:
        """Parse `pci:DDDD:BB:DD.F/barN` (the domain may be left out, as lspci does).

        Raises:
            InputError: It is not of that form.
        """
        match = _SPEC.fullmatch(spec)
        if match is None:
            raise InputError(
                f"{quoted(spec)} names no BAR; write pci:DDDD:BB:DD.F/barN, such as pci:0000:03:00.0/bar0"
            )
        name = match[1].lower()
        return cls(spec, name if name.count(":") == 2 else f"0000:{name}", int(match[2]))

    def watch(self, device: Device, registers: Sequence[Register]) -> Presence:  # noqa: ARG002
        """Return the watch over the PCI device; see Target.watch."""
        return PciPresence(self.device, self.sys_root)

    def _extent(self) -> Extent:
        bars = self._bars()
        self._check_kind(bars)
        self._check_power()
        bar = bars[self.bar]
        # A BAR smaller than a page need not begin on one, but its mapping does.
        return Extent(f"{self._folder}/resource{self.bar}", bar.size_bytes, shift=bar.start % PAGE_BYTES)

    @property
    def _folder(self) -> str:
        return f"{self.sys_root}/{self.device}"

    def _bars(self) -> list[pci.PciBar]:
        text = kernel.read_text(f"{self._folder}/resource")
        if text is None:
            raise self._missing()
        try:
            return pci.parse_bars(text)
        except ValueError:
            raise RefusedError(
                f"{self._folder}/resource cannot be understood", remedy="report this"
            ) from None

    def _missing(self) -> RefusedError:
        known = kernel.list_folder(self.sys_root)
        remedy = f"choose from {' '.join(known)}" if known else "this system shows no PCI devices at all"
        return RefusedError(f"there is no PCI device {self.device}", remedy=remedy)

    def _check_kind(self, bars: list[pci.PciBar]) -> None:
        usable = [f"bar{n}" for n, bar in enumerate(bars) if bar.exists and bar.is_memory]
        remedy = f"choose from {' '.join(usable)}" if usable else "this device has no memory BAR"
        bar = bars[self.bar]
        name = f"bar{self.bar} of {self.device}"
        if self.bar and bars[self.bar - 1].is_64bit:
            whole = f"bar{self.bar - 1}"
            raise RefusedError(f"{name} is the upper half of the 64-bit {whole}", remedy=f"use {whole}")
        if not bar.exists:
            raise RefusedError(f"{name} does not exist or has no address", remedy=remedy)
        if not bar.is_memory:
            raise RefusedError(f"{name} is I/O ports, which cannot be mapped", remedy=remedy)

    def _check_power(self) -> None:
        if kernel.read_text(f"{self._folder}/enable") == "0":
            raise RefusedError(
                f"PCI device {self.device} is disabled, so its BARs do not answer",
                remedy=f"as root: echo 1 > {self._folder}/enable",
            )
        state = kernel.read_text(f"{self._folder}/power_state") or ""
        if state.startswith("D3"):
            raise RefusedError(
                f"PCI device {self.device} sleeps ({state}), so its BARs do not answer",
                remedy=f"as root: echo on > {self._folder}/power/control",
            )

    def _refuse_open(self, extent: Extent, error: OSError, writable: bool) -> RefusedError:
        if error.errno == errno.ENOENT:
            return RefusedError(
                f"this kernel makes no file that maps bar{self.bar} of {self.device}",
                remedy="reach it by -t mem, or bind the device to uio_pci_generic",
                errno=error.errno,
            )
        return super()._refuse_open(extent, error, writable)

    def _refuse_map(self, extent: Extent, error: OSError, run: tuple[int, int]) -> RefusedError:
        if error.errno == errno.EPERM:
            return RefusedError(
                f"kernel lockdown ({kernel.lockdown_mode()}) forbids mapping BARs",
                remedy="boot without Secure Boot or lockdown=, or bind a UIO or VFIO driver",
                errno=error.errno,
            )
        if error.errno == errno.EINVAL:
            return RefusedError(
                f"the driver of {self.device} claims bar{self.bar} for itself (CONFIG_IO_STRICT_DEVMEM)",
                remedy=f"echo {self.device} > {self._folder}/driver/unbind, or boot with iomem=relaxed",
                errno=error.errno,
            )
        return super()._refuse_map(extent, error, run)

    def _refuse_syscall(self, register: Register, error: OSError | None) -> RefusedError:
        cause = (
            f"{self.spec} has no system call that reaches {register.name}: read() of a memory BAR gives EIO"
        )
        return RefusedError(
            cause, remedy="reach it by its mapping", errno=error.errno if error else errno.EIO
        )
