"""Where spools lie, what they are called, and how large they are; without numpy, for `regtap doctor`."""

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
    """Return a path for a spool of this process; nothing is made."""
    return f"{SHARED_MEMORY}/{PREFIX}{os.getpid()}-{os.urandom(4).hex()}"


def spool_paths(folder: str = SHARED_MEMORY) -> list[str]:
    """Return the files in a folder that are called as recorders call spools, in the order of their names."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return sorted(
            entry.path
            for entry in entries
            if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
        )
    return []


def is_spool_path(path: str) -> bool:
    """Return whether a path is one of those that recorders give to spools, whatever lies there."""
    folder, name = os.path.split(os.path.realpath(path))
    return folder == SHARED_MEMORY and bool(_NAME.fullmatch(name))


def default_spool_bytes(free_bytes: int, memory_bytes: int | None = None) -> int:
    """Return how large a spool is where --spool-size says nothing: 1 GiB, or a quarter of what is free.

    Args:
        free_bytes: In the folder of spools.
        memory_bytes: Memory that this process may still use, which may be less; None: not known.
    """
    left = free_bytes if memory_bytes is None else min(free_bytes, memory_bytes)
    return min(DEFAULT_BYTES, left // 4)
