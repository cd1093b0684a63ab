"""Output files of commands: whole or not at all; errors say what to do."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from regtap.errors import InputError, StorageError
from regtap.system.files import require_new, whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def check_new(path: Path, *, force: bool) -> None:
    """Raise InputError if a file or a link exists and is not to be overwritten, or has no folder."""
    require_new(path, force=force and not path.is_dir())
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: {path.parent} is no folder; make it first")


def write_output(path: Path, content: bytes, *, force: bool = True) -> None:
    """Write a file whole or not at all.

    Args:
        path: The file.
        content: All of it.
        force: Whether a file that is there is replaced.

    Raises:
        InputError: It is there, and is not to be replaced.
        StorageError: The system refused, or the disk is full; no part of it is left behind.
    """
    with whole_output(path, force=force) as temporary:
        temporary.write_bytes(content)


@contextmanager
def whole_output(path: Path, *, force: bool = True) -> Iterator[Path]:
    """Give a path to write to; when the block has ended well, the file there becomes the output.

    Args:
        path: The output.
        force: Whether a file that is there is replaced, also one that came while the block ran.

    Raises:
        InputError: It is there, and is not to be replaced.
        StorageError: The system refused, or the disk is full; what was there is as it was, and nothing is left behind.
    """
    try:
        with whole_file(path, force=force) as temporary:
            yield temporary
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"cannot write {path}: {reason}; name another file with -o", path=str(path), errno=error.errno
        ) from error
