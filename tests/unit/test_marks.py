"""Marks: each is kept with its time, and any number of them leaves a trace that opens."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from tests.command import wait_for

import regtap
from regtap.documents.decoding import MOST_LETTERS
from regtap.recording import writer

PATIENCE_S = 120


@pytest.fixture
def capture(tmp_path: Path) -> regtap.Capture:
    return regtap.record(["COUNT32"], tmp_path / "run", target="sim", rate="1k")


def test_a_part_is_closed_when_marks_fill_it(
    capture: regtap.Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long before its time, or its share of the ring, is over: each is told apart by the rows of the first part."""
    monkeypatch.setattr(writer, "PART_MARKS", 100)
    monkeypatch.setattr(writer, "ROW_GROUP_ROWS", 1)
    monkeypatch.setattr("regtap.recording.options._SEAL_SHARE_NS", 128 * 100_000_000)  # a block each 100 ms

    with capture:
        for number in range(250):
            capture.mark(f"m{number}")
        wait_for(Path(capture.output) / "part-00000.parquet")
        capture.mark("last")

    trace = capture.trace()
    assert [mark.text for mark in trace.marks] == [*(f"m{number}" for number in range(250)), "last"]
    assert len(trace.parts) >= 2
    assert trace.parts[0].rows < 64 * 100


def test_more_marks_than_a_part_holds_are_refused(
    capture: regtap.Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_MARK_LETTERS", writer.OWN_MARK_LETTERS + 10)

    with capture:
        capture.wait_for_first_row()
        capture.mark("12345678")
        with pytest.raises(regtap.InputError, match=r"too many wait to be stored \(1\)"):
            capture.mark("123")

    assert [mark.text for mark in capture.trace().marks] == ["12345678"]


def test_a_mark_has_a_bounded_length(capture: regtap.Capture) -> None:
    with capture:
        capture.mark("x" * MOST_LETTERS)
        with pytest.raises(regtap.InputError, match="at most 65,536 letters"):
            capture.mark("x" * (MOST_LETTERS + 1))

    assert [len(mark.text) for mark in capture.trace().marks] == [MOST_LETTERS]


def test_marks_are_kept_with_their_times(capture: regtap.Capture) -> None:
    with capture:
        capture.mark("begin")
        time.sleep(0.01)
        capture.mark("end")

    marks = capture.trace().marks
    assert [mark.text for mark in marks] == ["begin", "end"]
    assert marks[1].t_ns - marks[0].t_ns >= 10_000_000


def test_marks_from_many_threads_are_all_kept(capture: regtap.Capture) -> None:
    with capture:
        threads = [threading.Thread(target=capture.mark, args=(str(k),)) for k in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {mark.text for mark in capture.trace().marks} == {str(k) for k in range(20)}


def test_a_mark_after_the_end_is_refused_not_lost(capture: regtap.Capture) -> None:
    with capture:
        capture.stop()
        assert capture.wait(PATIENCE_S)
        with pytest.raises(regtap.InputError, match="not running"):
            capture.mark("late")
    assert capture.trace().marks == ()


def test_a_mark_that_is_no_text_is_refused_at_once(capture: regtap.Capture) -> None:
    with capture:
        with pytest.raises(regtap.InputError, match="a mark is a text"):
            capture.mark(7)  # type: ignore[arg-type]
        capture.mark("7")
    assert [mark.text for mark in capture.trace().marks] == ["7"]
