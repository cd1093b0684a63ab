"""Names of the files in the folder of a trace."""

from __future__ import annotations

import re

# Readers of Parquet folders skip names that begin with _.
SPOOL_POINTER = "_spool"
JOURNAL_PREFIX = "_journal-"
_PART = re.compile(r"part-(\d{5,})\.parquet\Z")
_HALF_WRITTEN = re.compile(r"\.part-\d{5,}\.tmp\Z")


def part_name(number: int) -> str:
    """Return the file name of a part, given its number."""
    return f"part-{number:05d}.parquet"


def part_number(name: str) -> int | None:
    """Return the number of a part, given its file name; None: the name is not that of a part."""
    match = _PART.match(name)
    return int(match[1]) if match else None


def half_written_name(number: int) -> str:
    """Return the file name of a part that is not complete, given its number."""
    return f".part-{number:05d}.tmp"


def is_half_written(name: str) -> bool:
    """Return whether a file name is that of a part that is not complete."""
    return bool(_HALF_WRITTEN.match(name))
