"""Output files of this package's commands."""

from __future__ import annotations

import os
from contextlib import contextmanager
from glob import escape
from typing import TYPE_CHECKING

from regtap.errors import InputError, StorageError
from regtap.system.files import require_new, temporary_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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


def check_new(path: Path, *, force: bool) -> None:
    """Raise InputError if a file or a link exists and is not to be overwritten, or has no folder."""
    require_new(path, force=force and not path.is_dir())
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: {path.parent} is no folder; make it first")


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
    temporary = path.with_name(temporary_name())
    try:
        yield temporary
        if force or not _linked(temporary, path):
            temporary.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        for left in path.parent.glob(
            f"{escape(temporary.name)}*"
        ):  # a library may have made others beside it
            left.unlink()


def _linked(temporary: Path, path: Path) -> bool:
    """Give a file a second name, which replaces nothing; return whether the file system can."""
    try:
        os.link(temporary, path)
    except OSError:  # there is a file, or the file system has no second names
        check_new(path, force=False)
        return False
    return True


def _cannot_write(path: Path, error: OSError) -> StorageError:
    reason = error.strerror or str(error)
    return StorageError(
        f"cannot write {path}: {reason}; name another file with -o", path=str(path), errno=error.errno
    )
