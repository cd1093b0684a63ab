"""Removes the files that a complete trace does not need: spool, journal, half-written parts and pointer."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from regtap.errors import StorageError
from regtap.journal.layout import all_segments
from regtap.journal.replay import segment_paths
from regtap.spool.location import is_spool_path
from regtap.system.files import sync_folder
from regtap.trace.files import SPOOL_POINTER, is_half_written, part_number

if TYPE_CHECKING:
    from pathlib import Path


def half_written_parts(folder: int | Path) -> list[str]:
    """Return the names of parts that a killed capture or recovery has not finished."""
    return list(filter(is_half_written, os.listdir(folder)))


def clean_up(folder: Path, first_part: int, spool: str | None, *, is_damaged: bool) -> str | None:
    """Remove spool, journal, half-written parts and pointer; return the path of a kept spool or journal, or None.

    Args:
        folder: The trace, whose last part is durable.
        first_part: Number of the first part that counts; those before it were given up.
        spool: Path of the spool; None: it is gone.
        is_damaged: Some samples could not be recovered: keep spool and journal for an inspection.

    Raises:
        StorageError: The system refused; run the recovery again.
    """
    try:
        return _clean_up(folder, first_part, spool, is_damaged=is_damaged)
    except OSError as error:
        raise StorageError(
            f"{folder} is complete, but its spool or its pointer could not be removed: "
            f"{os.strerror(error.errno or 0)}; run this again",
            path=str(folder),
            errno=error.errno,
        ) from error


def _clean_up(folder: Path, first_part: int, spool: str | None, *, is_damaged: bool) -> str | None:
    sync_folder(folder)  # a process that was killed may not have made the name of the last part durable
    kept = None
    if spool is not None and (is_damaged or not is_spool_path(spool)):
        kept = spool
    elif spool is not None:
        with contextlib.suppress(FileNotFoundError):  # another recovery was quicker
            os.unlink(spool)
    segments = segment_paths(folder)
    if is_damaged and segments:
        kept = kept or all_segments(os.fspath(folder))
        segments = []
    useless = [*half_written_parts(folder), *_given_up_parts(folder, first_part)]
    _remove([*segments, *(folder / name for name in useless)], folder)
    _remove([folder / SPOOL_POINTER], folder)  # last: it says that there is something to do
    return kept


def _given_up_parts(folder: Path, first_part: int) -> list[str]:
    """Return the names of parts that the trace gave up and a killed capture has not removed."""
    numbered = ((part_number(name), name) for name in os.listdir(folder))
    return [name for number, name in numbered if number is not None and number < first_part]


def _remove(paths: list[Path], folder: Path) -> None:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    sync_folder(folder)
