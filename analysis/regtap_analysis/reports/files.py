"""Where a trace's report goes. One of the same trace is replaced, any other file is left alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from regtap.errors import InputError, StorageError
from regtap.system.files import open_regular
from regtap.system.output import write_output
from regtap.units.format import format_utc

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from regtap.trace.reader import Trace
    from regtap_analysis.reports.api import Report

_SUFFIXES = (".html", ".md")
_FILE_SUFFIXES = (*_SUFFIXES, ".htm")  # of the outputs that are no folders
_BEGINNING = 16_384  # bytes of a report: style, title and date


def report_paths(trace: Trace, output: Path | None) -> tuple[Path, ...]:
    """Return the files to write, after seeing that they may be.

    Args:
        trace: The trace.
        output: A file that ends in .html, .htm or .md; a folder for report.html and report.md, which may have to be
            made; None: both beside the trace, with its name.

    Raises:
        InputError: A file of that name is no report of this trace, or cannot be made there.
        StorageError: An existing file cannot be read.
    """
    paths = _paths(trace.path, output)
    place = None if output is None or is_file_name(output) else output.parent
    for path in paths:
        _check(path, trace, place)
    return paths


def is_file_name(output: Path) -> bool:
    """Return whether an output is a file by its name; else it is a folder."""
    return output.suffix.lower() in _FILE_SUFFIXES


def write_report(report: Report, paths: tuple[Path, ...]) -> None:
    """Write a report, each file whole or not at all; raises StorageError."""
    page = report.html()
    made: Mapping[str, str] = {".html": page, ".htm": page, ".md": report.markdown()}
    for path in paths:
        try:
            path.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise _unwritable(path, error) from error
        write_output(path, made[path.suffix.lower()].encode())


def _paths(trace: Path, output: Path | None) -> tuple[Path, ...]:
    if output is not None and is_file_name(output):
        return (output,)
    if output is not None:
        return tuple(output / f"report{suffix}" for suffix in _SUFFIXES)
    whole = trace.resolve() if trace.name in ("", "..") else trace
    return tuple(whole.with_name(f"{whole.name}{suffix}") for suffix in _SUFFIXES)


def _check(path: Path, trace: Trace, made_in: Path | None) -> None:
    """Raise if a file cannot be written.

    Args:
        path: The file.
        trace: The trace that it is about.
        made_in: Where its folder is made, if that is missing; None: it is not made.
    """
    place = path.parent if made_in is None or path.parent.is_dir() else made_in
    if not place.is_dir() or (os.path.lexists(path.parent) and not path.parent.is_dir()):
        raise InputError(f"cannot write {path}: {path.parent} is no folder; make it first")
    if path.parent.resolve() == trace.path.resolve():
        raise InputError(f"cannot write {path}: a trace holds only parts; name another place with -o")
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(
            f"cannot write {path}: no permission to write in {place}; name another place with -o"
        )
    if os.path.lexists(path) and not _is_report_of(path, trace):
        raise InputError(f"{path} is no report of this trace and stays; name another place with -o")


def _is_report_of(path: Path, trace: Trace) -> bool:
    """Whether a file is a report of the capture that began at that nanosecond."""
    try:
        with open_regular(path) as file:
            return format_utc(trace.start.realtime_ns).encode() in file.read(_BEGINNING)
    except (ValueError, FileNotFoundError):  # a folder, a pipe, a device; a link to nothing
        return False
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"cannot write {path}: {error.strerror}; name another place with -o",
        path=str(path),
        errno=error.errno,
    )
