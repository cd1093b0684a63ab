"""Where a run's files go: `results/<utc>-<host>/` with result.json, raw.parquet, report.md and report.html."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from regtap.errors import InputError, StorageError
from regtap_bench.report.render import markdown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regtap_bench.session import Session


def default_folder(created_utc: str, hostname: str) -> str:
    """Return the folder of a run in ./results.

    Args:
        created_utc: ISO 8601, to the second.
        hostname: Of this machine.
    """
    stamp = created_utc.partition("+")[0].replace("-", "").replace(":", "")
    host = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in hostname)
    return os.path.join("results", f"{stamp}Z-{host}")


def check_folder(path: str) -> None:
    """Raise InputError unless a folder could be made there, before anything is measured."""
    if os.path.exists(path):
        raise InputError(f"{path} exists already; name a new folder with -o")
    parent = os.path.dirname(os.path.abspath(path))
    while not os.path.isdir(parent):
        parent = os.path.dirname(parent)
    if not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(f"no permission to write in {parent}; name another folder with -o")


def render(session: Session) -> dict[str, bytes]:
    """Return a run's files by name; needs nothing but memory, and may therefore precede giving up root."""
    from regtap_bench.report.report_html import html  # imports matplotlib

    raw = io.BytesIO()
    session.blocks.write_parquet(raw)
    texts = {
        "report.html": html(session),
        "report.md": markdown(session.result),
        "result.json": session.result.to_json(),
    }
    return {**{name: text.encode() for name, text in texts.items()}, "raw.parquet": raw.getvalue()}


def store(files: Mapping[str, bytes], folder: str) -> None:
    """Write a run's files into a new folder.

    Raises:
        StorageError: The system refused.
    """
    try:
        os.makedirs(folder)
        for name, content in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
    except OSError as error:
        raise StorageError(
            f"cannot write {folder}: {error.strerror}; name another folder with -o",
            path=folder,
            errno=error.errno,
        ) from error
