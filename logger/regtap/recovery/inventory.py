"""Lists the spools on this machine, with their owners and samples. Spools of other users are listed, never parsed."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from regtap.errors import RefusedError, TraceError
from regtap.spool.document import parse_document
from regtap.spool.location import is_spool_path, spool_paths
from regtap.spool.raw_file import RawSpoolFile
from regtap.spool.reader import SpoolReader
from regtap.system.files import is_own
from regtap.system.permissions import user_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAGIC_BYTES = 8


@dataclass(frozen=True, slots=True)
class SpoolInfo:
    """A spool in shared memory.

    Attributes:
        spool: Path of the spool.
        memory_bytes: Memory that the spool takes.
        state: `recording`: its recorder is alive; `cut off`: it waits for `regtap recover`; `empty`: it holds no
            samples; `foreign`: it belongs to another user, or others may open it, so that it is not parsed.
        owner: Name of the user who owns the spool.
        samples: Samples in the spool that are in no finished part, as far as the spool knows.
        trace: Folder of the spool's trace.
    """

    spool: str
    memory_bytes: int
    state: str
    owner: str
    samples: int | None = None
    trace: str | None = None


def list_spools() -> list[SpoolInfo]:
    """Return every spool in shared memory, in the order of their names."""
    return [info for info in map(_inspect, spool_paths()) if info is not None]


def spools_of(folder: Path) -> Iterator[str]:
    """Yield the paths of this user's spools that name a folder as their trace."""
    for path in spool_paths():
        with contextlib.suppress(OSError, TraceError):
            source = open_own(path)
            if source is None:
                continue
            with SpoolReader(path, source) as spool:
                is_of_folder = os.path.samefile(parse_document(spool.document, path).trace, folder)
            if is_of_folder:
                yield path


def open_own(path: str) -> RawSpoolFile | None:
    """Open a spool's file; return None if it belongs to another user, or others may open it.

    Raises:
        TraceError: The path is not a regular file.
        OSError: As the kernel said.
    """
    source = RawSpoolFile(path)
    if source.is_own and source.is_private:
        return source
    source.close()
    return None


def is_unformatted(source: RawSpoolFile) -> bool:
    """Return whether a spool begins with zeros: its recorder has not formatted it yet."""
    beginning = source.read(0, min(_MAGIC_BYTES, source.size_bytes))
    return not (beginning or b"").strip(b"\0")


def remove_empty(path: str) -> int | None:
    """Remove a spool of this user without samples and without a trace.

    Returns:
        The memory that the spool held, in bytes; None: the path is no such spool, and nothing was removed.

    Raises:
        RefusedError: The spool's recorder is alive, or the system refused.
    """
    if not is_spool_path(path):
        return None
    try:
        source = open_own(path)
        if source is None:
            return None
        return _remove_empty(source)
    except (TraceError, FileNotFoundError):
        return None
    except OSError as error:
        raise RefusedError(
            f"cannot remove {path}: {os.strerror(error.errno or 0)}",
            remedy="see that it is yours, and try again",
            errno=error.errno,
        ) from error


def _remove_empty(source: RawSpoolFile) -> int | None:
    if is_unformatted(source):
        with source:
            if source.try_lock():
                return _unlink(source)
            raise RefusedError(f"the spool {source.path} is in use", remedy="end the capture first")
    with SpoolReader(source.path, source) as spool:
        # Its recorder ended after it had laid out the spool, and before it made the trace's folder.
        if spool.header.opened or os.path.lexists(parse_document(spool.document, source.path).trace):
            return None
        spool.lock()
        return _unlink(source)


def _unlink(source: RawSpoolFile) -> int:
    if source.is_there():
        os.unlink(source.path)
    return source.status.st_blocks * 512


def _inspect(path: str) -> SpoolInfo | None:
    status = _status(path)
    if status is None or not stat.S_ISREG(status.st_mode):
        return None  # gone meanwhile, or no spool
    listed = SpoolInfo(path, status.st_blocks * 512, "foreign", user_name(status.st_uid))
    if not is_own(status):
        return listed
    try:
        source = open_own(path)
        return listed if source is None else _own(source, listed)
    except (OSError, TraceError):
        return None  # gone meanwhile, or no spool


def _status(path: str) -> os.stat_result | None:
    """Return the fstat() of a file without opening it for reading; None: it cannot be reached."""
    try:
        fd = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.fstat(fd)
    finally:
        os.close(fd)


def _own(source: RawSpoolFile, listed: SpoolInfo) -> SpoolInfo:
    if is_unformatted(source):
        with source:
            return replace(listed, state="empty" if source.try_lock() else "recording")
    with SpoolReader(source.path, source) as spool:
        trace = parse_document(spool.document, source.path).trace
        if spool.is_owned():
            return replace(listed, state="recording", trace=trace)
        return replace(listed, state="cut off", trace=trace, samples=_samples(spool))


def _samples(spool: SpoolReader) -> int:
    return sum(map(spool.rows_at, range(spool.header.released, spool.header.opened)))
