"""Recovery: what a capture that was cut off left in its spool becomes the rest of its trace.

The finished parts say which blocks they hold, so that a recovery takes up where they end: nothing is stored twice,
and one that was itself cut off is simply run again. Finished parts are never touched.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regtap.errors import InputError, RefusedError, StorageError, TraceError
from regtap.host import boot_id
from regtap.salvage import Salvage
from regtap.spool_file import SpoolFile
from regtap.spool_layout import PREFIX, SHARED_MEMORY
from regtap.spool_note import parse_document, read_note
from regtap.trace import open_trace
from regtap.trace_format import SPOOL_POINTER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regtap.trace_format import PartMetadata, Totals
    from regtap.trace_parts import Part

_PART = re.compile(r"part-\d{5,}\.parquet\Z")


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a recovery came to.

    Attributes:
        trace: The folder.
        rows: Rows that it added; 0 too where the trace was complete already.
        parts: Parts that it added.
        totals: The balance of the whole trace.
        dropped: One line for each thing that could not be used.
        spool: Where the spool is kept, or None if it is gone.
    """

    trace: str
    rows: int
    parts: int
    totals: Totals
    dropped: tuple[str, ...] = ()
    spool: str | None = None


def recover(path: str | os.PathLike[str], output: str | os.PathLike[str] | None = None) -> Recovered:
    """Complete a trace that was cut off.

    Args:
        path: The trace's folder, or a spool.
        output: Only with a spool: the trace's folder; a new one, or one with the trace's finished parts. The spool
            is kept then. None: the folder that the spool names.

    Raises:
        TraceError: It is neither, or they do not belong together.
        RefusedError: The capture still runs, or the folder cannot be made.
        StorageError: The spool is gone, or the disk refused; then run it again.
    """
    if os.path.isdir(path):
        if output is not None:
            raise InputError(
                f"{os.fspath(path)} is a trace, completed in its own place; -o goes with a spool"
            )
        return _recover_trace(Path(path))
    with _opened(os.fspath(path)) as spool:
        spool.lock()
        template, home = parse_document(spool.document, spool.path)
        if output is None and not os.path.isdir(home):
            raise InputError(f"{spool.path}: its trace {home} is not here; name a folder with -o")
        return _recover_into(
            Path(home if output is None else output), spool, template, keep=output is not None
        )


def _opened(path: str) -> SpoolFile:
    try:
        return SpoolFile(path)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise RefusedError(
                f"cannot open {path}: {os.strerror(error.errno or 0)}",
                remedy="see that you may read it, and try again",
                errno=error.errno,
            ) from error
        raise TraceError(
            f"cannot open {path}: {os.strerror(error.errno or 0)}; name a trace or a spool"
        ) from error


def _recover_trace(folder: Path) -> Recovered:
    note = read_note(folder)
    totals = _totals_of(finished_parts(folder))
    if note is None and totals is None:
        raise TraceError(
            f"{folder} has no note of a spool; if `regtap recover --list` shows its spool, name that with -o {folder}"
        )
    if note is None or (totals is not None and not os.path.lexists(note.spool)):
        _tidy_up(folder, None, note=True)  # cut off after the spool's removal
        assert totals is not None  # noqa: S101 - seen above
        return Recovered(str(folder), 0, 0, totals)
    if not os.path.lexists(note.spool):
        why = "this machine was restarted since" if note.boot_id != boot_id() else "somebody removed it"
        raise StorageError(
            f"the spool {note.spool} is gone ({why}): {folder} ends with its last finished part",
            path=note.spool,
        )
    with _opened(note.spool) as spool:
        spool.lock()
        template, _ = parse_document(spool.document, spool.path)
        return _recover_into(folder, spool, template, keep=False)


def finished_parts(folder: Path) -> tuple[Part, ...]:
    """Return the parts of a trace that may have none yet.

    Raises:
        TraceError: One of them is damaged or missing.
    """
    if not folder.is_dir() or not any(_PART.match(name) for name in os.listdir(folder)):
        return ()
    return open_trace(folder).parts


def _totals_of(parts: tuple[Part, ...]) -> Totals | None:
    return parts[-1].metadata.totals if parts else None


def _recover_into(folder: Path, spool: SpoolFile, template: PartMetadata, *, keep: bool) -> Recovered:
    with _folder(folder) as folder_fd:
        finished = finished_parts(folder)
        _check_same_capture(spool, template, finished)
        totals = _totals_of(finished)
        if totals is None:
            recovered, damaged = _salvage(folder, folder_fd, spool, template, finished)
        else:
            recovered = Recovered(str(folder), 0, 0, totals)
            damaged = any(gap.cause == "writer" for part in finished for gap in part.metadata.gaps)
        kept = keep or damaged or bool(recovered.dropped) or not _is_ours(spool.path)
        _tidy_up(folder, None if kept else spool.path, note=not keep)
    return recovered if not kept else _with_spool(recovered, spool.path)


def _tidy_up(folder: Path, spool: str | None, *, note: bool) -> None:
    """Remove what a complete trace does not need any more."""
    try:
        if spool is not None:
            with contextlib.suppress(FileNotFoundError):  # another recovery was quicker
                os.unlink(spool)
        if note:
            remove_note(folder)
    except OSError as error:
        raise StorageError(
            f"{folder} is complete, but its spool or its note could not be removed: "
            f"{os.strerror(error.errno or 0)}; run this again",
            path=str(folder),
            errno=error.errno,
        ) from error


def _with_spool(recovered: Recovered, path: str) -> Recovered:
    return Recovered(
        recovered.trace, recovered.rows, recovered.parts, recovered.totals, recovered.dropped, path
    )


def _salvage(
    folder: Path, folder_fd: int, spool: SpoolFile, template: PartMetadata, finished: tuple[Part, ...]
) -> tuple[Recovered, bool]:
    """Write what the spool holds; return what came of it, and whether samples are missing that it once held."""
    salvage = Salvage(spool, template, finished, folder_fd)
    try:
        totals = salvage.run()
    except OSError as error:
        raise StorageError(
            f"cannot write to {folder}: {os.strerror(error.errno or 0)}; "
            f"the spool {spool.path} is kept: make room, and run this again",
            path=str(folder),
            errno=error.errno,
        ) from error
    finally:
        salvage.give_up()  # after an error: nothing half-written stays
    recovered = Recovered(str(folder), salvage.rows, salvage.parts, totals, tuple(salvage.dropped))
    return recovered, salvage.is_incomplete


@contextlib.contextmanager
def _folder(folder: Path) -> Iterator[int]:
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise RefusedError(
            f"cannot make or open {folder}: {os.strerror(error.errno or 0)}",
            remedy="choose a folder that you may write to",
            errno=error.errno,
        ) from error
    try:
        yield fd
    finally:
        os.close(fd)


def _check_same_capture(spool: SpoolFile, template: PartMetadata, finished: tuple[Part, ...]) -> None:
    if tuple(register.type for register in template.registers) != spool.types or (
        template.mode.latency != spool.has_latency
    ):
        raise TraceError(
            f"{spool.path}: its header and its document speak of different registers; it is damaged"
        )
    for part in finished[:1]:
        said = part.metadata
        if (said.start, said.registers, said.mode) != (template.start, template.registers, template.mode):
            raise TraceError(f"{spool.path} is the spool of another capture than {part.path.parent}")
    after = finished[-1].metadata.next_block if finished else None
    if after is not None and after > spool.opened:
        raise TraceError(
            f"{spool.path} is older than the parts of the trace: an early copy; bring the last one"
        )


def _is_ours(path: str) -> bool:
    """Whether it lies where recorders make spools: only there may it be removed."""
    folder, name = os.path.split(os.path.realpath(path))
    return folder == SHARED_MEMORY and name.startswith(PREFIX)


def remove_note(folder: Path) -> None:
    """Remove the note of a spool that is not needed any more."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(folder / SPOOL_POINTER)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
