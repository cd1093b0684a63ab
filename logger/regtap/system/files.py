"""Folders, whose entries are data too: names that become durable, and files that are replaced as a whole."""

from __future__ import annotations

import contextlib
import os


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


def replace_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file at once: whoever reads it meanwhile sees the old one or the new one; it is not synced.

    Args:
        path: The file, which may exist; a link there is replaced, not followed.
        content: All of it.

    Raises:
        OSError: As the kernel said; what was there is as it was, and nothing else is left.
    """
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.urandom(4).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
