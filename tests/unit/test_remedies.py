"""What a refusal advises, by its cause."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from regtap.errors import RefusedError
from regtap.recording.folder import OutputFolder
from regtap.simulator import process
from regtap.spool import size
from regtap.spool.location import LEAST_BYTES
from regtap.system.remedies import remedy_for

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EMFILE, "raise this process's limit on open files (`ulimit -n`)"),
        (errno.EFBIG, "raise the limit on the size of a file (`ulimit -f`)"),
        (errno.EROFS, "remount the file system for writing, or choose another folder"),
        (errno.EACCES, "otherwise"),
    ],
)
def test_a_remedy_is_that_of_the_cause(number: int, remedy: str) -> None:
    assert remedy_for(OSError(number, ""), "otherwise") == remedy


@pytest.mark.parametrize(
    ("number", "size_bytes", "remedy"),
    [
        (errno.EFBIG, 1 << 20, "raise the limit on the size of a file (`ulimit -f`)"),
        (errno.ENOSPC, 1 << 20, "free some of it, or give a smaller --spool-size"),
        (
            errno.ENOSPC,
            LEAST_BYTES,
            "free some of it, or mount it larger (mount -o remount,size=64M /dev/shm)",
        ),
        (errno.ENOENT, 1 << 20, "mount a tmpfs there (mkdir -p /dev/shm, mount -t tmpfs tmpfs /dev/shm)"),
        (errno.EMFILE, 1 << 20, "raise this process's limit on open files (`ulimit -n`)"),
    ],
)
def test_a_spool_that_cannot_be_had_advises_by_cause(number: int, size_bytes: int, remedy: str) -> None:
    assert size.no_room(size_bytes, OSError(number, "")).remedy == remedy


def test_a_spool_that_may_not_be_made_shows_the_folders_mode() -> None:
    assert size.no_room(1 << 20, OSError(errno.EACCES, "")).remedy.startswith(
        "chmod 1777 /dev/shm, which is d"
    )


def test_no_shared_memory_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="mount a tmpfs there"):
        size.default_size_bytes(None, str(tmp_path / "absent"))


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.EMFILE, "ulimit -n"), (errno.EROFS, "remount"), (errno.EACCES, "may write to")],
)
def test_an_output_that_cannot_be_made_advises_by_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("regtap.recording.folder._make", refuse)
    pointer: Any = None

    with pytest.raises(RefusedError, match=remedy):
        OutputFolder(str(tmp_path / "run"), pointer)


def test_a_simulator_that_may_not_be_executed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("subprocess.Popen", refuse)

    with pytest.raises(RefusedError, match="let this user execute "):
        process.start()
