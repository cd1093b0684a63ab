"""Files that are replaced as a whole, or not at all."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from regtap.errors import InputError
from regtap.system.files import replace_file, whole_file

LIMIT_BYTES = 4096


@contextmanager
def small_disk() -> Iterator[None]:
    """Let no file grow beyond LIMIT_BYTES; while open, nothing may be printed: stdout may be a longer file."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_file_is_made_or_replaced(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    for content in (b"old", b"new"):
        replace_file(path, content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["report.md"]


@pytest.mark.parametrize("old", [b"old", None], ids=["replaced", "made"])
def test_a_write_that_fails_leaves_the_folder_as_it_was(tmp_path: Path, old: bytes | None) -> None:
    path = tmp_path / "report.md"
    if old is not None:
        path.write_bytes(old)

    with pytest.raises(OSError, match=os.strerror(errno.EFBIG)), small_disk():
        replace_file(path, bytes(LIMIT_BYTES + 1))

    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == (
        [] if old is None else [("report.md", old)]
    )


def test_a_name_that_cannot_be_taken_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "report.md").mkdir()
    with pytest.raises(IsADirectoryError):
        replace_file(tmp_path / "report.md", b"new")
    assert os.listdir(tmp_path) == ["report.md"]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "report.md"
    victim.write_bytes(b"theirs")
    path.symlink_to(victim)
    replace_file(path, b"ours")

    assert (victim.read_bytes(), path.is_symlink(), path.read_bytes()) == (b"theirs", False, b"ours")


def test_a_file_that_came_stays_where_nothing_can_be_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))  # as where the folder may be written, and not read

    with whole_file(tmp_path / "made", force=False) as temporary:
        temporary.write_bytes(b"ours")
    with (
        pytest.raises(InputError, match="exists"),
        whole_file(tmp_path / "made", force=False) as temporary,
    ):
        temporary.write_bytes(b"new")

    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("made", b"ours")]
