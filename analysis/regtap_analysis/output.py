"""Output files of this package's commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.errors import StorageError
from regtap.system.files import replace_file

if TYPE_CHECKING:
    from pathlib import Path


def write_output(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        StorageError: The system refused, or the disk is full; no part of it is left behind.
    """
    try:
        replace_file(path, content)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror}; name another output with -o",
            path=str(path),
            errno=error.errno,
        ) from error
