"""Finds traces: the named folders, and the folders below them."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from regtap.trace.files import SPOOL_POINTER, part_number
from regtap_analysis.catalogue.threads import map_threaded

TracesGiven: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
_GLOB = "*?["
_THREADS = 16  # a folder of storage behind a network is waited for by several


@dataclass(frozen=True, slots=True)
class TraceLocation:
    r"""A folder to open as a trace.

    Attributes:
        name: What the trace is called in every table: its folder as it was typed, without `./` and `//`; its
            absolute path where it was typed with `..`. Bytes that are no UTF-8 are escaped in it (`bad\udcff`).
        path: Its absolute path.
    """

    name: str
    path: str

    @property
    def root(self) -> str | None:
        """The beginning of the path that is not in the name: the current folder and a slash, or nothing.

        None where the path does not end with the name: it is escaped.
        """
        return self.path.removesuffix(self.name) if self.path.endswith(self.name) else None

    @property
    def is_text(self) -> bool:
        """Whether the path is UTF-8: the engines that answer questions open no other one."""
        return _shown(self.path) == self.path


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A named folder that is no readable trace.

    Attributes:
        name: As in TraceLocation.
        reason: One line that names it.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Search:
    """The result of a search.

    Attributes:
        locations: In the order of the arguments, and of their names within one; each folder once.
        left_out: Arguments that lead to no trace.
    """

    locations: tuple[TraceLocation, ...]
    left_out: tuple[LeftOut, ...]


def list_of(traces: TracesGiven) -> list[str | os.PathLike[str]]:
    """Return one trace, folder or pattern, or several of them, as a list."""
    return [traces] if isinstance(traces, str | os.PathLike) else list(traces)


def find_traces(arguments: Sequence[str | os.PathLike[str]]) -> Search:
    """Return all traces in folders or patterns.

    Args:
        arguments: Traces, folders that hold traces at any depth, or patterns such as `runs/**`. Links below a
            named folder are not followed, so that a trace counts once.
    """
    locations: dict[str, TraceLocation] = {}
    left_out: list[LeftOut] = []
    for argument in _expanded(os.fspath(argument) for argument in arguments):
        found = _below(argument)
        if not found:
            left_out.append(LeftOut(argument, _no_trace(argument)))
        for folder in found:
            location = _location(folder)
            locations.setdefault(location.path, location)
    return Search(tuple(locations.values()), tuple(left_out))


def _expanded(arguments: Iterable[str]) -> Iterator[str]:
    """Yield the arguments; a pattern is replaced by its matches."""
    for argument in arguments:
        if os.path.lexists(argument) or not any(sign in argument for sign in _GLOB):
            yield argument
            continue
        matches = [path for path in sorted(glob.glob(argument, recursive=True)) if os.path.isdir(path)]
        # `runs/**` matches each folder at any depth: a folder that leads to no trace is no mistake there
        yield from [path for path in matches if _is_trace(path)] or matches or [argument]


def _below(folder: str) -> list[str]:
    """Return a trace, or the traces below a folder, in the order of their names."""
    found: list[str] = []
    level = [folder]
    while level:
        inner = map_threaded(_inner_folders, level, _THREADS)
        found += [path for path, folders in zip(level, inner, strict=True) if folders is None]
        level = [path for folders in inner for path in folders or ()]
    return sorted(found, key=lambda path: path.split(os.sep))


def _inner_folders(folder: str) -> list[str] | None:
    """Return the folders in a folder; None if it is a trace."""
    folders = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name == SPOOL_POINTER or part_number(entry.name) is not None:
                    return None
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
    except OSError:  # it cannot be read, or is no folder: the argument that leads to nothing else is named
        return []
    return folders


def _is_trace(folder: str) -> bool:
    return _inner_folders(folder) is None


def _location(folder: str) -> TraceLocation:
    path, name = os.path.abspath(folder), os.path.normpath(folder)
    return TraceLocation(_shown(name if path.endswith(os.sep + name) and name != "." else path), path)


def _shown(path: str) -> str:
    """Return a path with the bytes escaped that are no UTF-8."""
    return path.encode(errors="backslashreplace").decode()


def _no_trace(argument: str) -> str:
    if not os.path.lexists(argument):
        return f"no trace at {argument}: there is no such folder"
    if not os.path.isdir(argument):
        return f"{argument} is no folder; a trace is a folder of parts"
    if not os.access(argument, os.R_OK | os.X_OK):
        return f"cannot open {argument}: permission denied; check its permissions"
    return f"{argument} is no trace and holds none"
