"""The register of a benchmark, mapped and opened for every arm of the target."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from regtap.errors import AddressError, RefusedError
from regtap.registers.model import Register
from regtap.system.closeable import Closeable
from regtap.targets import PAGE_BYTES, parse_target
from regtap.targets.device import swap_bytes
from regtap.targets.node import MapRequest, NodeTarget
from regtap_bench import _native

if TYPE_CHECKING:
    from regtap.targets.device import Device


@dataclass(frozen=True, slots=True)
class MappedRegister:
    """One register, mapped.

    Attributes:
        register: The register.
        site: The mapping for the native arms.
        device: The opened device with the register, as users of regtap's own API have it; None for plain RAM.
        fd: The descriptor for the native arms' system calls.
        request: How to open and map the register once more.
        calls_refused: Why system calls do not reach the register; empty where they do.
    """

    register: Register
    site: _native.Site
    device: Device | None
    fd: int
    request: MapRequest
    calls_refused: str = ""


class Sites(Closeable):
    """The open registers, files and mappings for the arms of one process; a context manager.

    Attributes:
        target: The opened target.
        read: The register that is read.
        write: The register that may be written, mapped for writing, or None.
        ram: Plain memory, the baseline beside a device; None where the target is memory itself.
    """

    def __init__(self, target: str, read: Register, write: Register | None) -> None:
        """Open the target, and map the registers of the arms.

        Args:
            target: As `regtap read -t` takes it.
            read: The register to read.
            write: The register that the write arms store to.

        Raises:
            InputError: The register does not lie in the target.
            RefusedError: The system said no.
        """
        self.target = parse_target(target)
        self._stack = ExitStack()
        self._bulk: dict[int, _native.Site] = {}
        try:
            both = [read] if write is None else [read, write]
            device = self._stack.enter_context(self.target.open(both, writable=write is not None))
            self.read = self._reach(device, read)
            self.write = None if write is None else self._reach(device, write)
            if self.write is not None:  # written back, so that nothing changes but the traffic
                self.write.site.value = _stored_value(device.read(self.write.register), self.write.register)
            self.ram = self._plain_memory(read) if self.target.is_device else None
        except BaseException:
            self._stack.close()
            raise

    def close(self) -> None:
        """Close the files and mappings."""
        self._stack.close()

    def narrowed(self, register: Register) -> _native.Site:
        """Return the site for reads of another width at the address of the register."""
        return _site(self.read.fd, self.read.request, register.width_bytes)

    def bulk(self, size_bytes: int, width_bytes: int) -> _native.Site:
        """Return the site of an aligned block of the target around the register.

        Args:
            size_bytes: A power of two.
            width_bytes: Width of its single loads; at most size_bytes.

        Raises:
            AddressError: It does not lie within the target.
        """
        if size_bytes not in self._bulk:
            request = self._block_request(size_bytes, width_bytes)
            self._bulk[size_bytes] = _site(self.read.fd, request, width_bytes, bulk_bytes=size_bytes)
        return self._bulk[size_bytes]

    def _block_request(self, size_bytes: int, width_bytes: int) -> MapRequest:
        begin = self.read.register.address // size_bytes * size_bytes
        type_name = f"u{8 * width_bytes}"
        first = self._map_request(Register("first", begin, type_name), self.read.fd)
        last = self._map_request(Register("last", begin + size_bytes - width_bytes, type_name), self.read.fd)
        return replace(first, map_bytes=last.map_offset + last.map_bytes - first.map_offset)

    def _map_request(self, register: Register, fd: int) -> MapRequest:
        if isinstance(self.target, NodeTarget):
            return self.target.map_request(register)
        # The private simulated device: a page without a name.
        if register.address + register.width_bytes > PAGE_BYTES:
            raise AddressError("past the end of the simulated device", address=register.address)
        return MapRequest(f"/proc/self/fd/{fd}", 0, 0, PAGE_BYTES, register.address)

    def _reach(self, device: Device, register: Register) -> MappedRegister:
        refused, fd = "", -1
        try:
            fd, _ = device.locate_syscall(register)
            device.pread(register)  # that there is a descriptor is no promise
        except RefusedError as error:
            refused = error.cause
        request = self._map_request(register, fd)
        if fd < 0:
            mode = os.O_RDWR if device.writable else os.O_RDONLY
            fd = os.open(request.node, mode | os.O_CLOEXEC | request.open_flags)
            self._stack.callback(os.close, fd)
        site = _site(fd, request, register.width_bytes, writable=device.writable)
        return MappedRegister(register, site, device, fd, request, refused)

    def _plain_memory(self, register: Register) -> MappedRegister:
        fd = os.memfd_create("regtap-bench", os.MFD_CLOEXEC)
        self._stack.callback(os.close, fd)
        os.ftruncate(fd, PAGE_BYTES)
        request = MapRequest(f"/proc/self/fd/{fd}", 0, 0, PAGE_BYTES, register.address % PAGE_BYTES)
        return MappedRegister(register, _site(fd, request, register.width_bytes), None, fd, request)


def _site(
    fd: int, request: MapRequest, width_bytes: int, *, writable: bool = False, bulk_bytes: int = 0
) -> _native.Site:
    return _native.Site(
        fd,
        path=request.node,
        open_flags=request.open_flags,
        map_offset=request.map_offset,
        map_bytes=request.map_bytes,
        offset=request.offset,
        width_bytes=width_bytes,
        writable=writable,
        bulk_bytes=bulk_bytes,
    )


def _stored_value(value: int, register: Register) -> int:
    return swap_bytes(value, register.width_bytes) if register.swapped else value
