"""Folder, names and default size of spools; imported without numpy, for `regtap doctor`."""

from __future__ import annotations

import contextlib
import os
import re

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - by design: it outlives the process and is no disk
PREFIX = "regtap-"
DEFAULT_BYTES = 1 << 30
SMALL_BYTES = 256 << 20
LEAST_BYTES = 320 << 10  # with less, no block holds a row: the tables of gaps take the rest
_NAME = re.compile(re.escape(PREFIX) + r"[0-9]+-[0-9a-f]{8}")


def new_spool_path() -> str:
    """Return an unused path for a spool of this process; no file is made."""
    return f"{SHARED_MEMORY}/{PREFIX}{os.getpid()}-{os.urandom(4).hex()}"


def spool_paths(folder: str = SHARED_MEMORY) -> list[str]:
    """Return the paths of files in a folder with the name of a spool, in the order of their names."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return sorted(
            entry.path
            for entry in entries
            if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
        )
    return []


def is_spool_path(path: str) -> bool:
    """Return whether a path has the folder and the name of a spool, whatever file is there."""
    folder, name = os.path.split(os.path.realpath(path))
    return folder == SHARED_MEMORY and bool(_NAME.fullmatch(name))


def default_spool_bytes(free_bytes: int, memory_bytes: int | None = None) -> int:
    """Return the default size of a spool: 1 GiB, or a quarter of the free memory if that is less.

    Args:
        free_bytes: Free bytes in the folder of spools.
        memory_bytes: Memory that this process may still use; None: not known.
    """
    left = free_bytes if memory_bytes is None else min(free_bytes, memory_bytes)
    return min(DEFAULT_BYTES, left // 4)
