"""Every error that regtap raises on purpose.

RegtapError
├── InputError            what was asked for is wrong; nothing was opened     exit code 2
│   ├── AddressError      misaligned, out of range, past the end
│   ├── ExpressionError   a condition that cannot be understood at one place
│   ├── SideEffectError   reading it would change the device, and that was not allowed
│   └── TraceError        not a trace, or a damaged one
├── RefusedError          the system said no before the first access          exit code 3
└── FaultError            something failed after the first access             exit code 4
    ├── BusFaultError     a register stopped answering (SIGBUS)
    └── StorageError      the trace could not be written

Library code raises these and never exits; only the commands turn them into exit codes.
"""

from __future__ import annotations


class RegtapError(Exception):
    """Base of the tree; its text is one line that says what, where and what to do."""


class InputError(RegtapError, ValueError):
    """The request itself is wrong: an unknown name, a bad unit, an impossible combination."""


class AddressError(InputError):
    """A misaligned address, or one outside its target.

    Attributes:
        address: The offending address in the target's own numbering.
    """

    def __init__(self, message: str, *, address: int) -> None:
        super().__init__(message)
        self.address = address


class ExpressionError(InputError):
    """An expression that cannot be understood.

    Attributes:
        column: The place in its text, from 1.
    """

    def __init__(self, message: str, *, column: int) -> None:
        super().__init__(message)
        self.column = column


class SideEffectError(InputError):
    """A read that is known to change the device, and that was not asked for in full.

    Attributes:
        register: The register's name.
        effect: Effect of the read on the device, in words.
    """

    def __init__(self, message: str, *, register: str, effect: str) -> None:
        super().__init__(message)
        self.register = register
        self.effect = effect


class TraceError(InputError):
    """A folder or file that is no trace, or is a damaged one."""


class RefusedError(RegtapError):
    """The system refused before anything was accessed.

    Attributes:
        cause: Why, in the kernel's terms.
        remedy: Advice to the user.
        errno: The kernel's error number, or None where no call failed.
    """

    def __init__(self, cause: str, *, remedy: str, errno: int | None = None) -> None:
        super().__init__(f"{cause}; {remedy}")
        self.cause = cause
        self.remedy = remedy
        self.errno = errno


class FaultError(RegtapError):
    """Something failed after the first access; everything before it was kept."""


class BusFaultError(FaultError):
    """A register raised SIGBUS, or SIGSEGV inside its mapped window.

    Attributes:
        register: The register's name.
        address: Its address in the target's own numbering.
        index: Number of samples completed before the fault (0 for a single access).
        became: A change of the device that the system reports, such as `is claimed by 'hilscher'`; empty: unknown.
    """

    def __init__(self, register: str, address: int, index: int = 0, became: str = "") -> None:
        sample = f" at sample {index}" if index else ""
        where = f"register {register} at {address:#x}"
        super().__init__(
            f"bus error: the kernel took the mapping of {where} away{sample}: it {became}"
            if became
            else f"bus error: {where} stopped answering{sample}"
        )
        self.register = register
        self.address = address
        self.index = index
        self.became = became


class StorageError(FaultError):
    """The trace could not be written.

    Attributes:
        path: The file or folder concerned.
        errno: The kernel's error number, or None.
    """

    def __init__(self, message: str, *, path: str, errno: int | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.errno = errno
