"""From a trace's folder to the spool that holds the rest of it, and to no other file."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import RefusedError, RegtapError, StorageError, TraceError
from regtap.recovery.inventory import open_own, spools_of
from regtap.spool.document import parse_document
from regtap.spool.pointer import read_pointer
from regtap.spool.reader import SpoolReader
from regtap.system.host import boot_id

if TYPE_CHECKING:
    from pathlib import Path

    from regtap.spool.pointer import SpoolPointer
    from regtap.spool.raw_file import RawSpoolFile


# Gone, a link, or another user's: the owner of a private file may open it.
_NOT_OURS = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EACCES, errno.EPERM)


@dataclass(frozen=True, slots=True)
class PointerState:
    """The pointer in a trace's folder: read, absent, or not to be believed.

    Attributes:
        pointer: Its content; None where there is none, or one that cannot be believed.
        problem: Why it cannot be believed; empty where it can, or where there is none.
    """

    pointer: SpoolPointer | None
    problem: str = ""

    @property
    def is_there(self) -> bool:
        """Whether the folder has a pointer, of whatever kind."""
        return self.pointer is not None or bool(self.problem)

    def open_spool(self, folder: Path) -> SpoolReader | None:
        """Open the trace's spool; None where it is gone, or another file has its name.

        Where the pointer does not tell, this user's only spool that names the folder is the one.

        Raises:
            TraceError: It is damaged, or several spools name the folder.
            RefusedError: The system does not let it be read.
        """
        if self.pointer is not None:
            return _open_spool(self.pointer)
        found = list(spools_of(folder))
        if len(found) > 1:
            raise TraceError(
                f"{folder}: several spools name it ({', '.join(found)}); recover one of them by its path"
            )
        source = _open(found[0]) if found else None
        return None if source is None else SpoolReader(found[0], source)

    def no_spool(self, folder: Path) -> RegtapError:
        """Return the error for a trace whose spool is not there."""
        if self.pointer is not None:
            spool = self.pointer.spool
            text = f"the spool {spool} is gone ({_why_gone(self.pointer)}): {folder} ends with its last finished part"
            return StorageError(text, path=spool)
        reason = self.problem or f"{folder} has no pointer to a spool"
        return TraceError(f"{reason}; if `regtap recover --list` shows its spool, name that with -o {folder}")


def pointer_state(folder: Path) -> PointerState:
    """Return what a folder, which need not be there, says about its spool.

    Raises:
        RefusedError: The system does not let it be read.
    """
    try:
        return PointerState(read_pointer(folder))
    except TraceError as error:
        return PointerState(None, str(error))


def _why_gone(pointer: SpoolPointer) -> str:
    if pointer.boot_id != boot_id():
        return "this machine was restarted since"
    return "another file has its name" if os.path.lexists(pointer.spool) else "somebody removed it"


def _open_spool(pointer: SpoolPointer) -> SpoolReader | None:
    source = _open(pointer.spool)
    if source is None:
        return None
    if not pointer.means(source.status):
        source.close()
        return None
    spool = SpoolReader(pointer.spool, source)
    if parse_document(spool.document, spool.path).identity != pointer.identity:
        spool.close()
        return None
    return spool


def _open(path: str) -> RawSpoolFile | None:
    """Open a file of this user's own; None where there is none, or another user's."""
    try:
        return open_own(path)
    except TraceError:  # a folder, or a device
        return None
    except OSError as error:
        if error.errno in _NOT_OURS:
            return None
        raise RefusedError(
            f"cannot open {path}: {os.strerror(error.errno or 0)}",
            remedy="see that you may read it, and try again",
            errno=error.errno,
        ) from error
