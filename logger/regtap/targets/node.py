"""Targets behind a file or a device node: the pages to map, and the mapping."""

from __future__ import annotations

import os
import struct
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap import _native
from regtap.errors import AddressError, InputError
from regtap.registers.model import loads_of
from regtap.system.kernel import PAGE_BYTES
from regtap.targets import refusals
from regtap.targets.device import Device, MappedWindow, SyscallPath
from regtap.targets.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from regtap.errors import RefusedError
    from regtap.registers.model import Register

MAX_ACCESS_BYTES = struct.calcsize("P")  # wider than a pointer is not one access


@dataclass(frozen=True, slots=True)
class Extent:
    """The part of a device node or file with a target's registers.

    Attributes:
        node: Path of the device node or file.
        length: Number of addresses: they run from 0 to length - 1.
        shift: Offset in the node of address 0.
        sync: Open with O_SYNC, which makes a device's mapping uncached.
        whole: Map from the start of the page at `shift`: the node's driver takes the offset for an index.
        has_syscalls: pread and pwrite on the node reach the same registers.
    """

    node: str
    length: int
    shift: int = 0
    sync: bool = True
    whole: bool = False
    has_syscalls: bool = False


@dataclass(frozen=True, slots=True)
class MapRequest:
    """The arguments to open and mmap for a register, for tools with calls of their own.

    Attributes:
        node: Path of the device node or file.
        open_flags: Flags for open, beside the access mode.
        map_offset: Offset in the node of the first page to map.
        map_bytes: Number of bytes to map.
        offset: Offset of the register in the node.
    """

    node: str
    open_flags: int
    map_offset: int
    map_bytes: int
    offset: int


class NodeTarget(Target):
    """A target behind one node of the file system; subclasses give the extent and the refusals."""

    @abstractmethod
    def _extent(self) -> Extent:
        """Return the extent of the target; the node is not opened."""

    def open(self, registers: Sequence[Register], *, writable: bool = False) -> Device:
        """Check every register, open the node, and map the pages of the registers; see Target.open."""
        if not registers:
            raise InputError(f"no register to reach on {self.spec}; name at least one")
        extent, loads = self._extent(), loads_of(registers)
        check_registers(loads, extent, self.spec)
        fd = self._open_node(extent, writable)
        mapped: list[MappedWindow] = []
        try:
            for first, end in page_runs(loads, extent):
                mapped.append(self._map(fd, extent, (first, end), writable))
        except BaseException:
            for window in mapped:
                window.window.close()
            os.close(fd)
            raise
        if not extent.has_syscalls:
            os.close(fd)
        syscall = SyscallPath(fd if extent.has_syscalls else None, self._refuse_syscall, extent.shift)
        return Device(self.spec, registers, mapped, syscall, writable=writable)

    def map_request(self, register: Register) -> MapRequest:
        """Return the arguments to open and mmap for a register; opens nothing.

        Raises:
            AddressError: The register lies outside the target.
            RefusedError: There is no such target.
        """
        extent = self._extent()
        check_registers([register], extent, self.spec)
        ((first, end),) = page_runs([register], extent)
        flags = os.O_SYNC if extent.sync else 0
        return MapRequest(extent.node, flags, first, end - first, extent.shift + register.address)

    def _open_node(self, extent: Extent, writable: bool) -> int:
        flags = (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC | os.O_NOCTTY
        try:
            return os.open(extent.node, flags | (os.O_SYNC if extent.sync else 0))
        except OSError as error:
            raise self._refuse_open(extent, error, writable) from error

    def _map(self, fd: int, extent: Extent, run: tuple[int, int], writable: bool) -> MappedWindow:
        first, end = run
        try:
            window = _native.Window(fd, offset=first, size=end - first, writable=writable)
        except OSError as error:
            raise self._refuse_map(extent, error, run) from error
        return MappedWindow(window, first - extent.shift, min(end - extent.shift, extent.length))

    def _refuse_open(self, extent: Extent, error: OSError, writable: bool) -> RefusedError:
        return refusals.at_open(extent.node, error, writable=writable)

    def _refuse_map(self, extent: Extent, error: OSError, run: tuple[int, int]) -> RefusedError:
        return refusals.at_map(extent.node, error, run)

    def _refuse_syscall(self, register: Register, error: OSError | None) -> RefusedError:
        return refusals.at_syscall(self.spec, register, error)


def check_registers(registers: Iterable[Register], extent: Extent, spec: str) -> None:
    """Raise AddressError unless each register lies in the extent, whole and aligned on the bus too."""
    for register in registers:
        where = f"register {register.name} at {register.address:#x} ({register.type})"
        width_bytes = register.width_bytes
        if width_bytes > MAX_ACCESS_BYTES:
            raise AddressError(
                f"{where} is wider than one access of this machine; use u{8 * MAX_ACCESS_BYTES}",
                address=register.address,
            )
        if width_bytes > extent.length or register.address > extent.length - width_bytes:
            raise AddressError(
                f"{where} does not lie within {spec}, which has {extent.length:#x} bytes; check the address",
                address=register.address,
            )
        if extent.shift % width_bytes:
            origin = f"{spec} begins at offset {extent.shift:#x} of its mapping"
            raise AddressError(
                f"{where} is misaligned on the bus, because {origin}; use a narrower type",
                address=register.address,
            )


def page_runs(registers: Iterable[Register], extent: Extent) -> list[tuple[int, int]]:
    """Return the pages of the registers, as half-open runs of node offsets; neighbours are merged.

    No other page is mapped: one page that the kernel refuses would fail the whole run.
    """
    pages = {(extent.shift + register.address) // PAGE_BYTES for register in registers}
    if extent.whole:
        pages.update(range(extent.shift // PAGE_BYTES, max(pages)))
    runs: list[tuple[int, int]] = []
    for page in sorted(pages):
        first, end = page * PAGE_BYTES, (page + 1) * PAGE_BYTES
        if runs and runs[-1][1] == first:
            first = runs.pop()[0]
        runs.append((first, end))
    return runs
