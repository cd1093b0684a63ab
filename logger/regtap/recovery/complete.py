"""Recovery: what a capture that was cut off left in its spool, or its journal, becomes the rest of its trace.

The finished parts say which blocks they hold, so that a recovery takes up where they end: nothing is stored twice,
and one that was itself cut off is simply run again. Finished parts are never touched.
"""

from __future__ import annotations

import contextlib
import errno
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from regtap.errors import InputError, RefusedError, StorageError, TraceError
from regtap.journal.replay import JournalFile, segment_paths
from regtap.recovery.cleanup import clear_away
from regtap.recovery.rebuild import Salvage
from regtap.spool.document import parse_document
from regtap.spool.pointer import read_note
from regtap.spool.reader import SpoolFile
from regtap.system.files import sync_parent
from regtap.system.host import boot_id
from regtap.trace.files import part_number
from regtap.trace.reader import open_trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regtap.spool.pointer import SpoolNote
    from regtap.trace.metadata import PartMetadata
    from regtap.trace.parts import Part
    from regtap.trace.totals import Totals


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a recovery came to.

    Attributes:
        trace: The folder.
        rows: Rows that it added; 0 too where the trace was complete already.
        parts: Parts that it added.
        totals: The balance of the whole trace.
        dropped: One line for each thing that could not be used.
        spool: Where the spool, or the journal, is kept; None if it is gone.
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
        folder = Path(home if output is None else output)
        _check_own(folder, spool)
        return _recover_into(folder, spool, template, keep=output is not None)


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
    finished = finished_parts(folder)
    totals = _totals_of(finished)
    if totals is not None and (note is None or not os.path.lexists(note.spool)):
        # The note goes last: without one, a recovery came to its end, and what it kept stays.
        was_kept = note is None and totals.ended == "recovered"
        kept = clear_away(folder, None, is_damaged=was_kept or _is_damaged(finished))
        return Recovered(str(folder), 0, 0, totals, spool=kept)
    with _left_behind(folder, note, finished) as spool:
        spool.lock()
        template, _ = parse_document(spool.document, spool.path)
        return _recover_into(folder, spool, template, keep=False)


def _left_behind(folder: Path, note: SpoolNote | None, finished: tuple[Part, ...]) -> SpoolFile:
    """Open the trace's spool, or else its journal: what the spool was at its last sync."""
    if note is not None and os.path.lexists(note.spool):
        return _opened(note.spool)
    if segment_paths(folder):
        return _journal(folder, finished)
    if note is None:
        raise TraceError(
            f"{folder} has no note of a spool; if `regtap recover --list` shows its spool, name that with -o {folder}"
        )
    why = "this machine was restarted since" if note.boot_id != boot_id() else "somebody removed it"
    raise StorageError(
        f"the spool {note.spool} is gone ({why}): {folder} ends with its last finished part", path=note.spool
    )


def _journal(folder: Path, finished: tuple[Part, ...]) -> SpoolFile:
    next_block = finished[-1].metadata.next_block if finished else None
    try:
        return JournalFile(folder, next_block or 0)
    except OSError as error:
        raise TraceError(f"cannot open the journal of {folder}: {os.strerror(error.errno or 0)}") from error


def finished_parts(folder: Path) -> tuple[Part, ...]:
    """Return the parts of a trace that may have none yet.

    Raises:
        TraceError: One of them is damaged or missing.
    """
    if not folder.is_dir() or all(part_number(name) is None for name in os.listdir(folder)):
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
            damaged = _is_damaged(finished)
        kept: str | None = spool.path
        if not keep:
            in_memory = None if isinstance(spool, JournalFile) else spool.path
            kept = clear_away(folder, in_memory, is_damaged=damaged or bool(recovered.dropped))
    return replace(recovered, spool=kept)


def _is_damaged(finished: tuple[Part, ...]) -> bool:
    return any(gap.cause == "writer" for part in finished for gap in part.metadata.gaps)


def _salvage(
    folder: Path, folder_fd: int, spool: SpoolFile, template: PartMetadata, finished: tuple[Part, ...]
) -> tuple[Recovered, bool]:
    """Write what the spool holds; return what came of it, and whether samples are missing that it once held."""
    salvage = Salvage(spool, template, finished, folder_fd)
    try:
        # Whoever made the finished parts may have been killed before their names were durable.
        os.fsync(folder_fd)
        totals = salvage.run()
    except OSError as error:
        raise StorageError(
            f"cannot write to {folder}: {os.strerror(error.errno or 0)}; "
            f"{spool.path} is kept: make room, and run this again",
            path=str(folder),
            errno=error.errno,
        ) from error
    finally:
        salvage.give_up()  # after an error: nothing half-written stays
    dropped = (*spool.broken, *salvage.dropped)
    return Recovered(str(folder), salvage.rows, salvage.parts, totals, dropped), salvage.is_incomplete


@contextlib.contextmanager
def _folder(folder: Path) -> Iterator[int]:
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
            sync_parent(folder)
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


def _check_own(folder: Path, spool: SpoolFile) -> None:
    """Raise unless the folder waits for this spool, or for none that is there."""
    note = read_note(folder) if folder.is_dir() else None
    if note is None or not os.path.exists(note.spool):
        return
    if not os.path.samefile(note.spool, spool.path):
        raise TraceError(
            f"{folder} is the trace of another spool, {note.spool}, which is there; name a new folder with -o"
        )


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
