"""The live mapping of a target: one access of the declared width for each call."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from regtap import _native
from regtap.errors import AddressError, BusFaultError, FaultError, InputError, RefusedError
from regtap.system.closeable import Closeable
from regtap.system.files import close_unwritten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from regtap.registers.model import Register


_MOST_TRIES = 4  # of a pair, as in core/fill.hpp


@dataclass(frozen=True, slots=True)
class MappedWindow:
    """A window, and the range of target addresses in it.

    Attributes:
        window: The mapping; the Device closes it.
        base: Address of the window's first byte (negative where the device begins inside a page).
        end: First address past what may be accessed; not beyond the target's own end.
    """

    window: _native.Window
    base: int
    end: int

    def covers(self, register: Register) -> bool:
        """Return whether the whole register lies in this window."""
        return self.base <= register.address <= self.end - register.width_bytes


@dataclass(frozen=True, slots=True)
class SyscallPath:
    """The file for pread and pwrite on a target's registers, or the refusal if the target has none.

    Attributes:
        fd: An open descriptor, which the Device closes; None where there is no such way.
        shift: Offset in that file of the target's address 0.
        refusal: Turns the kernel's error into what to raise; called with None where `fd` is None.
    """

    fd: int | None
    refusal: Callable[[Register, OSError | None], RefusedError]
    shift: int = 0


def swap_bytes(value: int, width_bytes: int) -> int:
    """Return a value of so many bytes with their order reversed."""
    return int.from_bytes(value.to_bytes(width_bytes, "little"), "big")


def _load_swapped(load: Callable[[], int], width_bytes: int) -> int:
    return swap_bytes(load(), width_bytes)


def _load_pair(name: str, low: Callable[[], int], high: Callable[[], int]) -> int:
    """Return the value of a 64-bit counter in two halves, as core/fill.hpp reads it."""
    upper = high()
    for _ in range(_MOST_TRIES):
        lower, again = low(), high()
        if again == upper:
            return upper << 32 | lower
        upper = again
    raise FaultError(
        f"the halves of {name} never agreed, in {_MOST_TRIES} tries: it counts too fast for this bus"
    )


class Device(Closeable):
    """Registers of one target, mapped; a context manager.

    There is no way to the mapping but by read and write: a buffer object would touch the bus twice, or in
    the wrong width (a memoryview slice, `struct`, a numpy copy).

    Attributes:
        spec: The opened target, as the command line spells it.
        writable: Whether writes were asked for.
    """

    def __init__(
        self,
        spec: str,
        registers: Iterable[Register],
        mapped: Iterable[MappedWindow],
        syscall: SyscallPath,
        *,
        writable: bool = False,
    ) -> None:
        """Take ownership of windows and descriptor.

        Args:
            spec: The opened target, as the command line spells it.
            registers: Those that it was opened for; each must lie in one of the windows.
            mapped: The windows.
            syscall: The way to the same registers by system call.
            writable: Whether the windows may be written.
        """
        self.spec = spec
        self.writable = writable
        self._mapped = tuple(mapped)
        self._syscall = syscall
        self._open = True
        self._registers = tuple(registers)  # keeps the objects, and so their ids, alive
        # By identity: hashing a description costs more than the access.
        self._loads = {id(register): self._load(register) for register in self._registers}

    def close(self) -> None:
        """Unmap everything; a second call does nothing."""
        if not self._open:
            return
        self._open = False
        self._loads = {}
        for mapped in self._mapped:
            mapped.window.close()
        if self._syscall.fd is not None:
            close_unwritten(self._syscall.fd)

    def lend(self) -> Device:
        """Return another view of the same mapping, for registers only to be read; its close() unmaps nothing.

        The mapping stays this device's: close the other one first.
        """
        return _Lent(self.spec, self._registers, self._mapped, SyscallPath(None, self._syscall.refusal))

    def read(self, register: Register) -> int:
        """Return the register's value, by exactly one load of its width.

        Of a pair, by loads of the high half, the low one and the high one again, until the high ones agree.

        Raises:
            AddressError: The device was not opened for it.
            BusFaultError: It did not answer.
            FaultError: The halves of a pair never agreed.
        """
        load = self._loads.get(id(register)) or self._load(register)
        try:
            return load()
        except _native.BusFault as fault:
            raise BusFaultError(register.name, register.address) from fault

    def write(self, register: Register, value: int) -> None:
        """Store a value, by exactly one store of the register's width and no load.

        Raises:
            AddressError: The device was not opened for the register.
            InputError: The value does not fit, or the device was opened read-only.
            BusFaultError: The register did not answer.
        """
        raw = self._checked_value(register, value)
        window, offset = self.locate(register)
        try:
            window.store(offset, register.width_bytes, value=raw)
        except _native.BusFault as fault:
            raise BusFaultError(register.name, register.address) from fault

    def pread(self, register: Register) -> int:
        """Return the register's value by one pread of its width.

        Raises:
            AddressError: The device was not opened for the register.
            RefusedError: The target has no such way, or the kernel refuses it here.
        """
        fd, offset = self.locate_syscall(register)
        try:
            value = _native.pread_register(fd, offset=offset, width_bytes=register.width_bytes)
        except OSError as error:
            raise self._syscall.refusal(register, error) from error
        return swap_bytes(value, register.width_bytes) if register.swapped else value

    def pwrite(self, register: Register, value: int) -> None:
        """Write a value by one pwrite of the register's width; errors as in write and pread."""
        raw = self._checked_value(register, value)
        fd, offset = self.locate_syscall(register)
        try:
            _native.pwrite_register(fd, offset=offset, width_bytes=register.width_bytes, value=raw)
        except OSError as error:
            raise self._syscall.refusal(register, error) from error

    def locate(self, register: Register) -> tuple[_native.Window, int]:
        """Return the window of a register and the register's offset in the window, for native loops.

        The window stays this device's: keep the device open as long as it is used.

        Raises:
            AddressError: The device was not opened for the register.
            InputError: The device is closed, or the register is a pair.
        """
        mapped = self._find(register)
        return mapped.window, register.address - mapped.base

    def locate_syscall(self, register: Register) -> tuple[int, int]:
        """Return the descriptor and file offset at which pread and pwrite reach a register.

        The descriptor stays this device's.

        Raises:
            AddressError: The device was not opened for the register.
            InputError: The device is closed, or the register is a pair.
            RefusedError: The target has no way by system call.
        """
        self._find(register)
        if self._syscall.fd is None:
            raise self._syscall.refusal(register, None)
        return self._syscall.fd, self._syscall.shift + register.address

    def _load(self, register: Register) -> Callable[[], int]:
        if register.high is not None:
            low, high = map(self._load, register.loads)
            return partial(_load_pair, register.name, low, high)
        window, offset = self.locate(register)
        load = partial(window.load, offset, register.width_bytes)
        return partial(_load_swapped, load, register.width_bytes) if register.swapped else load

    def _find(self, register: Register) -> MappedWindow:
        if not self._open:
            raise InputError(f"{self.spec} is closed; open it again to reach {register.name}")
        if register.high is not None:
            raise InputError(
                f"{register.name} is a pair of registers, which only read, dump, diff and record take; name its halves "
                f"instead, at {register.place}"
            )
        for mapped in self._mapped:
            if mapped.covers(register):
                return mapped
        where = f"register {register.name} at {register.address:#x}"
        raise AddressError(
            f"{where} is not mapped; name it when opening {self.spec}", address=register.address
        )

    def _checked_value(self, register: Register, value: int) -> int:
        if not self.writable:
            raise InputError(f"{self.spec} was opened read-only; open it with writable=True")
        register.check_value(value)
        return swap_bytes(value, register.width_bytes) if register.swapped else value


class _Lent(Device):
    """A view of another device's mapping."""

    def close(self) -> None:
        """Leave the mapping to its owner; a second call does nothing."""
        self._open = False
        self._loads = {}
