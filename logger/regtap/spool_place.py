"""Where spools lie, what they are called, and how large they are; without numpy, for `regtap doctor`."""

from __future__ import annotations

import os

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - by design: it outlives the process and is no disk
PREFIX = "regtap-"
DEFAULT_BYTES = 1 << 30
SMALL_BYTES = 256 << 20
LEAST_BYTES = 320 << 10  # with less, no block holds a row: the tables of gaps take the rest


def new_spool_path() -> str:
    """Return a path for a spool of this process; nothing is made."""
    return f"{SHARED_MEMORY}/{PREFIX}{os.getpid()}-{os.urandom(4).hex()}"


def default_spool_bytes(free_bytes: int) -> int:
    """Return how large a spool is where --spool-size says nothing: 1 GiB, or a quarter of what is free."""
    return min(DEFAULT_BYTES, free_bytes // 4)
