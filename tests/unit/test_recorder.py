"""The recorder against a counting device: what is stored, lost and missed balances, and gaps lie where they say."""

from __future__ import annotations

import ast
import errno
import os
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.conservation import assert_conserved
from tests.waiting import wait_until

import regtap
from regtap.parts.file import PartFile
from regtap.recording import writer
from regtap.system import cpus
from regtap.trace.gaps import Gap

SMALL = "1MiB"  # fills in milliseconds


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "device"
    path.write_bytes(bytes(range(256)) * 16)
    return path


def record(device: Path, output: Path, **options: Any) -> regtap.Capture:
    options.setdefault("spool_size", "8MiB")
    return regtap.record(["a=0:u32", "b=8:u8"], output, target=f"file:{device}", **options)


def test_samples_ends_a_capture_at_that_many_rows(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run", samples=12345) as capture:
        assert capture.wait(30)
    trace = capture.trace()

    assert trace.rows == 12345
    assert capture.summary.totals.ended == "samples"
    assert_conserved(trace)


def test_columns_hold_the_registers_values(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run", samples=1000) as capture:
        capture.wait(30)

    table = capture.trace().to_arrow()
    assert table.column_names == ["t_ns", "a", "b"]
    assert set(table["a"].to_pylist()) == {0x03020100}
    assert set(table["b"].to_pylist()) == {8}
    assert not any(field.nullable for field in table.schema)


def test_times_never_decrease_over_all_parts(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run", samples=400_000, spool_size="2MiB") as capture:
        capture.wait(60)
    trace = capture.trace()
    assert capture.summary.parts > 1

    times = trace.to_arrow(columns=["t_ns"])["t_ns"].to_numpy()

    assert len(times) == 400_000
    assert np.all(np.diff(times) >= 0)
    assert times[0] >= 0


@pytest.mark.usefixtures("slow_writer")
def test_wait_pauses_and_loses_nothing(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run", samples=200_000, spool_size=SMALL, on_full="wait") as capture:
        capture.wait(60)
    summary, trace = capture.summary, capture.trace()

    assert (summary.totals.taken, summary.totals.stored, summary.totals.lost) == (200_000, 200_000, 0)
    assert summary.pauses > 0
    assert {(gap.cause, gap.count) for gap in trace.gaps} == {("throttled", 0)}
    assert summary.clean
    assert_conserved(trace)


@pytest.mark.usefixtures("slow_writer")
def test_discard_counts_and_places_every_loss(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run", duration=0.5, spool_size=SMALL, on_full="discard") as capture:
        capture.wait(60)
    summary, trace = capture.summary, capture.trace()

    assert summary.totals.lost > 0
    assert summary.totals.taken == summary.totals.stored + summary.totals.lost
    assert not summary.clean
    assert {gap.cause for gap in trace.gaps} == {"full"}
    assert_conserved(trace)


@pytest.mark.usefixtures("slow_writer")
def test_stop_ends_when_the_ring_is_full(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run", spool_size=SMALL, on_full="stop") as capture:
        assert capture.wait(60)

    summary = capture.summary
    assert summary.totals.ended == "full"
    assert summary.totals.taken == summary.totals.stored > 0
    assert not summary.clean
    assert_conserved(capture.trace())


@pytest.mark.usefixtures("slow_writer")
@pytest.mark.parametrize("on_full", ["wait", "discard", "stop"])
def test_a_paced_capture_balances_its_slots(device: Path, tmp_path: Path, on_full: str) -> None:
    with record(
        device, tmp_path / "run", rate="300k", duration="400ms", spool_size="512KiB", on_full=on_full
    ) as capture:
        capture.wait(60)
    totals = capture.summary.totals
    assert totals.due == totals.stored + totals.lost + totals.missed

    if on_full != "stop":
        assert totals.due == 120_000

    assert_conserved(capture.trace())


def test_the_schedule_counts_every_slot_of_a_fraction(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run", rate="333.5", duration="500ms") as capture:
        capture.wait(60)

    totals = capture.summary.totals
    assert totals.due == 167  # slots at 0, 1/333.5, ... below 0.5 s
    assert totals.taken + totals.missed == 167
    assert_conserved(capture.trace())


def test_a_stop_ends_a_slow_schedule_at_once(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run", rate="0.01") as capture:
        capture.wait_for_first_row()
    assert capture.summary.totals.taken == 1
    assert capture.trace().rows == 1


def test_an_empty_capture_is_a_trace_all_the_same(device: Path, tmp_path: Path) -> None:
    capture = record(device, tmp_path / "run", rate="1k", samples=1)
    capture.start()
    capture.close()

    trace = regtap.open_trace(tmp_path / "run")
    assert trace.rows == capture.summary.totals.stored <= 1
    assert trace.totals is not None


def test_latency_is_a_column_of_its_own(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run", samples=5000, latency=True) as capture:
        capture.wait(60)

    table = capture.trace().to_arrow()
    assert table.column_names[-1] == "latency_ns"
    assert str(table.schema.field("latency_ns").type) == "uint32"
    assert max(table["latency_ns"].to_pylist()) > 0


def test_nothing_is_left_behind_by_a_clean_end(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run", samples=1000) as capture:
        assert (tmp_path / "run" / "_spool").exists()
        capture.wait(60)
    assert sorted(os.listdir(tmp_path / "run")) == ["part-00000.parquet"]
    assert not [name for name in os.listdir("/dev/shm") if name.startswith(f"regtap-{os.getpid()}-")]


def test_an_existing_output_is_refused_and_stays_as_it_is(device: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    output.mkdir()
    (output / "precious").write_text("data")

    with pytest.raises(regtap.InputError, match="exists already"):
        record(device, output, samples=1).start()

    assert os.listdir(output) == ["precious"]


def test_a_truncated_device_ends_a_capture_that_keeps_its_rows(device: Path, tmp_path: Path) -> None:
    with pytest.raises(regtap.BusFaultError) as caught, record(device, tmp_path / "run") as capture:
        while capture.status().taken < 1000:
            time.sleep(0.001)
        os.truncate(device, 0)
        assert capture.wait(30)
    assert caught.value.register in ("a", "b")
    assert caught.value.address in (0, 8)

    trace = regtap.open_trace(tmp_path / "run")
    assert trace.rows == caught.value.index == capture.summary.totals.taken >= 1000
    assert trace.gaps[-1].cause == "fault"
    assert abs(trace.gaps[-1].t0_ns - trace.to_arrow(columns=["t_ns"])["t_ns"][-1].as_py()) <= 1
    assert_conserved(trace)


def test_a_paced_capture_survives_a_truncated_device_too(device: Path, tmp_path: Path) -> None:
    with pytest.raises(regtap.BusFaultError), record(device, tmp_path / "run", rate="10k") as capture:
        while capture.status().taken < 100:
            time.sleep(0.001)
        os.truncate(device, 0)
        assert capture.wait(30)

    totals = capture.summary.totals
    assert totals.due == totals.stored + totals.lost + totals.missed
    assert_conserved(capture.trace())


def test_two_captures_at_once_fault_on_their_own(tmp_path: Path) -> None:
    paths = [tmp_path / "one", tmp_path / "two"]
    for path in paths:
        path.write_bytes(bytes(4096))
    captures = [record(path, tmp_path / f"run-{path.name}", rate="20k") for path in paths]
    for capture in captures:
        capture.start()
    os.truncate(paths[0], 0)
    assert captures[0].wait(30)
    assert not captures[1].wait(0.05)

    for capture in captures:
        capture.close()

    assert isinstance(captures[0].summary.fault, regtap.BusFaultError)
    assert captures[1].summary.fault is None


def test_a_full_disk_ends_the_capture_and_keeps_the_spool(
    device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(self: PartFile, *rows: Any) -> None:
        if self.number >= 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(self, *rows)

    original = PartFile.write
    monkeypatch.setattr(PartFile, "write", no_space)
    with (
        pytest.raises(regtap.StorageError, match="No space left"),
        record(device, tmp_path / "run", spool_size=SMALL) as capture,
    ):
        assert capture.wait(60)
    summary = capture.summary
    assert summary.spool is not None
    assert os.path.exists(summary.spool)
    os.unlink(summary.spool)
    trace = regtap.open_trace(tmp_path / "run")
    assert trace.rows == summary.totals.stored > 0
    assert sorted(os.listdir(tmp_path / "run")) == ["_spool", "part-00000.parquet"]


@pytest.mark.parametrize("rate", [0, -1.0, 1e-12, 2e9, 10**400, float("inf"), float("-inf"), float("nan")])
def test_a_rate_that_cannot_be_kept_is_refused(device: Path, tmp_path: Path, rate: float) -> None:
    with pytest.raises(regtap.InputError, match="rate"):
        record(device, tmp_path / "run", rate=rate)


def test_the_packages_own_example_is_python() -> None:
    example = (regtap.__doc__ or "").partition("In short:")[2]
    assert "capture.mark" in example
    ast.parse(textwrap.dedent(example))


def test_a_long_capture_of_few_samples_makes_a_part_in_time(
    device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PART_NS", 200_000_000)
    monkeypatch.setattr("regtap.recording.options._SEAL_SHARE_NS", 32 * 20_000_000)  # a block each 20 ms

    with record(device, tmp_path / "run", rate="1k", spool_size="4MiB") as capture:
        while len(list((tmp_path / "run").glob("part-*.parquet"))) < 2:
            time.sleep(0.01)

    assert_conserved(capture.trace())
    first = pq.ParquetFile(tmp_path / "run" / "part-00000.parquet")
    assert (
        first.num_row_groups == 1
    )  # its rows went to the encoder when the first one was old, and it was due then


def test_rows_are_stored_once_their_part_is_finished(
    device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ROW_GROUP_ROWS", 1)  # a row group of each block
    monkeypatch.setattr("regtap.recording.options._SEAL_SHARE_NS", 32 * 20_000_000)  # a block each 20 ms

    with record(device, tmp_path / "run", rate="1k", spool_size="4MiB") as capture:
        while not capture._begun().writer.stored.written:
            time.sleep(0.01)
        status = capture.status()
        assert list((tmp_path / "run").glob("part-*.parquet")) == []
        assert (status.stored, status.waiting) == (0, status.taken - status.lost)

    status = capture.status()
    assert (status.stored, status.waiting) == (capture.summary.totals.stored, 0)


def test_conservation_is_not_believed_blindly(device: Path, tmp_path: Path) -> None:
    """The check itself: a gap that is moved by one row is noticed."""
    with record(device, tmp_path / "run", rate="1k", samples=50) as capture:
        capture.wait(60)
    trace = capture.trace()
    assert_conserved(trace)

    times = trace.to_arrow()["t_ns"].to_pylist()
    wrong = Gap(10, 1, times[5], times[6], "full")

    with pytest.raises(AssertionError):
        assert_conserved(trace, extra=(wrong,))


@pytest.mark.parametrize(
    "use",
    [
        lambda capture: capture.status(),
        lambda capture: capture.stop(),
        lambda capture: capture.wait(0),
        lambda capture: capture.wait_for_first_row(),
        lambda capture: capture.mark("early"),
        lambda capture: capture.summary,
        lambda capture: capture.raise_fault(),
    ],
    ids=["status", "stop", "wait", "wait_for_first_row", "mark", "summary", "raise_fault"],
)
def test_a_capture_is_not_used_before_its_start(
    use: Callable[[regtap.Capture], object], device: Path, tmp_path: Path
) -> None:
    capture = record(device, tmp_path / "run")

    with pytest.raises(regtap.InputError) as caught:
        use(capture)

    assert str(caught.value) == "the capture has not started; call start(), or use it in a with block"


def test_a_second_start_is_refused_and_the_first_goes_on(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run", samples=100) as capture:
        with pytest.raises(regtap.InputError, match="started already"):
            capture.start()
        assert capture.wait(60)

    assert capture.trace().rows == 100


def test_a_pause_at_the_very_end_is_counted(
    device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()
    original = PartFile.write

    def write(self: PartFile, *rows: Any) -> None:
        held.wait(30)
        original(self, *rows)

    monkeypatch.setattr(PartFile, "write", write)
    capture = record(device, tmp_path / "run", spool_size=SMALL, on_full="wait")
    capture.start()
    wait_until(lambda: capture.status().spool_fill == 1, "a full ring")
    filled_s = capture.status().elapsed_s
    wait_until(lambda: capture.status().elapsed_s > 3 * filled_s, "a pause longer than the rows before it")
    capture.stop()
    held.set()
    capture.close()
    summary = capture.summary
    assert summary.pauses == 1
    assert summary.totals.throttled_ns > summary.span_ns  # the last row came before the pause
    assert 0.5 < summary.paused_share <= 1
    assert [(gap.cause, gap.count) for gap in capture.trace().gaps] == [("throttled", 0)]
    assert_conserved(capture.trace())


def test_a_capture_that_is_always_late_ends_when_it_is_stopped(device: Path, tmp_path: Path) -> None:
    with record(device, tmp_path / "run", rate="50M") as capture:
        while not capture.status().missed:
            time.sleep(0.001)
        capture.stop()
        assert capture.wait(60)  # it once went on for a minute and a half
    assert capture.summary.totals.ended == "stopped"
    assert_conserved(capture.trace())


def test_a_writer_that_may_not_be_pinned_writes_all_the_same(
    device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(cpus, "choose_cpus", lambda wanted: (None, {0}))
    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    with record(device, tmp_path / "run", rate="1k", samples=50, durable=True) as capture:
        capture.wait(30)
    assert regtap.open_trace(tmp_path / "run").rows == capture.summary.totals.stored == 50
    assert "the regtap-writer thread could not be pinned: Operation not permitted" in capture.summary.warnings
