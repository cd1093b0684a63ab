"""The parts of a trace: their files and their footers, read without any rows."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regtap.errors import RefusedError, TraceError
from regtap.system.files import open_regular
from regtap.trace.arrow import shared_values
from regtap.trace.files import SPOOL_POINTER, part_name, part_number
from regtap.trace.footer import MAGIC, read_footer
from regtap.trace.metadata import LATENCY_COLUMN, METADATA_KEY, TIME_COLUMN, PartMetadata
from regtap.trace.ranges import LARGEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.parquet as pq

    from regtap.trace.footer import Footer

_BUFFER_BYTES = 1 << 20
BATCH_ROWS = 1 << 17  # 2 MiB for a time and a 64-bit register, which fit the cache of a core

_LEAST_BYTES = 12  # of a Parquet file: its magic twice, and its footer's length
_TRIES = 100  # arbitrary: so often in a row is a part removed between two looks
_MEND = "copy it again, or move it and all later parts away"


@dataclass(frozen=True, slots=True)
class Part:
    """One closed file of a trace.

    Attributes:
        path: The file.
        metadata: Metadata of the part.
        columns: Its columns in their order, and the type of each as numpy names it.
        rows: Number of rows; 0 for a part that only carries gaps.
        size_bytes: Size of the file.
        ranges: Smallest and largest value of each column, from its statistics; empty without rows.
        footer: All that the file says about itself.
    """

    path: Path
    metadata: PartMetadata
    columns: Mapping[str, str]
    rows: int
    size_bytes: int
    ranges: Mapping[str, tuple[int, int]]
    footer: Footer


def find_parts(folder: Path) -> tuple[Path, ...]:
    """Return the parts of a trace in their order, without those that it has given up.

    Raises:
        TraceError: It is no folder, has no part, or one is missing between the others.
        RefusedError: The system does not let one of them be read.
    """
    numbered = {
        number: entry for entry in _entries(folder) if (number := part_number(entry.name)) is not None
    }
    if not numbered:
        raise TraceError(_no_parts(folder))
    last = max(numbered)
    wanted = range(_first_part(numbered), last + 1)
    for number in wanted:
        if number not in numbered:
            name = part_name(number)
            raise TraceError(
                f"{folder}: {name} is missing (the last part is {part_name(last)}); bring it back"
            )
    return tuple(numbered[number] for number in wanted)


def _first_part(numbered: Mapping[int, Path]) -> int:
    """Return the number of the first part that counts: where a capture rotates, its last part says so."""
    first, last = min(numbered), max(numbered)
    if first == last == 0 or (first == 0 and not read_part(numbered[0]).metadata.mode.rotates):
        return 0
    rotated = read_part(numbered[last]).metadata.rotated
    return 0 if rotated is None else rotated.parts


@dataclass(frozen=True, slots=True)
class OpenedParts:
    """The parts of a trace at one moment.

    Attributes:
        paths: Paths of the parts, in order.
        first: The footer of the first part.
        whole: What every footer says, where the capture rotates: its parts may be gone a moment later. Else None.
    """

    paths: tuple[Path, ...]
    first: Part
    whole: tuple[Part, ...] | None


def open_parts(folder: Path) -> OpenedParts:
    """Return the parts of a trace, also where its capture removes old ones meanwhile.

    Raises:
        TraceError: It is no trace, a part is missing, or the first one is damaged.
        RefusedError: The system does not let one of them be read.
    """
    for _ in range(_TRIES - 1):
        with contextlib.suppress(_GoneError):
            return _open_parts(folder)
    return _open_parts(folder)


def _open_parts(folder: Path) -> OpenedParts:
    paths = find_parts(folder)
    first = read_part(paths[0])
    if not first.metadata.mode.rotates:
        return OpenedParts(paths, first, None)
    whole = (first, *map(read_part, paths[1:]))
    check_parts(whole)
    return OpenedParts(paths, first, whole)


def opened_parts(parts: tuple[Part, ...]) -> OpenedParts:
    """Return parts that were read already, wherever they lie; raises TraceError if they do not belong together."""
    check_parts(parts)
    return OpenedParts(tuple(part.path for part in parts), parts[0], parts)


def read_part(path: Path) -> Part:
    """Read the footer of a part.

    Raises:
        TraceError: It is no Parquet file, truncated, or is not a part that this regtap understands.
        RefusedError: The system does not let it be read.
    """
    footer = _read_footer(path)
    document = footer.metadata.get(METADATA_KEY)
    if document is None:
        raise TraceError(
            f"{path} was not written by regtap (it has no regtap metadata); a trace holds only parts"
        )
    metadata = PartMetadata.from_json(document, str(path))
    _check_columns(path, footer.columns, metadata)
    ranges = footer.ranges()
    _check_times(path, *ranges.get(TIME_COLUMN, (0, 0)))
    return Part(path, metadata, footer.columns, footer.rows, _size_bytes(path), ranges, footer)


def check_parts(parts: Sequence[Part]) -> None:
    """Raise TraceError if a part is of another capture than the first one, was renamed, or follows from other ones."""
    rotated = parts[-1].metadata.rotated
    if parts[0].metadata.first_index != (0 if rotated is None else rotated.extent):
        raise TraceError(
            f"{parts[0].path} does not begin where the parts before it ended; two traces are mixed"
        )
    for number, part in enumerate(parts, 0 if rotated is None else rotated.parts):
        if part.metadata.part != number:
            raise TraceError(f"{part.path} calls itself part {part.metadata.part}; give it its own name back")
        if part.metadata.start != parts[0].metadata.start:
            raise TraceError(
                f"{part.path} is of another capture than {parts[0].path.name}; two traces are mixed"
            )
        if part.metadata.registers != parts[0].metadata.registers or part.columns != parts[0].columns:
            raise TraceError(
                f"{part.path} holds other registers than {parts[0].path.name}; two traces are mixed"
            )


def read_rows(part: Part, schema: pa.Schema, window: tuple[int, int]) -> Iterator[pa.RecordBatch]:
    """Yield a part's rows with t_ns in [window[0], window[1]), in batches of at most BATCH_ROWS rows.

    Args:
        part: The part to read.
        schema: The columns wanted; their order is kept.
        window: First time, inclusive, and last time, exclusive; row groups outside of it are not read.

    Raises:
        TraceError: The part is damaged.
    """
    import pyarrow as pa

    if not part.rows or not _overlap(part.ranges.get(TIME_COLUMN), window):
        return
    try:
        yield from _batches(part.path, schema, window)
    except FileNotFoundError as error:
        raise _GoneError(removed_meanwhile(part.path)) from error
    except (pa.ArrowException, OSError) as error:
        raise TraceError(_damaged(part.path, error)) from error


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        raise TraceError(f"no trace at {folder}: there is no such folder") from None
    except NotADirectoryError:
        raise TraceError(
            f"{folder} is a file; a trace is the folder that holds {part_name(0)}: name that"
        ) from None
    except OSError as error:
        raise TraceError(f"cannot open {folder}: {error.strerror}; check its permissions") from error


def _no_parts(folder: Path) -> str:
    if (folder / SPOOL_POINTER).exists():
        return (
            f"{folder} has no finished part yet: it is being recorded, or was cut off before its first one; "
            f"then `regtap recover {folder}` makes one"
        )
    return f"{folder} is not a trace: it holds no {part_name(0)}"


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError as error:
        raise _GoneError(removed_meanwhile(path)) from error


def _read_footer(path: Path) -> Footer:
    try:
        return read_footer(path)
    except OSError as error:
        raise cannot_read(path, error) from error
    except ValueError as error:
        raise TraceError(_unreadable(path, error)) from error


class _GoneError(TraceError):
    """A part is not there; where its capture rotates, the trace is to be looked at again."""


def removed_meanwhile(path: str | os.PathLike[str]) -> str:
    """Return the error's text for a part that was there when the trace was opened."""
    return f"{os.fspath(path)} was removed meanwhile, perhaps by its capture (--keep-parts); open the trace again"


def cannot_read(path: Path, error: OSError) -> TraceError | RefusedError:
    """Return the error for a part that the system does not let be read, or that is not there any more."""
    if isinstance(error, FileNotFoundError):
        return _GoneError(removed_meanwhile(path))
    return RefusedError(
        f"cannot read {path}: {os.strerror(error.errno or 0)}",
        remedy="see that you may read it, and try again",
        errno=error.errno,
    )


def _unreadable(path: Path, error: BaseException) -> str:
    """Return the error for a file without a readable footer."""
    try:
        content = _ends(path)
    except OSError as refused:
        raise cannot_read(path, refused) from error
    except ValueError:
        return f"{path} is no regular file; take it out of the trace or bring the real one back"
    if not content.startswith(MAGIC) and content:
        return f"{path} is no Parquet file; take it out of the trace or bring the real one back"
    if len(content) < 8 or not content.endswith(MAGIC):
        return f"{path} is truncated: it has no footer; {_MEND}"
    return _damaged(path, error)


def _damaged(path: Path, error: BaseException) -> str:
    return f"{path} is damaged ({_one_line(error)}); {_MEND}"


def _one_line(error: BaseException) -> str:
    """Return the first line of another library's message, without its full stop."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")


def _ends(path: Path) -> bytes:
    """Return the first and last four bytes of a file; the first four of one that is too short for a footer."""
    with open_regular(path) as file:
        first = file.read(_LEAST_BYTES)
        if len(first) < _LEAST_BYTES:
            return first[: len(MAGIC)]
        file.seek(-len(MAGIC), os.SEEK_END)
        return first[: len(MAGIC)] + file.read(len(MAGIC))


def _check_columns(path: Path, columns: Mapping[str, str], metadata: PartMetadata) -> None:
    expected = {TIME_COLUMN: "int64", **{register.name: register.dtype for register in metadata.registers}}
    if metadata.mode.latency:
        expected[LATENCY_COLUMN] = "uint32"
    if columns != expected:
        raise TraceError(
            f"{path}: its columns ({' '.join(columns)}) are not the registers of its metadata; it is damaged"
        )


def _check_times(path: Path, first_ns: int, last_ns: int) -> None:
    if not -LARGEST <= first_ns <= last_ns <= LARGEST:
        reason = ValueError(f"times from {first_ns} to {last_ns} ns are none of a capture")
        raise TraceError(_damaged(path, reason))


def _bounds(footer: pq.FileMetaData, group: int, column: int) -> tuple[Any, Any] | None:
    statistics = footer.row_group(group).column(column).statistics
    if statistics is None or not statistics.has_min_max:
        return None
    return statistics.min, statistics.max


def _overlap(held: tuple[int, int] | None, window: tuple[int, int]) -> bool:
    """Whether the times held, if known, meet the half-open window."""
    return held is None or (held[0] < window[1] and held[1] >= window[0])


def _batches(path: Path, schema: pa.Schema, window: tuple[int, int]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # As it is read, not a whole row group ahead: 10 MB instead of 150, and twice the rows a second.
    with (
        path.open("rb") as opened,  # arrow opens no path that is not UTF-8
        pq.ParquetFile(opened, pre_buffer=False, buffer_size=_BUFFER_BYTES) as file,
    ):
        time_index = file.schema_arrow.get_field_index(TIME_COLUMN)
        groups = [
            group
            for group in range(file.num_row_groups)
            if _overlap(_bounds(file.metadata, group, time_index), window)
        ]
        wanted = list({TIME_COLUMN, *schema.names})
        for batch in file.iter_batches(BATCH_ROWS, row_groups=groups, columns=wanted):
            rows = _within(batch.column(TIME_COLUMN), window)
            if rows.stop > rows.start:
                chosen = [batch.column(name)[rows] for name in schema.names]
                yield pa.RecordBatch.from_arrays(chosen, schema=schema)


def _within(times: pa.Array, window: tuple[int, int]) -> slice:
    """Return the slice of sorted times that lie in a window."""
    first, stop = shared_values(times).searchsorted(window)
    return slice(int(first), int(stop))
