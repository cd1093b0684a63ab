"""Marks: any number of them leaves a trace that opens."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

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
    monkeypatch.setattr(writer, "PART_MARKS", 100)

    with capture:
        for number in range(250):
            capture.mark(f"m{number}")
        latest_s = time.monotonic() + PATIENCE_S
        while not list(Path(capture.output).glob("*.parquet")):
            assert time.monotonic() < latest_s
            time.sleep(0.01)
        capture.mark("last")

    trace = capture.trace()
    assert [mark.text for mark in trace.marks] == [*(f"m{number}" for number in range(250)), "last"]
    assert len(list(Path(capture.output).glob("*.parquet"))) >= 2


def test_more_marks_than_a_part_holds_are_refused(
    capture: regtap.Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_MARK_LETTERS", 10)

    with capture:
        capture.mark("12345678")
        with pytest.raises(regtap.InputError, match="1 marks wait to be stored"):
            capture.mark("123")

    assert [mark.text for mark in capture.trace().marks] == ["12345678"]


def test_a_mark_has_a_bounded_length(capture: regtap.Capture) -> None:
    with capture:
        capture.mark("x" * MOST_LETTERS)
        with pytest.raises(regtap.InputError, match="at most 65,536 letters"):
            capture.mark("x" * (MOST_LETTERS + 1))

    assert [len(mark.text) for mark in capture.trace().marks] == [MOST_LETTERS]
