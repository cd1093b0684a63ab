"""Folders, whose entries are data too: a new name is on disk when its folder was synced."""

from __future__ import annotations

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
