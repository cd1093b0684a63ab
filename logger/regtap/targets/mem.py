"""Physical memory: /dev/mem."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import RefusedError
from regtap.system import iomem, kernel
from regtap.targets import refusals
from regtap.targets.node import Extent, NodeTarget
from regtap.targets.presence import MemPresence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.registers.model import Register
    from regtap.targets.device import Device
    from regtap.targets.presence import Presence

_ELSEWHERE = "reach the device as uio:N or pci:DDDD:BB:DD.F/barN"


@dataclass(frozen=True)
class MemTarget(NodeTarget):
    """Physical addresses through /dev/mem, opened with O_SYNC for uncached mappings of devices.

    pread is not a general way to a device: the kernel answers it for RAM only on most systems, and where
    both work they may disagree.

    Attributes:
        node: The device node; another one serves tests.
    """

    node: str = "/dev/mem"

    def watch(self, device: Device, registers: Sequence[Register]) -> Presence:  # noqa: ARG002
        """Return the watch over the owners of the addresses; see Target.watch."""
        return MemPresence(
            [(register.address, register.address + register.width_bytes) for register in registers]
        )

    def _extent(self) -> Extent:
        # mmap and pread take a signed 64-bit offset; no physical address comes near it.
        return Extent(self.node, length=2**63, has_syscalls=True)

    def _refuse_open(self, extent: Extent, error: OSError, writable: bool) -> RefusedError:
        if error.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
            cause = (
                f"this kernel has no {self.node} (built without CONFIG_DEVMEM, or hidden from this container)"
            )
            return RefusedError(cause, remedy=_ELSEWHERE, errno=error.errno)
        if error.errno == errno.EACCES:  # the group alone is not enough: CAP_SYS_RAWIO is needed too
            return refusals.no_permission(self.node, error, writable=writable, group_helps=False)
        if error.errno == errno.EPERM:
            cause, remedy = _forbidden_open(self.node)
            return RefusedError(cause, remedy=remedy, errno=error.errno)
        return super()._refuse_open(extent, error, writable)

    def _refuse_map(self, extent: Extent, error: OSError, run: tuple[int, int]) -> RefusedError:
        explain = {errno.EPERM: _forbidden_pages, errno.EINVAL: _impossible_pages}.get(error.errno or 0)
        if explain is None:
            return super()._refuse_map(extent, error, run)
        cause, remedy = explain(*run)
        return RefusedError(cause, remedy=remedy, errno=error.errno)

    def _refuse_syscall(self, register: Register, error: OSError | None) -> RefusedError:
        where = f"{register.name} at {register.address:#x}"
        number = error.errno if error else None
        if number == errno.EFAULT:
            is_x86 = os.uname().machine == "x86_64"
            reach = "below the end of RAM (high_memory) only" if is_x86 else "for RAM only"
            cause = (
                f"{where} is not RAM ({os.strerror(number)}): this kernel's {self.node} answers read and write "
                f"{reach}"
            )
            return RefusedError(cause, remedy="reach it by its mapping (mmap)", errno=number)
        if number == errno.EPERM:
            cause, remedy = _forbidden_pages(register.address, register.address + register.width_bytes)
            return RefusedError(cause, remedy=remedy, errno=number)
        return super()._refuse_syscall(register, error)


def _forbidden_open(node: str) -> tuple[str, str]:
    mode = kernel.lockdown_mode()
    if mode != "none":
        return (
            f"kernel lockdown ({mode}) forbids {node}",
            f"boot without Secure Boot or lockdown=, or {_ELSEWHERE}",
        )
    if not kernel.has_rawio():
        return (
            f"opening {node} takes CAP_SYS_RAWIO, which this process lacks",
            "run as root (sudo), or give the container --cap-add SYS_RAWIO",
        )
    return f"the container's device rules forbid {node}", f"start it with --device {node}"


def _forbidden_pages(first: int, end: int) -> tuple[str, str]:
    owners = iomem.owners_of(first, end)
    where = f"{first:#x}-{end - 1:#x}"
    if owners and owners[0] == "System RAM":
        return (
            f"{where} is System RAM, which CONFIG_STRICT_DEVMEM protects",
            "name a device's address, or reserve the memory at boot (memmap=SIZE$ADDRESS on x86)",
        )
    if owners:
        return (
            f"driver claim: {owners[-1]!r} holds part of {where} (CONFIG_IO_STRICT_DEVMEM)",
            "unbind that driver, or boot with iomem=relaxed",
        )
    return (
        f"the kernel protects {where} (System RAM, or claimed by a driver: CONFIG_STRICT_DEVMEM)",
        "see /proc/iomem as root for the owner; unbind its driver, or boot with iomem=relaxed",
    )


def _impossible_pages(first: int, end: int) -> tuple[str, str]:
    bits = kernel.physical_address_bits()
    where = f"{first:#x}-{end - 1:#x}"
    if bits is not None and end > 1 << bits:
        return f"{where} is beyond this machine's {bits}-bit physical addresses", "check the address"
    return f"the kernel cannot map physical addresses {where}", "check the address against /proc/iomem"
