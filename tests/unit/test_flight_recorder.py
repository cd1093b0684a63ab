"""A flight recorder: the last samples before each snapshot and the end, each once, and an account of all the others."""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conservation import assert_conserved
from tests.flight_captures import record, wait_for_laps, wait_until_taken

import regtap
from regtap.parts.file import PartFile
from regtap.recording import writer
from regtap.recording.flight import MARK
from regtap.recovery.complete import recover


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "device"
    path.write_bytes(bytes(range(256)) * 16)
    return path


def causes(trace: regtap.Trace) -> list[str]:
    return [gap.cause for gap in trace.gaps]


def test_only_the_last_samples_are_stored_at_the_end(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run") as capture:
        wait_for_laps(capture)
        assert capture.status().stored == 0
        assert not list((tmp_path / "run").glob("*.parquet"))
    trace, totals = capture.trace(), capture.summary.totals

    assert causes(trace) == ["overwritten"]
    assert (trace.gaps[0].first_index, trace.gaps[0].count) == (0, totals.taken - totals.stored)
    assert totals.overwritten == totals.lost == totals.taken - totals.stored > 0
    assert totals.stored == trace.rows > 0
    assert_conserved(trace)


def test_samples_overwritten_as_asked_are_no_finding(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run") as capture:
        wait_for_laps(capture)
    assert capture.summary.totals.lost > 0
    assert capture.summary.clean


def test_a_capture_that_fits_the_ring_is_stored_whole(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run", samples=10_000) as capture:
        assert capture.wait(30)

    assert capture.trace().rows == 10_000
    assert capture.trace().gaps == ()
    assert_conserved(capture.trace())


def test_two_snapshots_and_the_end_are_three_stretches(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run") as capture:
        stored = []
        for _ in range(2):
            wait_for_laps(capture)
            stored.append(capture.snapshot().result(30))
        wait_for_laps(capture)
    trace = capture.trace()

    snapshots = capture.summary.snapshots
    assert snapshots is not None
    assert snapshots[:2] == tuple(stored)
    assert sum(snapshot.rows for snapshot in snapshots) == trace.rows
    assert causes(trace).count("overwritten") == 3
    assert_conserved(trace)


def test_a_snapshots_times_are_those_of_its_rows(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run") as capture:
        wait_for_laps(capture)
        snapshot = capture.snapshot().result(30)
        wait_for_laps(capture)

    times = capture.trace().to_arrow(columns=["t_ns"])["t_ns"].to_numpy()[: snapshot.rows]
    assert abs(int(times[0]) - snapshot.first_ns) <= 1  # two ways to round
    assert abs(int(times[-1]) - snapshot.last_ns) <= 1


def test_a_snapshot_right_after_another_stores_only_what_is_new(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run", rate="2k") as capture:
        wait_until_taken(capture, 50)
        first = capture.snapshot().result(30)
        second = capture.snapshot().result(30)

    totals = capture.summary.totals
    assert first.rows >= 50
    assert second.first_ns > first.last_ns
    assert totals.stored == totals.taken
    assert "overwritten" not in causes(capture.trace())
    assert_conserved(capture.trace())


def test_a_snapshot_holds_the_sample_taken_right_before_it(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run", rate="0.01") as capture:
        wait_until_taken(capture, 1)
        assert capture.snapshot().result(30).rows == 1


def test_the_moment_of_a_snapshot_is_marked(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run", rate="1k") as capture:
        wait_until_taken(capture, 5)
        snapshot = capture.snapshot().result(30)
    assert [mark.text for mark in capture.trace().marks] == ["snapshot"]
    assert capture.trace().marks[0].t_ns >= snapshot.first_ns


def test_a_snapshot_is_taken_when_no_mark_of_a_user_fits(
    device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_MARKS", writer.OWN_MARKS + 2)

    with record(device, tmp_path / "run") as capture:
        capture.mark("first")
        capture.mark("second")
        with pytest.raises(regtap.InputError, match="too many wait"):
            capture.mark("third")
        wait_until_taken(capture, 1)
        capture.snapshot().result(30)
        capture.mark("fourth")

    assert [mark.text for mark in capture.trace().marks] == ["first", "second", MARK, "fourth"]
    assert_conserved(capture.trace())


@pytest.mark.usefixtures("slow_writer")
def test_what_is_dropped_while_a_snapshot_is_stored_is_a_finding(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run") as capture:
        wait_for_laps(capture)
        snapshots = [capture.snapshot() for _ in range(2)]  # the later one has what the loop met meanwhile
        for snapshot in snapshots:
            snapshot.result(30)
    trace, totals = capture.trace(), capture.summary.totals

    assert "full" in causes(trace)
    assert totals.lost > totals.overwritten
    assert not capture.summary.clean
    assert_conserved(trace)


@pytest.mark.usefixtures("slow_writer")
def test_a_snapshot_is_whole_however_slow_the_writer_is(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run") as capture:
        wait_for_laps(capture)
        snapshot = capture.snapshot().result(30)
    gaps = [gap for gap in capture.trace().gaps if snapshot.first_ns < gap.t1_ns <= snapshot.last_ns]
    assert gaps == []


def test_an_eighth_of_a_full_ring_is_free_during_a_snapshot(
    device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted before anything that is stored gives room back."""
    original = PartFile.write
    taken_in: list[int] = []

    def write(self: PartFile, *rows: Any) -> None:
        blocks = 0
        while not taken_in and blocks < 2:
            status = capture.status()
            ring = capture._begun().resources.loop.ring
            blocks = (status.taken - status.lost - before) // ring.rows_per_block
            if status.lost > 100_000:
                break
        taken_in.append(blocks)
        original(self, *rows)

    monkeypatch.setattr(PartFile, "write", write)
    with record(device, tmp_path / "run") as capture:
        wait_for_laps(capture)
        before = capture.status().taken
        capture.snapshot().result(30)
    assert taken_in[0] >= 2
    assert_conserved(capture.trace())


@pytest.mark.usefixtures("slow_writer")
def test_a_snapshot_gives_room_back_part_by_part(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run") as capture:
        wait_for_laps(capture)
        capture.snapshot().result(30)
        assert len(list((tmp_path / "run").glob("*.parquet"))) > 1


@pytest.mark.usefixtures("slow_writer")
def test_a_snapshot_is_one_part_where_the_loop_needs_no_room(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run", rate="100") as capture:
        wait_until_taken(capture, 20)
        capture.snapshot().result(30)
        assert len(list((tmp_path / "run").glob("*.parquet"))) == 1


def test_keep_last_bounds_what_is_stored(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run", rate="2k", keep_last="20ms", spool_size=None) as capture:
        wait_until_taken(capture, 500)
        capture.snapshot().result(30)

    trace = capture.trace()
    gap = trace.gaps[0]
    assert (gap.cause, gap.first_index) == ("overwritten", 0)
    before = trace.to_arrow(
        columns=["t_ns"], t1=trace.marks[0].t_ns
    ).num_rows  # what comes later is stored too
    assert 0 < before < 200  # 40, or less where slots were missed, and what else is in their blocks
    assert_conserved(trace)


def test_less_than_was_to_be_kept_is_a_finding(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run", keep_last="1h") as capture:
        wait_for_laps(capture)

    assert capture.summary.short
    assert not capture.summary.clean
    assert_conserved(capture.trace())


def test_a_window_longer_than_the_capture_is_not_short(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run", keep_last="1h", samples=5000) as capture:
        assert capture.wait(30)
    assert not capture.summary.short
    assert capture.summary.clean


def test_a_spool_too_small_for_the_window_is_refused(device: Path, tmp_path: Path) -> None:
    with pytest.raises(regtap.InputError, match=r"keeps .* s only at this rate"):
        record(device, tmp_path / "run", rate="1M", keep_last="10s").start()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("rate", ["3M", "50M"])
def test_missed_slots_are_told_from_overwritten_samples(device: Path, tmp_path: Path, rate: str) -> None:
    with record(device, tmp_path / "run", rate=rate, duration=0.1) as capture:
        while not capture.wait(0.02):
            with suppress(regtap.InputError):  # it may have ended just now
                capture.snapshot().result(30)

    totals = capture.summary.totals
    assert totals.missed == sum(gap.count for gap in capture.trace().gaps if gap.cause == "missed")
    assert_conserved(capture.trace())


def test_a_truncated_device_ends_with_the_last_samples_before_it(device: Path, tmp_path: Path) -> None:
    with pytest.raises(regtap.BusFaultError) as caught, record(device, tmp_path / "run") as capture:
        wait_for_laps(capture)
        os.truncate(device, 0)
        assert capture.wait(30)

    trace = regtap.open_trace(tmp_path / "run")
    assert caught.value.index == capture.summary.totals.taken
    assert trace.rows > 0
    assert causes(trace) == ["overwritten", "fault"]
    assert_conserved(trace)


def test_the_longest_hole_lies_within_a_stretch(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run") as capture:
        wait_until_taken(capture, 100)
        capture.snapshot().result(30)
        time.sleep(0.2)
        wait_for_laps(capture)
    times = capture.trace().to_arrow(columns=["t_ns"])["t_ns"].to_numpy()

    gaps = [gap for gap in capture.trace().gaps if gap.cause == "overwritten"]
    assert gaps
    assert capture.summary.longest_hole_ns <= np.diff(times).max()
    assert capture.summary.longest_hole_ns < max(gap.t1_ns - gap.t0_ns for gap in gaps)


def test_a_full_disk_keeps_what_was_to_be_stored(
    device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: PartFile, *rows: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    capture = record(device, tmp_path / "run")
    capture.start()
    wait_for_laps(capture)
    with monkeypatch.context() as patch:
        patch.setattr(PartFile, "write", refuse)
        with pytest.raises(regtap.StorageError, match=r"No space left.*regtap recover"):
            capture.snapshot().result(30)
        capture.close()
    with pytest.raises(regtap.StorageError, match="regtap recover"):
        capture.raise_fault()
    totals = capture.summary.totals
    assert totals.stored == 0
    recovered = recover(tmp_path / "run")
    assert recovered.rows == totals.taken - totals.lost > 0
    assert recovered.totals.taken == totals.taken
    assert_conserved(regtap.open_trace(tmp_path / "run"))


def test_what_to_keep_is_refused_without_a_flight_recorder(device: Path, tmp_path: Path) -> None:
    with pytest.raises(regtap.InputError, match="--on-full overwrite"):
        record(device, tmp_path / "run", on_full="wait", keep_last=1)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(
    laps=st.lists(st.integers(0, 3), max_size=5),
    rate=st.sampled_from(["max", "300k", "3M"]),
    keep_last=st.sampled_from([None, 0.001, 0.004]),
)
def test_any_schedule_of_snapshots_conserves(
    device: Path,
    tmp_path_factory: pytest.TempPathFactory,
    laps: list[int],
    rate: str,
    keep_last: float | None,
) -> None:
    folder = tmp_path_factory.mktemp("any") / "run"
    with record(device, folder, rate=rate, keep_last=keep_last) as capture:
        for count in laps:
            wait_until_taken(capture, capture.status().taken + 10_000 * count)
            capture.snapshot()
    assert_conserved(capture.trace())

    progress = capture.status()

    assert capture.summary.totals.taken == progress.taken
    assert capture.summary.totals.missed == progress.missed
