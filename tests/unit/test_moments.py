"""Moments that people name: marks, and times from them."""

from __future__ import annotations

from pathlib import Path

import pytest

import regtap
from regtap.errors import InputError
from regtap.trace.metadata import Mark
from regtap_analysis.moments import find_mark, parse_moment_ns
from regtap_analysis.plot.picture import PictureOptions, make_picture


@pytest.fixture
def trace(tmp_path: Path) -> regtap.Trace:
    """A trace with four marks, one of them hostile."""
    (tmp_path / "device").write_bytes(bytes(64))
    with regtap.record(
        ["a=0"], tmp_path / "run", target=f"file:{tmp_path / 'device'}", rate="10k"
    ) as capture:
        capture.wait_for_first_row()
        for text in ("trigger: a rises", "trigger", "reset", "\x1b[2J"):
            capture.mark(text)
    return capture.trace()


@pytest.mark.parametrize(("text", "found"), [("trigger", 1), ("trig", 0), ("reset", 2)])
def test_a_mark_is_found_by_its_text_or_else_its_beginning(
    trace: regtap.Trace, text: str, found: int
) -> None:
    assert find_mark(trace, text) == trace.marks[found]


@pytest.mark.parametrize("text", ["", "eset"])
def test_no_such_mark_names_those_that_there_are(trace: regtap.Trace, text: str) -> None:
    with pytest.raises(InputError, match="it has 'trigger: a rises', 'trigger', 'reset'") as caught:
        find_mark(trace, text)

    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(("text", "moment_ns"), [("0s", 500), ("1us", 1500), ("-200ns", 300)])
def test_times_count_from_a_mark(text: str, moment_ns: int) -> None:
    assert parse_moment_ns(text, Mark(500, "reset")) == moment_ns


def test_without_a_mark_times_count_from_the_start() -> None:
    assert parse_moment_ns("1us", None) == 1000
    with pytest.raises(InputError):
        parse_moment_ns("-1us", None)


def test_the_axis_of_a_picture_counts_from_a_mark(trace: regtap.Trace) -> None:
    zero = find_mark(trace, "trigger")
    options = PictureOptions(first_ns=zero.t_ns - 10_000, stop_ns=zero.t_ns + 10_000, zero=zero, format="svg")

    drawn = make_picture(trace, options).content.decode()

    assert "time since trigger (µs)" in drawn
    assert ">-6<" in drawn
    assert ">0<" in drawn
