"""Names of the files in the folder of a trace."""

from __future__ import annotations

import re

SPOOL_POINTER = "_spool"
_PART = re.compile(r"part-(\d{5,})\.parquet\Z")
_HALF_WRITTEN = re.compile(r"\.part-\d{5,}\.tmp\Z")


def part_name(number: int) -> str:
    """Return what the part of that number is called in its folder."""
    return f"part-{number:05d}.parquet"


def part_number(name: str) -> int | None:
    """Return the number of the part that is called so; None if it is no part's name."""
    match = _PART.match(name)
    return int(match[1]) if match else None


def half_written_name(number: int) -> str:
    """Return what a part is called until it is complete."""
    return f".part-{number:05d}.tmp"


def is_half_written(name: str) -> bool:
    """Return whether a part that is not complete is called so."""
    return bool(_HALF_WRITTEN.match(name))
