"""Finds the spool of a trace by the pointer in its folder."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
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
        pointer: Content of the pointer; None: there is no pointer, or it cannot be believed.
        problem: Why the pointer cannot be believed; empty otherwise.
    """

    pointer: SpoolPointer | None
    problem: str = ""

    @property
    def is_there(self) -> bool:
        """Whether the folder has a pointer, even one that cannot be believed."""
        return self.pointer is not None or bool(self.problem)

    def open_spool(self, folder: Path) -> SpoolReader | None:
        """Open the trace's spool; return None if it is gone, or another file has its name.

        Without a usable pointer, the spool is the only one of this user that names the folder.

        Args:
            folder: The trace's folder.

        Raises:
            TraceError: The spool is damaged, or several spools name the folder.
            RefusedError: The system does not let this process read the spool.
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
        """Return the error for a trace without a spool."""
        if self.pointer is not None:
            spool = self.pointer.spool
            text = f"the spool {spool} is gone ({_why_gone(self.pointer)}): {folder} ends with its last finished part"
            return StorageError(text, path=spool)
        reason = self.problem or f"{folder} has no pointer to a spool"
        return TraceError(f"{reason}; if `regtap recover --list` shows its spool, name that with -o {folder}")


def pointer_state(folder: Path) -> PointerState:
    """Return the state of the pointer in a folder, which need not exist.

    Raises:
        RefusedError: The system does not let this process read the pointer.
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
    with ExitStack() as opened:
        spool = opened.enter_context(SpoolReader(pointer.spool, source))
        if parse_document(spool.document, spool.path).identity != pointer.identity:
            return None
        opened.pop_all()
    return spool


def _open(path: str) -> RawSpoolFile | None:
    """Open a file of this user; return None if there is none, or it belongs to another user."""
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
