"""Files and folders: durable names, files of one's own, atomic replacement."""

from __future__ import annotations

import contextlib
import os
import stat
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from regtap.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO


def close_unwritten(fd: int) -> None:
    """Close a descriptor through which nothing was written; somebody in this process may have closed it already."""
    with contextlib.suppress(OSError):
        os.close(fd)


def sync_folder(path: str | os.PathLike[str]) -> None:
    """Make the names in a folder durable; raises OSError as the kernel said."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_parent(path: str | os.PathLike[str]) -> None:
    """Make a name durable in its folder; raises OSError as the kernel said."""
    try:
        sync_folder(os.path.dirname(os.path.abspath(path)))
    except PermissionError:  # a folder that lets us not list it cannot be opened
        os.sync()


def is_own(status: os.stat_result) -> bool:
    """Return whether a file belongs to the effective user of this process, given its fstat()."""
    return status.st_uid == os.geteuid()


def is_open_to_others(status: os.stat_result) -> bool:
    """Return whether other users may write to a file."""
    return bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def read_own_file(path: str | os.PathLike[str], most_bytes: int) -> bytes:
    """Return the content of a small file, if only this process's user can have written the file; follow no link.

    Raises:
        ValueError: It is another user's, others may write to it, it is no regular file, or too large.
        OSError: As the kernel said.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        if not is_own(status):
            raise ValueError("it belongs to another user")
        if is_open_to_others(status):
            raise ValueError("other users may write to it (chmod go-w, if nobody did)")
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ValueError(f"it has over {most_bytes:,} bytes")
    return content


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading; a pipe would wait for its writer, and a device may have no end.

    Raises:
        ValueError: It is no regular file.
        OSError: As the kernel said.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ValueError("it is not a regular file")
        return open(fd, "rb")
    except BaseException:
        os.close(fd)
        raise


def require_new(path: str | os.PathLike[str], *, force: bool) -> None:
    """Raise InputError if a file, or a link to nothing, is there and is not to be replaced."""
    if os.path.lexists(path) and not force:
        raise InputError(f"{os.fspath(path)} exists; name another file, or overwrite it with --force")


def temporary_name() -> str:
    """Return a name for a file that becomes another one, whose own name may be as long as names can be."""
    return f".regtap-{os.urandom(8).hex()}.tmp"


def replace_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Replace a file atomically: readers see the old content or the new; nothing is synced.

    Args:
        path: The file, which may exist; a link there is replaced, not followed.
        content: All of it.

    Raises:
        OSError: As the kernel said; what was there is as it was, and nothing else is left.
    """
    with whole_file(Path(path)) as temporary, open(temporary, "xb") as file:
        file.write(content)


@contextlib.contextmanager
def whole_file(path: Path, *, force: bool = True) -> Iterator[Path]:
    """Give a path to write to; when the block has ended well, the file there takes the place of another.

    Args:
        path: The file, which may exist; a link there is replaced, not followed.
        force: Whether a file that is there is replaced, also one that came while the block ran.

    Raises:
        InputError: It is there, and is not to be replaced.
        OSError: As the kernel said; what was there is as it was, and nothing else is left.
    """
    temporary = path.with_name(temporary_name())
    try:
        yield temporary
        if force or not _linked(temporary, path):
            os.replace(temporary, path)
    finally:
        # a library may have made others beside it; by its own name it goes where a folder cannot be listed, too
        for left in (temporary, *path.parent.glob(f"{escape(temporary.name)}?*")):
            with contextlib.suppress(OSError):
                left.unlink()


def _linked(temporary: Path, path: Path) -> bool:
    """Give a file a second name, which replaces nothing; return whether the file system can."""
    try:
        os.link(temporary, path)
    except OSError:  # there is a file, or the file system has no second names
        require_new(path, force=False)
        return False
    return True
