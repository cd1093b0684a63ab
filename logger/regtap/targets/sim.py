"""The simulated device: what every machine has, without hardware and without privileges."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from regtap import _native
from regtap.errors import InputError
from regtap.registers.model import Field, Register, RegisterMap
from regtap.simulator import process
from regtap.targets import refusals
from regtap.targets.device import Device, Mapped, SyscallPath
from regtap.targets.target import NodeTarget, Place, Target, check_registers
from regtap.units.parse import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

_STATUS_FIELDS = (
    Field("BUSY", 0, 1, "a job runs"),
    Field("DONE", 1, 1, "the last job succeeded, until the FIFO is empty"),
    Field("ERROR", 2, 1, "the last job failed (1 in 16), until the FIFO is empty"),
    Field("LEVEL", 8, 8, "fill level of the FIFO: rises while BUSY, falls afterwards"),
)

# Offsets as in core/simulator.hpp. No read has a side effect.
REGISTERS = RegisterMap(
    (
        Register("ID", 0x00, "u32", description='constant: the bytes "REGT" in memory'),
        Register("COUNT32", 0x08, "u32", description="ticks of 1 ms; 1000 at the start"),
        Register("CHECK", 0x0C, "u32", description="hash of COUNT32, which changes together with it"),
        Register(
            "COUNT64", 0x10, "u64", description="COUNT32 + 0xfffff448: carries into its high half after 2 s"
        ),
        Register("COUNT64_LO", 0x10, "u32", description="low half of COUNT64"),
        Register("COUNT64_HI", 0x14, "u32", description="high half of COUNT64"),
        Register(
            "CHECKED", 0x18, "u64", description="COUNT32 below, its hash above: shows a torn or stale read"
        ),
        Register("STATUS", 0x20, "u32", _STATUS_FIELDS, description="a job engine with a FIFO"),
        Register("ADC", 0x24, "u16", description="12 bits: a sine of 1 s around 2048, with noise"),
        Register("GPIO", 0x28, "u8", description="one bit walks up, a step each 50 ms"),
        Register("SCRATCH", 0x2C, "u32", description="0, or what was last written"),
    )
)


class _Simulated(Target):
    @property
    def registers(self) -> RegisterMap:
        """The simulated device's registers."""
        return REGISTERS

    @property
    def is_device(self) -> bool:
        """False: it is RAM that another process changes."""
        return False


@dataclass(frozen=True)
class SimTarget(_Simulated):
    """A private simulated device: each open() starts a process, which ends with what open() returned."""

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
        check_registers(registers, Place("simulated device", process.PAGE_BYTES), self.spec)
        started = process.start()
        try:
            return _PrivateDevice(self.spec, registers, started, writable=writable)
        except BaseException:
            started.close()
            raise


class _PrivateDevice(Device):
    def __init__(
        self,
        spec: str,
        registers: Sequence[Register],
        started: process.Simulator,
        *,
        writable: bool,
    ) -> None:
        window = _native.Window(started.fd, 0, process.PAGE_BYTES, writable)
        syscall = SyscallPath(os.dup(started.fd), partial(refusals.at_syscall, spec))
        super().__init__(spec, registers, [Mapped(window, 0, process.PAGE_BYTES)], syscall, writable=writable)
        self._simulator = started

    def close(self) -> None:
        """Unmap the page and end the simulated device; a second call does nothing."""
        super().close()
        self._simulator.close()


@dataclass(frozen=True)
class SharedSimTarget(_Simulated, NodeTarget):
    """A simulated device that `regtap sim PATH` plays, for any number of processes.

    Attributes:
        path: The file that it plays on.
    """

    path: str

    def _place(self) -> Place:
        try:
            status = os.stat(self.path)
        except OSError as error:
            raise refusals.at_open(self.path, error, writable=False) from error
        if not stat.S_ISREG(status.st_mode) or status.st_size != process.PAGE_BYTES:
            raise InputError(
                f"{quoted(self.path)} is no simulated device; name a file that `regtap sim` plays on"
            )
        return Place(self.path, process.PAGE_BYTES, sync=False, has_syscalls=True)

    def _open_node(self, place: Place, writable: bool) -> int:
        fd = super()._open_node(place, writable)
        try:
            process.require_live(fd, self.path)
        except BaseException:
            os.close(fd)
            raise
        return fd
