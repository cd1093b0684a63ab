"""The accesses of a command to a register, as on a bus: offset, width and direction of each.

The page trap (`regtap.selftest._native`) runs the command and logs the instruction behind each access to a
probe file; this module names the widths. Accesses that the kernel makes for a command are not seen.
"""

from __future__ import annotations

import errno
import functools
import os
import platform
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regtap.errors import FaultError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from regtap.errors import RegtapError

# Arbitrary: far beyond what any case needs.
LIMIT = 100_000  # accesses
DEADLINE_S = 30.0

# A recorder that was started through sudo would drop root and could not use the case's folder.
_AS_IS = ("env", "-u", "SUDO_UID", "-u", "SUDO_GID")


@dataclass(frozen=True, slots=True)
class Access:
    """One access to the page.

    Attributes:
        offset: Offset of the first byte in the probe file.
        width_bytes: Its width, or 0 where the instruction does not tell.
        write: Whether it is a write.
        masked: The instruction moves a part of that width only, chosen by a mask register.
    """

    offset: int
    width_bytes: int
    write: bool
    masked: bool = False

    def __str__(self) -> str:
        bound = "<=" if self.masked else ""
        width = str(8 * self.width_bytes) if self.width_bytes else "?"
        return f"{'w' if self.write else 'r'}{bound}{width}@{self.offset:#x}"


@dataclass(frozen=True, slots=True)
class Observation:
    """The accesses and the end of a watched command.

    Attributes:
        accesses: Accesses to the page, in order.
        exit_status: The command's; negative for a signal.
        ended: `exited`, `deadline` or `limit` (killed by the trap).
        output: Its stdout and stderr.
    """

    accesses: tuple[Access, ...]
    exit_status: int
    ended: str
    output: str

    @property
    def succeeded(self) -> bool:
        """Whether the command came to its own, good end."""
        return self.ended == "exited" and self.exit_status == 0


def require_available() -> None:
    """Raise RefusedError unless the page trap works on this machine.

    Raises:
        RefusedError: Another processor, or a part of regtap is not installed.
    """
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise RefusedError(
            f"the page trap is not available on {platform.system()} {platform.machine()}",
            remedy="run `regtap selftest --bus-shape` on Linux on x86-64",
        )
    try:
        _decoder()
    except ImportError as error:
        remedy = "install it with `pip install 'regtap[selftest]'`"
        raise RefusedError("the page trap needs the package iced-x86", remedy=remedy) from error


def observe(argv: Sequence[str], probe: str, *, deadline_s: float = DEADLINE_S) -> Observation:
    """Run a command to its end, and return its accesses to the mapped pages of `probe`.

    Raises:
        RefusedError: The page trap is not available, or the system does not let it trace.
        FaultError: The page trap lost the command on the way.
    """
    from regtap.selftest import _native

    require_available()
    with tempfile.TemporaryFile() as output:
        try:
            raw, exit_status, ended = _native.trap_accesses(
                [*_AS_IS, *argv],
                probe_path=probe,
                limit=LIMIT,
                deadline_s=deadline_s,
                output_fd=output.fileno(),
            )
        except OSError as error:
            raise _as_regtap_error(error) from error
        output.seek(0)
        text = output.read().decode(errors="replace")
    return Observation(tuple(decode_all(raw)), exit_status, ended, text)


def decode_all(raw: Sequence[tuple[int, bool, bytes]]) -> Iterator[Access]:
    """Yield the accesses in the log of the page trap: two for an instruction with a read and a write.

    Args:
        raw: Offset, whether the instruction writes there, and its code.
    """
    decode = _decoder()
    for offset, write, code in raw:
        yield from decode(offset, write, code)


def _as_regtap_error(error: OSError) -> RegtapError:
    reason = os.strerror(error.errno or 0)
    if error.errno not in (errno.EPERM, errno.EACCES, errno.ENOSYS):
        return FaultError(f"the page trap lost its grip on the command ({reason}); run it again")
    cause = f"the page trap cannot trace a command ({reason})"
    remedy = "allow ptrace (kernel.yama.ptrace_scope at most 1, in a container --cap-add=SYS_PTRACE)"
    return RefusedError(cause, remedy=remedy, errno=error.errno)


@functools.cache
def _decoder() -> Callable[[int, bool, bytes], tuple[Access, ...]]:
    """Return the decoder for one entry of the log."""
    import iced_x86 as x86

    factory = x86.InstructionInfoFactory()
    both = {x86.OpAccess.READ_WRITE, x86.OpAccess.READ_COND_WRITE}
    writes = {x86.OpAccess.WRITE, x86.OpAccess.COND_WRITE} | both

    @functools.lru_cache(maxsize=1024)
    def operand(code: bytes, write: bool) -> tuple[int, bool, bool]:
        """Return the width of an access, whether the instruction also reads, and whether it has a mask."""
        instruction: Any = x86.Decoder(64, code).decode()
        used = [m for m in factory.info(instruction).used_memory() if (m.access in writes) == write]
        # A repeated instruction is logged by iteration, and names the width of one only on itself.
        sizes = [used[0].memory_size] if used else []
        width = next((s for s in map(x86.MemorySizeExt.size, [*sizes, instruction.memory_size]) if s), 0)
        also_read = write and bool(used) and used[0].access in both
        return width, also_read, instruction.op_mask != x86.Register.NONE

    def decode(offset: int, write: bool, code: bytes) -> tuple[Access, ...]:
        width_bytes, also_read, masked = operand(code, write)
        access = Access(offset, width_bytes, write, masked)
        return (Access(offset, width_bytes, False, masked), access) if also_read else (access,)

    return decode
