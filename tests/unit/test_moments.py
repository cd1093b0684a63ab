"""Moments that people name: marks, and times from them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.synthetic import counter_trace

import regtap
from regtap.commands.info import info
from regtap.errors import InputError
from regtap.trace.gaps import Gap
from regtap.trace.metadata import Mark
from regtap.trace.moments import find_mark, parse_moment_ns
from regtap_analysis.plot.picture import PictureOptions, make_picture
from regtap_analysis.reports.api import report


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


GAPS = (Gap(2, 3, 2_000, 6_000, "missed"),)


@pytest.fixture
def counted(tmp_path: Path) -> Path:
    """A trace of 10 rows, a gap of missed slots, and a trigger's mark at 5 µs."""
    return counter_trace(
        tmp_path / "counted",
        rows=10,
        gaps=GAPS,
        marks=(Mark(5_000, "trigger: a rises"), Mark(7_000, "later")),
    )


def shown(path: Path, *options: str) -> str:
    """Return what `regtap info` prints."""
    result = CliRunner().invoke(info, [str(path), *options], standalone_mode=False)
    assert result.exception is None
    return result.stdout


def test_info_counts_times_from_a_mark(counted: Path) -> None:
    lines = [" ".join(line.split()) for line in shown(counted, "--align", "trigger").splitlines()]

    assert "times from the mark trigger: a rises, 5 µs after the start" in lines
    assert "trigger: a rises 0 ns" in lines
    assert "later 2 µs" in lines
    assert "missed 1 3 4 µs -3 µs 4 µs" in lines


def test_the_document_of_info_counts_from_a_mark_too(counted: Path) -> None:
    plain, aligned = (json.loads(shown(counted, "--json", *more)) for more in ([], ["--align", "trigger"]))

    assert plain["zero"] is None
    assert aligned["zero"] == {"t_ns": 5_000, "text": "trigger: a rises"}
    assert (aligned["first_ns"], aligned["last_ns"]) == (-5_000, 4_000)
    assert [mark["t_ns"] for mark in aligned["marks"]] == [0, 2_000]
    (gap,) = aligned["gaps"]
    assert (gap["longest"]["t0_ns"], gap["longest"]["t1_ns"]) == (-3_000, 1_000)
    moved = {"zero", "first_ns", "last_ns", "marks", "gaps"}
    assert {key for key, value in aligned.items() if plain[key] != value} == moved


def test_info_without_such_a_mark_is_an_error(counted: Path) -> None:
    result = CliRunner().invoke(info, [str(counted), "--align", "reset"], standalone_mode=False)

    assert isinstance(result.exception, InputError)
    assert "it has 'trigger: a rises', 'later'" in str(result.exception)


def test_a_report_counts_times_from_a_mark(counted: Path) -> None:
    made = report(counted, align="trigger")
    page, text = made.html(), made.markdown()

    assert "times count from the mark trigger: a rises, 5 µs after the start" in page
    assert "time since trigger: a rises" in page
    assert "| -3 µs | 4 µs | 3 | missed |" in text  # the gap
    assert "| 2 | 2 µs | later |" in text  # the second mark
    assert ">-3 µs</td>" in page


def test_the_axis_of_a_picture_counts_from_a_mark(trace: regtap.Trace) -> None:
    zero = find_mark(trace, "trigger")
    options = PictureOptions(first_ns=zero.t_ns - 10_000, stop_ns=zero.t_ns + 10_000, zero=zero, format="svg")

    drawn = make_picture(trace, options).content.decode()

    assert "time since trigger (µs)" in drawn
    assert ">-6<" in drawn
    assert ">0<" in drawn
