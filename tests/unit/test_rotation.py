"""Rotation: a capture that keeps its last parts only, and an exact balance all the same."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from tests.conservation import assert_conserved
from tests.waiting import wait_until

import regtap
from regtap.errors import InputError, TraceError
from regtap.parts import builder
from regtap.parts.file import PartFile
from regtap.recording import rotation, writer
from regtap.recording.rotation import Limits
from regtap.recovery.complete import recover
from regtap.trace.files import part_name

SMALL: dict[str, Any] = {"spool_size": "512KiB", "on_full": "wait"}


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "PART_BYTES", 5_000)
    monkeypatch.setattr(writer, "ROW_GROUP_ROWS", 1000)


@pytest.fixture
def device(tmp_path: Path) -> str:
    path = tmp_path / "device"
    path.write_bytes(bytes(range(256)) * 16)
    return f"file:{path}"


def record(folder: Path, target: str, **options: Any) -> regtap.Capture:
    """Record to the end by `options`; the folder must not exist."""
    with regtap.record(["a=0:u32"], folder, target=target, **{**SMALL, **options}) as capture:
        assert capture.wait(120)
    return capture


def files(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_the_last_parts_stay_and_the_balance_is_exact(device: str, tmp_path: Path) -> None:
    capture = record(tmp_path / "run", device, samples=200_000, keep_parts=3)

    trace, summary = capture.trace(), capture.summary
    assert_conserved(trace)
    assert trace.rotated is not None
    assert files(tmp_path / "run") == [part_name(trace.rotated.parts + k) for k in range(3)]
    assert trace.rotated.parts > 3
    assert summary.totals.taken == 200_000 == summary.totals.stored + summary.totals.rotated
    assert (summary.parts, summary.removed_parts) == (3, trace.rotated.parts)
    assert summary.bytes == trace.size_bytes
    assert summary.clean
    (gap,) = (gap for gap in trace.gaps if gap.cause == "rotated")
    assert (gap.first_index, gap.count) == (0, trace.parts[0].metadata.first_index)
    assert 0 < gap.t1_ns <= trace.ranges["t_ns"][0]


def test_the_newest_rows_stay_though_they_are_too_many(
    device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "LEAST_BYTES", 1)  # so small that each row group is a part

    capture = record(tmp_path / "run", device, samples=50_000, keep_size=1)

    trace = capture.trace()
    assert_conserved(trace)
    assert trace.parts[-1].rows == 0 < trace.parts[0].rows == capture.summary.totals.stored
    assert len(trace.parts) == capture.summary.parts == 2


def test_the_last_bytes_stay(device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "LEAST_BYTES", 1)
    monkeypatch.setattr(rotation, "_FOOTER_BYTES", 6_000)

    capture = record(tmp_path / "run", device, samples=400_000, keep_size=100_000)

    trace = capture.trace()
    assert_conserved(trace)
    assert trace.rotated is not None
    on_disk = sum(path.stat().st_size for path in (tmp_path / "run").iterdir())
    assert 50_000 < on_disk == trace.size_bytes <= 100_000


def test_at_least_the_newest_part_stays(device: str, tmp_path: Path) -> None:
    capture = record(tmp_path / "run", device, samples=50_000, keep_parts=1)

    assert [part.rows > 0 for part in capture.trace().parts] in (
        [True],
        [True, False],
    )  # the end may have no rows
    assert_conserved(capture.trace())


def test_a_capture_that_ends_early_gives_up_nothing(device: str, tmp_path: Path) -> None:
    capture = record(tmp_path / "run", device, samples=100, keep_parts=3)

    assert capture.trace().rotated is None
    assert files(tmp_path / "run") == [part_name(0)]
    assert capture.summary.totals.rotated == 0


def test_slots_missed_in_removed_parts_are_rotated_with_them(device: str, tmp_path: Path) -> None:
    capture = record(tmp_path / "run", device, rate="30M", samples=200_000, keep_parts=2)

    trace, totals = capture.trace(), capture.summary.totals
    assert_conserved(trace)
    assert trace.rotated is not None
    assert totals.due == totals.stored + totals.lost + totals.missed + totals.rotated
    assert totals.taken == capture.status().taken
    assert totals.missed + trace.rotated.count("missed") == capture.status().missed > 0


def test_what_was_lost_before_stays_a_finding(
    device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls, started = PartFile.write, [], Event()

    def write(self: PartFile, *rows: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            wait_until(lambda: started.is_set() and capture.status().lost, "a full ring")
        original(self, *rows)

    monkeypatch.setattr(PartFile, "write", write)
    capture = regtap.record(
        ["a=0:u32"], tmp_path / "run", target=device, spool_size="512KiB", on_full="discard", keep_parts=1
    )
    with capture:
        started.set()
        while (capture.status().lost == 0 or len(calls) < 12) and not capture.wait(0.01):
            pass

    totals = capture.summary.totals
    assert_conserved(capture.trace())
    assert totals.rotated_lost > 0
    assert totals.lost + totals.rotated_lost == capture.status().lost
    assert not capture.summary.clean


def test_a_flight_recorder_keeps_its_last_stretches(device: str, tmp_path: Path) -> None:
    with regtap.record(
        ["a=0:u32"], tmp_path / "run", target=device, rate="10k", on_full="overwrite", keep_parts=2
    ) as capture:
        for _ in range(5):
            time.sleep(0.02)
            capture.snapshot().result(60)

    trace = capture.trace()
    assert_conserved(trace)
    assert trace.rotated is not None
    assert trace.rotated.parts >= 3
    assert len(trace.parts) == 2
    assert capture.summary.clean


def test_files_that_cannot_be_removed_count_no_more(
    device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = os.unlink

    def unlink(path: Any, **options: Any) -> None:
        if str(path) == part_name(0):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        original(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", unlink)
        capture = record(tmp_path / "run", device, samples=100_000, keep_parts=2)

    trace = capture.trace()
    assert files(tmp_path / "run")[0] == part_name(0)
    assert [note for note in capture.summary.warnings if "part-00000.parquet" in note]
    assert len(trace.parts) == 2
    assert_conserved(trace)


@pytest.fixture
def rotated(device: str, tmp_path: Path) -> tuple[Path, dict[str, bytes]]:
    """A trace that keeps two parts, and the parts that it removed."""
    removed: dict[str, bytes] = {}
    original = rotation.Rotation._remove

    def keep_a_copy(self: rotation.Rotation, number: int) -> bool:
        removed[part_name(number)] = (tmp_path / "run" / part_name(number)).read_bytes()
        return original(self, number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rotation.Rotation, "_remove", keep_a_copy)
        record(tmp_path / "run", device, samples=100_000, keep_parts=2)
    assert len(removed) > 3
    return tmp_path / "run", removed


def test_any_rest_of_removed_parts_is_passed_over(rotated: tuple[Path, dict[str, bytes]]) -> None:
    """After a power loss any of the removals may not be on the disk."""
    folder, removed = rotated
    before = regtap.open_trace(folder)
    for name in list(removed)[::2]:
        (folder / name).write_bytes(removed[name])

    trace = regtap.open_trace(folder)

    assert [part.path for part in trace.parts] == [part.path for part in before.parts]
    assert_conserved(trace)
    assert recover(folder).rows == 0
    assert files(folder) == [part.path.name for part in before.parts]


def test_a_missing_part_that_counts_is_told(rotated: tuple[Path, dict[str, bytes]]) -> None:
    folder, _ = rotated
    first, _ = files(folder)
    (folder / first).unlink()

    with pytest.raises(TraceError, match=rf"{first} is missing"):
        _ = regtap.open_trace(folder).parts


def test_parts_of_another_trace_are_told(
    rotated: tuple[Path, dict[str, bytes]], device: str, tmp_path: Path
) -> None:
    folder, _ = rotated
    record(tmp_path / "other", device, samples=130_000, keep_parts=2)
    names = files(folder)
    other = regtap.open_trace(tmp_path / "other").parts[0]
    (folder / names[0]).write_bytes(other.path.read_bytes())

    with pytest.raises(TraceError):
        _ = regtap.open_trace(folder).parts


def test_a_running_capture_is_read_while_it_removes_parts(device: str, tmp_path: Path) -> None:
    with regtap.record(["a=0:u32"], tmp_path / "run", target=device, **SMALL, keep_parts=2) as capture:
        while not files(tmp_path / "run")[-1].startswith("part-") and not capture.wait(0.001):
            pass
        for _ in range(200):
            trace = regtap.open_trace(tmp_path / "run")
            given_up = 0 if trace.rotated is None else trace.rotated.extent
            index = trace.parts[0].metadata.first_index
            assert index == given_up
            assert np.all(np.diff([part.metadata.part for part in trace.parts]) == 1)

    assert_conserved(capture.trace())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"keep_parts": 0}, "it must be whole, from 1"),
        ({"keep_parts": "two"}, "is not a count"),
        (
            {"keep_size": "10kB"},
            "in 10,000 bytes there is no room for a part of a trace; keep 1 MiB at least",
        ),
        ({"keep_size": 0}, "it must be whole, from 1"),
    ],
)
def test_what_keeps_nothing_is_refused(tmp_path: Path, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        regtap.record(["COUNT32"], tmp_path / "run", target="sim", **options)


def test_limits_say_when_too_much_is_kept() -> None:
    limits = Limits(parts=3, size_bytes=2 << 20)

    assert not limits.exceeded(3, 2 << 20)
    assert limits.exceeded(4, 0)
    assert limits.exceeded(1, (2 << 20) + 1)
    assert not Limits().exceeded(10**9, 2**60)
