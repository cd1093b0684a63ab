"""What ended a capture, as its user has to hear it."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from regtap.errors import BusFaultError, FaultError, StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap import _native
    from regtap.registers import Register


def storage_fault(failure: OSError, output: str, spool: str | None) -> StorageError:
    """Return the error of a writer that the system refused.

    Args:
        failure: The refusal.
        output: The trace's folder.
        spool: Where the samples are that are in no part; None: nowhere.
    """
    where = os.path.join(output, failure.filename) if isinstance(failure.filename, str) else output
    return StorageError(
        f"cannot write to {where}: {os.strerror(failure.errno or errno.EIO)}; {_what_to_do(output, spool)}",
        path=output,
        errno=failure.errno,
    )


def bus_fault(progress: _native.Progress, registers: Sequence[Register]) -> FaultError:
    """Return the error of a loop that a bus error ended."""
    if progress.fault_channel < 0:
        return FaultError("bus error inside a mapped window, at no register of this capture")
    register = registers[progress.fault_channel]
    return BusFaultError(register.name, register.address, progress.taken)


def _what_to_do(output: str, spool: str | None) -> str:
    if spool is None:
        return "the rest is lost, because the spool that held it was removed meanwhile"
    kept = f"the rest is kept in memory ({spool})"
    if os.path.isdir(output):
        return f"{kept}: mend that, then `regtap recover {output}`"
    return f"{kept}, but {output} is gone: `regtap recover {spool} -o {output}` makes a new one of it"
