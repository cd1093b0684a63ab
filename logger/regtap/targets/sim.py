"""The simulated device: a target for every machine, without hardware or privileges."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from regtap import _native
from regtap.errors import InputError
from regtap.registers.model import loads_of
from regtap.simulator import process
from regtap.simulator.registers import REGISTERS
from regtap.targets import refusals
from regtap.targets.device import Device, MappedWindow, SyscallPath
from regtap.targets.node import Extent, NodeTarget, check_registers
from regtap.targets.presence import Presence, ProcessPresence
from regtap.targets.target import Target
from regtap.units.parse import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.registers.model import Register, RegisterMap


class _Simulated(Target):
    @property
    def registers(self) -> RegisterMap:
        """The simulated device's registers."""
        return REGISTERS

    @property
    def is_device(self) -> bool:
        """False: the registers are RAM, changed by another process."""
        return False


@dataclass(frozen=True)
class SimTarget(_Simulated):
    """A private simulated device: each open() starts a process, which ends when the opened device is closed."""

    @classmethod
    def from_spec(cls, spec: str) -> Target:
        """Parse `sim` or `sim:PATH`.

        Raises:
            InputError: The path is missing.
        """
        _, colon, path = spec.partition(":")
        if not colon:
            return cls(spec)
        if not path or "\0" in path:
            raise InputError(
                f"{quoted(spec)} names no file; write sim, or sim:PATH for one that `regtap sim` plays"
            )
        return SharedSimTarget(spec, path)

    def open(self, registers: Sequence[Register], *, writable: bool = False) -> Device:
        """Check every register, start a device, map its page; see Target.open."""
        if not registers:
            raise InputError(f"no register to reach on {self.spec}; name at least one")
        check_registers(
            loads_of(registers), Extent("simulated device", process.SIMULATED_PAGE_BYTES), self.spec
        )
        started = process.start()
        try:
            return _PrivateDevice(self.spec, registers, started, writable=writable)
        except BaseException:
            started.close()
            raise

    def watch(self, device: Device, registers: Sequence[Register]) -> Presence:  # noqa: ARG002
        """Return the watch over the process of the simulated device; see Target.watch."""
        assert isinstance(device, _PrivateDevice)  # noqa: S101 - as open() made it
        played = device.simulator.process
        return ProcessPresence(lambda: played.poll() is None)


class _PrivateDevice(Device):
    """A device with a process of its own.

    Attributes:
        simulator: Its process and its page.
    """

    def __init__(
        self,
        spec: str,
        registers: Sequence[Register],
        started: process.Simulator,
        *,
        writable: bool,
    ) -> None:
        window = _native.Window(started.fd, offset=0, size=process.SIMULATED_PAGE_BYTES, writable=writable)
        syscall = SyscallPath(os.dup(started.fd), partial(refusals.at_syscall, spec))
        super().__init__(
            spec,
            registers,
            [MappedWindow(window, 0, process.SIMULATED_PAGE_BYTES)],
            syscall,
            writable=writable,
        )
        self.simulator = started

    def close(self) -> None:
        """Unmap the page and end the simulated device; a second call does nothing."""
        super().close()
        self.simulator.close()


@dataclass(frozen=True)
class SharedSimTarget(_Simulated, NodeTarget):
    """A simulated device of `regtap sim PATH`, for any number of processes.

    Attributes:
        path: The file that it plays on.
    """

    path: str

    def _extent(self) -> Extent:
        try:
            status = os.stat(self.path)
        except OSError as error:
            raise refusals.at_open(self.path, error, writable=False) from error
        if not stat.S_ISREG(status.st_mode) or status.st_size != process.SIMULATED_PAGE_BYTES:
            raise InputError(
                f"{quoted(self.path)} is no simulated device; name a file that `regtap sim` plays on"
            )
        return Extent(self.path, process.SIMULATED_PAGE_BYTES, sync=False, has_syscalls=True)

    def watch(self, device: Device, registers: Sequence[Register]) -> Presence:  # noqa: ARG002
        """Return the watch over the process of the simulated device; see Target.watch."""
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        return ProcessPresence(lambda: process.is_played(fd), fd)

    def _open_node(self, extent: Extent, writable: bool) -> int:
        fd = super()._open_node(extent, writable)
        try:
            process.require_live(fd, self.path)
        except BaseException:
            os.close(fd)
            raise
        return fd
