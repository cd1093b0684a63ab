"""The folder of a trace under capture, with the pointer to its spool."""

from __future__ import annotations

import contextlib
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from regtap.errors import InputError, RefusedError
from regtap.system.files import close_unwritten, sync_parent
from regtap.system.permissions import describe_user
from regtap.system.remedies import remedy_for
from regtap.trace.files import SPOOL_POINTER

if TYPE_CHECKING:
    from regtap.spool.pointer import SpoolPointer


def require_free(path: str) -> None:
    """Raise InputError unless a folder can be made there."""
    if os.path.lexists(path):
        raise InputError(f"the output {path} exists already; name a new folder")
    parent = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(parent):
        raise InputError(f"the output {path} cannot be made: there is no folder {parent}")


class OutputFolder:
    """The new folder of a trace, open: it is reached by its descriptor even if it is moved.

    Attributes:
        path: The path that the user gave.
        fd: Descriptor of the folder; this object closes it.
    """

    def __init__(self, path: str, pointer: SpoolPointer) -> None:
        """Make the folder and a durable pointer in it; a refusal leaves nothing behind.

        Args:
            path: A path that does not exist.
            pointer: The pointer to the spool, for a recovery.

        Raises:
            InputError: The path exists.
            RefusedError: The system does not let the folder be made.
        """
        self.path = path
        self._place = os.path.abspath(path)  # which the current folder no longer changes
        try:
            self.fd = _make(path, pointer)
        except FileExistsError as error:
            raise InputError(f"the output {path} exists already; name a new folder") from error
        except OSError as error:
            left = f" (an empty {path} is left)" if os.path.isdir(path) else ""
            raise RefusedError(
                f"cannot make the output {path}: {os.strerror(error.errno or 0)}{left}",
                remedy=remedy_for(error, f"choose a folder that the user {describe_user()} may write to"),
                errno=error.errno,
            ) from error

    def remove_pointer(self) -> str | None:
        """Remove the pointer of a complete trace; return a line for the user if that failed, or None."""
        try:
            os.fsync(
                self.fd
            )  # the journal's removal is durable first: without the pointer no recovery looks for it
            _unlink_pointer(self.fd)
            os.fsync(self.fd)
        except OSError as error:
            return (
                f"{os.path.join(self.path, SPOOL_POINTER)} could not be removed "
                f"({os.strerror(error.errno or 0)}): `regtap recover {self.path}` does that"
            )
        return None

    def whereabouts(self) -> str | None:
        """Return the current path of the folder, the old one or a new one; None: the folder has none."""
        for path in (self._place, _path_of(self.fd)):
            with contextlib.suppress(OSError):
                if path is not None and os.path.samestat(os.stat(path), os.fstat(self.fd)):
                    return self.path if path == self._place else path
        return None

    def undo(self) -> None:
        """Remove the folder of a capture that could not begin."""
        with contextlib.suppress(OSError):
            _unlink_pointer(self.fd)
            os.rmdir(self.path)

    def close(self) -> None:
        """Close the folder; files in it may stay open."""
        close_unwritten(self.fd)


def _make(path: str, pointer: SpoolPointer) -> int:
    os.mkdir(path)
    with ExitStack() as undo:
        undo.callback(os.rmdir, path)
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        undo.callback(os.close, fd)
        undo.callback(_unlink_pointer, fd)
        sync_parent(path)
        _write_pointer(fd, pointer)
        undo.pop_all()
    return fd


def _path_of(fd: int) -> str | None:
    """Return the kernel's path of an open folder, which may not exist any more; None: it is not known."""
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return None


def _unlink_pointer(folder_fd: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(SPOOL_POINTER, dir_fd=folder_fd)


def _write_pointer(folder_fd: int, pointer: SpoolPointer) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.closing(os.fdopen(os.open(SPOOL_POINTER, flags, 0o600, dir_fd=folder_fd), "w")) as file:
        file.write(pointer.to_json())
        file.flush()
        os.fsync(file.fileno())
    os.fsync(folder_fd)
