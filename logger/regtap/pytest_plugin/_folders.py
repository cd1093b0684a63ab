"""The folders of tests' traces: BASE/RUN/TEST, and the removal of older runs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from regtap.documents.json_text import load_json
from regtap.system.files import read_own_file
from regtap.trace.files import JOURNAL_PREFIX, SPOOL_POINTER

if TYPE_CHECKING:
    import pytest

_RUN = re.compile(r"\d{8}-\d{6}-\d+")  # UTC and process, so that their order is that of time
_UNSAFE = re.compile(r"[^A-Za-z0-9_.=-]+")
_LONGEST_NAME = 120  # leaves room for a number, and most file systems take 255
_POINTER_BYTES = 16 << 10
_DISCARDED = ".discarded-"
_WORKER_KEY = "regtap_run"


class RunFolder:
    """The folder for the traces of one run of pytest; made when the first one is recorded.

    Attributes:
        path: BASE/RUN.
    """

    def __init__(self, config: pytest.Config) -> None:
        """Choose the folder of this run; xdist's workers take over the controller's choice."""
        worker = getattr(config, "workerinput", None) or {}
        name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}"
        self.path: Path = _base(config) / worker.get(_WORKER_KEY, name)
        # Two workers never look for a free name at the same time.
        self._suffix = f"-{worker['workerid']}" if worker else ""
        self._is_worker = bool(worker)
        self._retention_count = int(config.getini("regtap_retention_count"))
        self._lock_fd = -1
        self._owner_pid = os.getpid()

    def tell_worker(self, workerinput: dict[str, object]) -> None:
        """Leave word for a worker's own RunFolder."""
        workerinput[_WORKER_KEY] = self.path.name

    def new_path(self, nodeid: str) -> Path:
        """Return a free path for a test's trace, in an existing folder.

        Raises:
            OSError: The folder cannot be made.
        """
        if self._lock_fd < 0:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock_fd = _lock(self.path, fcntl.LOCK_SH)
        name = _safe_name(nodeid) + self._suffix
        path, number = self.path / name, 1
        while os.path.lexists(path):  # the test runs again, or another one's name differs in odd characters
            number += 1
            path = self.path / f"{name}-{number}"
        return path

    def has_traces(self) -> bool:
        """Return whether anything was kept."""
        return self.path.is_dir() and any(not path.name.startswith(".") for path in self.path.iterdir())

    def cut_off(self) -> list[Path]:
        """Return the interrupted traces of this run, after a crash of a worker or an error of the disk."""
        if not self.path.is_dir():
            return []
        return [
            trace
            for trace in sorted(self.path.iterdir())
            if _is_recoverable(trace) and not _is_recorded(trace)
        ]

    def finish(self) -> None:
        """At the end of the run, leave no empty folder, and only the last few runs."""
        if os.getpid() != self._owner_pid:  # a forked child that goes on as pytest
            return
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1
        if self._is_worker:  # the others may still record
            return
        for path in self.path.glob(f"{_DISCARDED}*"):
            shutil.rmtree(path, ignore_errors=True)
        if self.has_traces():
            _ignore_for_git(self.path.parent)
            _remove_old_runs(self.path.parent, self._retention_count)
        with contextlib.suppress(OSError):  # not empty, or never made
            self.path.rmdir()
            self.path.parent.rmdir()


def discard(path: Path) -> None:
    """Remove a trace of this run; if that is interrupted, the rest does not look like a trace."""
    away = path.with_name(_DISCARDED + path.name)
    with contextlib.suppress(OSError):
        path.rename(away)
    shutil.rmtree(away, ignore_errors=True)


def _base(config: pytest.Config) -> Path:
    """Return the folder of all runs; a path of the command line is relative to the folder of the call."""
    typed = config.getoption("regtap_dir")
    if typed:
        return Path(config.invocation_params.dir, os.path.expanduser(typed))
    return Path(config.rootpath, config.getini("regtap_dir"))


def _safe_name(nodeid: str) -> str:
    """Return the test's name for a file system; its end says most, so a long one loses its beginning."""
    return _UNSAFE.sub("-", nodeid).strip("-")[-_LONGEST_NAME:].strip("-.") or "test"


def _lock(folder: Path, how: int) -> int:
    """Lock a folder and return the descriptor of the lock, which shows other processes that the folder is in use.

    Raises:
        OSError: Somebody else does.
    """
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd


def _ignore_for_git(base: Path) -> None:
    with contextlib.suppress(OSError), open(base / ".gitignore", "x", encoding="ascii") as file:
        file.write("*\n")


def _remove_old_runs(base: Path, count: int) -> None:
    """Remove all but the last runs; runs in use, and runs with samples to be recovered, stay."""
    runs = sorted(path for path in base.iterdir() if _RUN.fullmatch(path.name) and path.is_dir())
    for path in runs[:-count]:
        with contextlib.suppress(OSError):
            fd = _lock(path, fcntl.LOCK_EX)
            if not any(map(_is_recoverable, path.iterdir())):
                shutil.rmtree(path, ignore_errors=True)
            os.close(fd)


def _is_recoverable(trace: Path) -> bool:
    """Return whether a trace was cut off, and its spool or its journal is still there."""
    return any(trace.glob(f"{JOURNAL_PREFIX}*")) or _spool_of(trace) is not None


def _is_recorded(trace: Path) -> bool:
    """Return whether the recorder of a trace is alive: it holds a lock on the spool."""
    spool = _spool_of(trace)
    if spool is None:
        return False
    try:
        fd = os.open(spool, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def _spool_of(trace: Path) -> str | None:
    """Return the path of a trace's spool, if the spool exists."""
    try:
        document = load_json(read_own_file(trace / SPOOL_POINTER, _POINTER_BYTES))
    except (OSError, ValueError):
        return None
    spool = document.get("spool") if isinstance(document, dict) else None
    return spool if isinstance(spool, str) and os.path.exists(spool) else None
