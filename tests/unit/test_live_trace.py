"""The rows of a running capture, read from its spool, against the trace that the capture leaves."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.synthetic import counter_trace

import regtap
from regtap.errors import TraceError
from regtap.follow import live as module
from regtap.follow.live import LiveTrace, open_live
from regtap.recovery.search import PointerState
from regtap.trace.reader import Trace

REGISTERS = ["COUNT64", "STATUS"]
_LONGEST_S = 60


def look_until(live: LiveTrace, holds: Callable[[Trace], bool]) -> Trace:
    """Look again and again until the trace is as wanted."""
    end = time.monotonic() + _LONGEST_S
    while True:
        with contextlib.suppress(TraceError):  # no row yet
            if holds(trace := live.look()):
                return trace
        assert time.monotonic() < end
        time.sleep(0.02)


def assert_begins_like(seen: dict[str, np.ndarray], path: Path, bound_ns: float) -> None:
    """Compare rows that were seen while the capture ran with those that it stored."""
    rows = len(seen["t_ns"])
    stored = regtap.open_trace(path).to_arrow()
    for name in REGISTERS:
        assert np.array_equal(seen[name], stored[name].to_numpy()[:rows])
    assert np.max(np.abs(seen["t_ns"] - stored["t_ns"].to_numpy()[:rows])) <= bound_ns


def rounds(live: LiveTrace) -> Iterator[Path]:
    """Yield the folders of temporary parts."""
    return Path(live._temporary.name).iterdir()


def columns_of(trace: Trace) -> dict[str, np.ndarray]:
    table = trace.to_arrow()
    return {name: table[name].to_numpy() for name in table.column_names}


def test_rows_that_show_before_the_first_part_are_stored_so(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with regtap.record(REGISTERS, path, target="sim", rate="2k"), open_live(path, wait_s=_LONGEST_S) as live:
        first = live.look().rows
        trace = look_until(live, lambda it: it.rows > first + 300)
        assert trace.unfinished
        assert list(path.glob("*.parquet")) == []
        seen = columns_of(trace)

    assert_begins_like(seen, path, 10_000)


def test_it_goes_on_behind_each_part_that_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regtap.recording.writer.PART_NS", 150_000_000)
    monkeypatch.setattr("regtap.recording.options._SEAL_SHARE_NS", 32 * 50_000_000)  # a block each 50 ms
    path = tmp_path / "run"
    with regtap.record(REGISTERS, path, target="sim", rate="2k"), LiveTrace(path) as live:
        trace = look_until(
            live,
            lambda it: len([part for part in it.parts if part.path.parent == path]) >= 3 and it.rows > 900,
        )
        trace = look_until(live, lambda it: any(part.path.parent != path for part in it.parts))
        assert [part.metadata.part for part in trace.parts] == list(range(len(trace.parts)))
        seen = columns_of(trace)
        assert len(list(rounds(live))) <= 2  # of the trace that is looked at, and of the one before

    assert_begins_like(seen, path, 10_000)


def test_more_rows_than_a_look_takes_come_with_the_next_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_ROWS", 1)
    path = tmp_path / "run"
    with regtap.record(REGISTERS, path, target="sim", rate="2k") as capture, LiveTrace(path) as live:
        while capture.status().taken < 200:
            time.sleep(0.02)
        trace = look_until(live, lambda it: it.rows >= 200)
        seen = columns_of(trace)

    assert_begins_like(seen, path, 10_000)


def test_a_spool_that_cannot_be_read_leaves_the_finished_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = counter_trace(tmp_path / "run", rows=20, finished=False)

    def damaged(_folder: Path) -> PointerState:
        raise TraceError("its header is damaged or cut short")

    monkeypatch.setattr(module, "pointer_state", damaged)

    with LiveTrace(path) as live:
        assert live.look().rows == 20


def test_after_its_end_it_is_the_trace_itself(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with LiveTrace(path) as live:
        with regtap.record(REGISTERS, path, target="sim", rate="2k"):
            look_until(live, lambda it: it.rows > 10)

        trace = live.look()

        assert not trace.unfinished
        assert [part.path for part in trace.parts] == [path / "part-00000.parquet"]
        live.look()
        assert list(rounds(live)) == []
        place = Path(live._temporary.name)
    assert not place.exists()


def test_marks_of_a_capture_do_not_disturb_it(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with regtap.record(REGISTERS, path, target="sim", rate="2k") as capture, LiveTrace(path) as live:
        look_until(live, lambda it: it.rows > 10)
        capture.mark("now")
        look_until(live, lambda it: it.rows > 100)

    assert [mark.text for mark in regtap.open_trace(path).marks] == ["now"]


def test_a_flight_recorders_ring_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with (
        regtap.record(REGISTERS, path, target="sim", rate="2k", on_full="overwrite") as capture,
        LiveTrace(path) as live,
    ):
        while capture.status().taken < 50:
            time.sleep(0.02)

        with pytest.raises(TraceError, match="no finished part yet"):
            live.look()


def test_what_is_no_trace_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="there is no such folder"):
        open_live(tmp_path / "none", wait_s=_LONGEST_S)
