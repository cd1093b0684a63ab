"""Recovery: completes an interrupted trace from the spool, or the journal, of its capture.

The metadata of the finished parts says which blocks they hold, so that a recovery continues where they end and stores
no sample twice; a recovery that was itself interrupted is run again. Finished parts are never changed.
"""

from __future__ import annotations

import contextlib
import errno
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from regtap.errors import InputError, RefusedError, StorageError, TraceError
from regtap.journal.replay import JournalReader, segment_paths
from regtap.recovery.cleanup import clean_up
from regtap.recovery.plan import plan_recovery
from regtap.recovery.rebuild import Rebuild
from regtap.recovery.search import pointer_state
from regtap.spool.document import parse_document
from regtap.spool.raw_file import RawSpoolFile
from regtap.spool.reader import SpoolReader
from regtap.system.files import sync_parent
from regtap.system.permissions import describe_user, user_name
from regtap.trace.files import part_number
from regtap.trace.reader import open_trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regtap.recovery.search import PointerState
    from regtap.spool.document import SpoolDocument
    from regtap.trace.metadata import PartMetadata
    from regtap.trace.parts import Part
    from regtap.trace.totals import Totals


@dataclass(frozen=True, slots=True)
class Recovered:
    """The result of a recovery.

    Attributes:
        trace: The trace's folder.
        rows: Rows that were added; 0 for a trace that was complete.
        parts: Parts that were added.
        totals: The balance of the whole trace.
        dropped: One line for each block or count that could not be used.
        spool: Path of the spool or the journal, if it is kept; None: it is gone.
    """

    trace: str
    rows: int
    parts: int
    totals: Totals
    dropped: tuple[str, ...] = ()
    spool: str | None = None


def recover(path: str | os.PathLike[str], output: str | os.PathLike[str] | None = None) -> Recovered:
    """Complete an interrupted trace.

    Args:
        path: The trace's folder, or a spool.
        output: Only with a spool, which is then kept: the trace's folder, a new one or one with the trace's finished
            parts. None: the folder that the spool names.

    Raises:
        TraceError: The path is neither a trace nor a spool, or spool and trace do not belong together.
        RefusedError: The capture still runs, or the folder cannot be made.
        StorageError: The spool is gone, or the disk refused; run the recovery again.
    """
    if os.path.isdir(path):
        if output is not None:
            raise InputError(
                f"{os.fspath(path)} is a trace, completed in its own place; -o goes with a spool"
            )
        return _recover_trace(Path(path))
    with _opened(os.fspath(path)) as spool:
        spool.lock()
        document = parse_document(spool.document, spool.path)
        if output is None and not os.path.isdir(document.trace):
            raise InputError(f"{spool.path}: its trace {document.trace} is not here; name a folder with -o")
        folder = Path(document.trace if output is None else output)
        if output is None:
            _require_own(folder)
        _check_own(folder, document)
        return _recover_into(folder, spool, document.template, keep=output is not None)


def _opened(path: str) -> SpoolReader:
    """Open a spool that the user named; the file must belong to this user."""
    try:
        source = RawSpoolFile(path)
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
    if not source.is_own:
        source.close()
        raise RefusedError(
            f"{path} belongs to {user_name(source.status.st_uid)}, not to {describe_user()}",
            remedy="recover it as its owner",
        )
    return SpoolReader(path, source)


def _recover_trace(folder: Path) -> Recovered:
    _require_own(folder)
    state = pointer_state(folder)
    finished = finished_parts(folder)
    totals = _totals_of(finished)
    spool = state.open_spool(folder) if totals is None or state.is_there else None
    if totals is not None and spool is None:
        # The pointer is removed last: without one, a recovery has ended before, and the files that it kept stay.
        was_kept = not state.is_there and totals.ended == "recovered"
        kept = clean_up(folder, _first_part(finished), None, is_damaged=was_kept or _is_damaged(finished))
        return Recovered(str(folder), 0, 0, totals, spool=kept)
    with spool or _journal(folder, state, finished) as left_behind:
        left_behind.lock()
        template = parse_document(left_behind.document, left_behind.path).template
        return _recover_into(folder, left_behind, template, keep=False)


def _require_own(folder: Path) -> None:
    """Raise RefusedError unless a trace is this user's: the pointer in another user's proves nothing."""
    with _folder(folder) as folder_fd:
        owner = os.fstat(folder_fd).st_uid
    if owner != os.geteuid():
        raise RefusedError(
            f"{folder} belongs to {user_name(owner)}, not to {describe_user()}",
            remedy="recover it as its owner, or name its spool if that is yours "
            f"(`regtap recover SPOOL -o {folder}`)",
        )


def _journal(folder: Path, state: PointerState, finished: tuple[Part, ...]) -> SpoolReader:
    """Open the journal of a trace whose spool is gone."""
    if not segment_paths(folder):
        raise state.no_spool(folder)
    next_block = finished[-1].metadata.next_block if finished else None
    try:
        return JournalReader(folder, next_block or 0)
    except OSError as error:
        raise TraceError(f"cannot open the journal of {folder}: {os.strerror(error.errno or 0)}") from error


def finished_parts(folder: Path) -> tuple[Part, ...]:
    """Return the finished parts of a trace; empty if there are none yet.

    Raises:
        TraceError: A part is damaged or missing.
    """
    if not folder.is_dir() or all(part_number(name) is None for name in os.listdir(folder)):
        return ()
    return open_trace(folder).parts


def _totals_of(parts: tuple[Part, ...]) -> Totals | None:
    return parts[-1].metadata.totals if parts else None


def _first_part(finished: tuple[Part, ...]) -> int:
    """Return the number of the first part that counts."""
    return finished[0].metadata.part if finished else 0


def _recover_into(folder: Path, spool: SpoolReader, template: PartMetadata, *, keep: bool) -> Recovered:
    with _folder(folder) as folder_fd:
        finished = finished_parts(folder)
        _check_same_capture(spool, template, finished)
        totals = _totals_of(finished)
        if totals is None:
            recovered, damaged = _rebuild(folder, folder_fd, spool, template, finished)
        else:
            recovered = Recovered(str(folder), 0, 0, totals)
            damaged = _is_damaged(finished)
        kept: str | None = spool.path
        if not keep:
            in_memory = (
                spool.path if not isinstance(spool, JournalReader) and spool.source.is_there() else None
            )
            is_damaged = damaged or bool(recovered.dropped)
            kept = clean_up(folder, _first_part(finished), in_memory, is_damaged=is_damaged)
    return replace(recovered, spool=kept)


def _is_damaged(finished: tuple[Part, ...]) -> bool:
    return any(gap.cause == "writer" for part in finished for gap in part.metadata.gaps)


def _rebuild(
    folder: Path, folder_fd: int, spool: SpoolReader, template: PartMetadata, finished: tuple[Part, ...]
) -> tuple[Recovered, bool]:
    """Store the rest of the trace; return the result, and whether any sample is missing."""
    rebuild = Rebuild(spool, plan_recovery(spool, template, finished), folder_fd)
    try:
        # Whoever made the finished parts may have been killed before their names were durable.
        os.fsync(folder_fd)
        totals = rebuild.run()
    except OSError as error:
        raise StorageError(
            f"cannot write to {folder}: {os.strerror(error.errno or 0)}; "
            f"{spool.path} is kept: mend that, and run this again",
            path=str(folder),
            errno=error.errno,
        ) from error
    finally:
        rebuild.remove_half_written()  # after an error: nothing half-written stays
    dropped = (*spool.broken, *rebuild.dropped)
    return Recovered(str(folder), rebuild.rows, rebuild.parts, totals, dropped), rebuild.is_incomplete


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


def _check_own(folder: Path, document: SpoolDocument) -> None:
    """Raise TraceError if the folder's pointer leads to another spool, and that spool exists."""
    state = pointer_state(folder)
    if state.pointer is None or state.pointer.identity == document.identity:
        return
    other = state.open_spool(folder)
    if other is not None:
        other.close()
        raise TraceError(
            f"{folder} is the trace of another spool, {state.pointer.spool}, which is there; "
            "name a new folder with -o"
        )


def _check_same_capture(spool: SpoolReader, template: PartMetadata, finished: tuple[Part, ...]) -> None:
    if tuple(register.kind for register in template.registers) != spool.header.types or (
        template.mode.latency != spool.header.has_latency
    ):
        raise TraceError(
            f"{spool.path}: its header and its document speak of different registers; it is damaged"
        )
    for part in finished[:1]:
        said = part.metadata
        if (said.start, said.registers, said.mode) != (template.start, template.registers, template.mode):
            raise TraceError(f"{spool.path} is the spool of another capture than {part.path.parent}")
    after = finished[-1].metadata.next_block if finished else None
    if after is not None and after > spool.header.opened:
        raise TraceError(
            f"{spool.path} is older than the parts of the trace: an early copy; bring the last one"
        )
