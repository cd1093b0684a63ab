"""Captures with `--durable`: what becomes of the journal at their end, and when the disk refuses."""

from __future__ import annotations

import errno
import os
import tempfile
import threading
import time
from pathlib import Path

import polars as pl
import pytest

import regtap
from regtap.errors import InputError, RefusedError, StorageError
from regtap.journal.segments import Segments
from regtap.parts.file import PartFile
from regtap.recording import writer
from regtap.recording.options import RecordOptions
from regtap.recovery.complete import recover
from regtap.trace.metadata import PartMetadata


@pytest.mark.parametrize("seconds", [0.001, 61])
def test_an_interval_has_bounds(seconds: float) -> None:
    with pytest.raises(InputError, match="10ms to 60s"):
        RecordOptions(durable_ns=round(seconds * 1e9))


@pytest.mark.parametrize(("durable", "expected_ns"), [(True, 10**9), ("100ms", 10**8), (0.5, 5 * 10**8)])
def test_durable_says_how_often(tmp_path: Path, durable: bool | str | float, expected_ns: int) -> None:
    assert regtap.record("COUNT32", tmp_path / "x", target="sim", durable=durable).options.durable_ns == (
        expected_ns
    )


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "No space left on device; make room"),
        (errno.EMFILE, "Too many open files; raise this process's limit on open files"),
    ],
)
def test_no_room_for_a_journal_is_a_refusal_that_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    original = os.posix_fallocate

    def refuse(fd: int, offset: int, size: int) -> None:
        if "_journal-03" in os.readlink(f"/proc/self/fd/{fd}"):
            raise OSError(number, os.strerror(number))
        original(fd, offset, size)

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    before = set(os.listdir("/dev/shm"))
    capture = regtap.record("COUNT32", tmp_path / "x", target="sim", rate="1k", durable=True)
    with pytest.raises(RefusedError, match=says):
        capture.start()
    assert os.listdir(tmp_path) == []
    assert {name for name in os.listdir("/dev/shm") if name.startswith(f"regtap-{os.getpid()}-")} <= before


def test_a_journal_without_sync_ends_a_capture_that_keeps_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def refuse(fd: int) -> None:
        if begun.is_set() and capture.status().taken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", refuse)
    capture = regtap.record("COUNT32", tmp_path / "x", target="sim", rate="1k", durable="10ms")
    with pytest.raises(StorageError, match="cannot write the journal"), capture:
        begun.set()
        assert capture.wait(120)
    trace = regtap.open_trace(tmp_path / "x")
    assert trace.totals is not None
    assert (trace.rows, trace.totals.lost) == (trace.totals.stored, 0)
    assert trace.rows > 0
    assert sorted(os.listdir(tmp_path / "x")) == [part.path.name for part in trace.parts]


def test_what_the_disk_refused_is_in_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: PartFile, metadata: PartMetadata) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    capture = regtap.record(
        "COUNT32", tmp_path / "x", target="sim", rate="1k", durable="60s", spool_size="1MiB", samples=100
    )
    with monkeypatch.context() as patch, pytest.raises(StorageError, match="the rest is kept"), capture:
        patch.setattr(PartFile, "_finish", refuse)
        capture.wait()
    assert capture.summary.spool is not None
    os.unlink(capture.summary.spool)  # and then the power went
    result = recover(tmp_path / "x")
    assert (result.rows, result.totals.taken, result.dropped) == (100, 100, ())


@pytest.mark.parametrize("is_whole", [True, False])
def test_without_the_spool_the_journal_has_the_rest(
    tmp_path: Path, is_whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def refuse(self: PartFile, *_: object) -> None:
        assert begun.wait(120)
        os.unlink(capture._begun().resources.loop.spool.path)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    if not is_whole:
        monkeypatch.setattr(Segments, "has_room", lambda *_: False)
    monkeypatch.setattr(PartFile, "write", refuse)
    capture = regtap.record("COUNT32", tmp_path / "x", target="sim", durable="60s", spool_size="1MiB")
    with pytest.raises(StorageError) as raised, capture:
        begun.set()
        capture.wait()
    monkeypatch.undo()
    taken, lost = capture.summary.totals.taken, capture.summary.totals.lost
    if is_whole:
        kept = f"{tmp_path / 'x'}/_journal-*"
        assert f"the rest is kept on disk ({kept}): mend that, then `regtap recover" in str(raised.value)
        assert (capture.summary.spool, lost) == (kept, 0)
        result = recover(tmp_path / "x")
        assert (result.rows, result.totals.taken, result.dropped) == (taken, taken, ())
    else:
        assert "the rest is lost" in str(raised.value)
        assert (capture.summary.spool, lost) == (None, taken)


def test_a_journal_in_memory_is_said_to_be_useless() -> None:
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as folder,
        regtap.record("COUNT32", f"{folder}/x", target="sim", rate="1k", durable=True, samples=1) as capture,
    ):
        capture.wait()
        capture.close()
        assert any("in memory itself" in warning for warning in capture.summary.warnings)


def test_a_clean_end_leaves_no_journal(tmp_path: Path) -> None:
    with regtap.record(
        "COUNT32", tmp_path / "x", target="sim", rate="1k", durable="10ms", duration=0.1
    ) as capture:
        capture.wait()
    assert os.listdir(tmp_path / "x") == ["part-00000.parquet"]

    durability = capture.summary.durability
    assert durability is not None
    assert durability.syncs > 0
    assert durability.longest_sync_ns <= durability.exposed_ns


def test_a_flight_recorder_has_no_journal() -> None:
    with pytest.raises(InputError, match="a journal keeps every sample, and --on-full overwrite"):
        RecordOptions(durable_ns=1_000_000_000, on_full="overwrite")


def test_polars_takes_the_parts_beside_a_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "PART_MARKS", 1)  # each mark closes a part
    run, latest_s = tmp_path / "run", time.monotonic() + 120
    with regtap.record("COUNT32", run, target="sim", rate="5k", spool_size="512KiB", durable=True) as capture:
        capture.mark("now")
        while not list(run.glob("*.parquet")):
            assert time.monotonic() < latest_s
            time.sleep(0.01)
        assert list(run.glob("_journal-*"))
        assert pl.read_parquet(run / "*.parquet").height > 0

    assert pl.read_parquet(run).height == capture.summary.totals.stored
