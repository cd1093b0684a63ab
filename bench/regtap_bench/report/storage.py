"""The files of a run: `results/<utc>-<host>/` with result.json, raw.parquet, report.md and report.html.

A run's folder is made anew, never added to. The reports follow from result.json alone and may be made again, in
place: one of the same run is replaced, atomically; any other file is left alone.
"""

from __future__ import annotations

import io
import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from regtap.errors import InputError, StorageError
from regtap.system.files import replace_file
from regtap_bench.arms.base import REGULAR
from regtap_bench.drawing import load_matplotlib
from regtap_bench.measuring import raw_parquet
from regtap_bench.report.render import markdown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from regtap.system.privileges import User
    from regtap_bench.figures.result import Result
    from regtap_bench.session import Session


REPORTS = ("report.html", "report.md")
_BEGINNING = 16_384  # bytes of a report: its title and date


def default_folder(created_utc: str, hostname: str) -> str:
    """Return the folder of a run in ./results.

    Args:
        created_utc: ISO 8601, to the second.
        hostname: Name of this machine.
    """
    stamp = created_utc.partition("+")[0].replace("-", "").replace(":", "")
    host = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in hostname)
    return os.path.join("results", f"{stamp}Z-{host}")


def check_folder(path: str, user: User | None = None) -> None:
    """Raise InputError unless a folder could be made there, before anything is measured.

    Args:
        path: The folder.
        user: Who will make it; None: this process as it is.
    """
    if os.path.lexists(path):
        raise InputError(f"{path} exists already; name a new folder with -o")
    _check_permission(path, user)


def _check_permission(folder: str, user: User | None = None) -> None:
    """Raise InputError unless files may be made in a folder, or the folder in its parent."""
    place = os.path.abspath(folder)
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        raise InputError(f"{place} is no folder; name another with -o")
    if user is None and not os.access(place, os.W_OK | os.X_OK):
        raise InputError(f"no permission to write in {place}; name another folder with -o")
    if user is not None and not _may_write(user, place):
        raise InputError(
            f"{user.name}, whose the results will be, may not write in {place}; name another folder with -o, "
            "or another --user"
        )


def _may_write(user: User, place: str) -> bool:
    """Return whether a user may write in a folder; a process of the user's tries, since root may write anywhere."""
    command = ["test", "-w", place, "-a", "-x", place]
    done = subprocess.run(command, check=False, user=user.uid, group=user.gid, extra_groups=[user.gid])
    return done.returncode == 0


def render(session: Session) -> dict[str, bytes]:
    """Return all files of a run by name."""
    return {**render_reports(session.result), **render_data(session)}


def render_data(session: Session) -> dict[str, bytes]:
    """Return the data files of a run by name; reports can be made again, these cannot."""
    raw = io.BytesIO()
    raw_parquet.write({REGULAR: session.blocks, **session.others}, raw)
    return {"result.json": session.result.to_json().encode(), "raw.parquet": raw.getvalue()}


def render_reports(result: Result) -> dict[str, bytes]:
    """Return the reports of a result by name."""
    load_matplotlib()
    from regtap_bench.report.report_html import html  # imports matplotlib

    return dict(zip(REPORTS, (html(result).encode(), markdown(result).encode()), strict=True))


def store(files: Mapping[str, bytes], folder: str) -> None:
    """Write a run's files into a new folder.

    Raises:
        StorageError: The system refused.
    """
    with _storing(folder):
        os.makedirs(folder)
        for name, content in files.items():
            with open(os.path.join(folder, name), "xb") as file:  # never through a link
                file.write(content)


def check_reports_folder(folder: str, result: Result) -> None:
    """Raise InputError unless the reports may be written: they replace only reports of the same run.

    Raises:
        StorageError: An existing file cannot be read.
    """
    _check_permission(folder)
    with _storing(folder):
        for name in REPORTS:
            _check_replaceable(os.path.join(folder, name), result)


def store_reports(files: Mapping[str, bytes], folder: str) -> None:
    """Write the reports, each atomically: readers see the old report or the new one.

    Raises:
        StorageError: The system refused.
    """
    with _storing(folder):
        os.makedirs(folder, exist_ok=True)
        for name, content in files.items():
            replace_file(os.path.join(folder, name), content)


def _check_replaceable(path: str, result: Result) -> None:
    if not os.path.lexists(path):
        return
    with open(path, "rb") as file:
        beginning = file.read(_BEGINNING)
    if result.created_utc.encode() not in beginning:
        raise InputError(f"{path} is no report of this run and stays; name another folder with -o")


@contextmanager
def _storing(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write {folder}: {error.strerror}; name another folder with -o",
            path=folder,
            errno=error.errno,
        ) from error
