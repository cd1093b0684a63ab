"""Gaps in a picture: none disappears, neighbours merge, and words and lines keep out of each other's way."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.synthetic import STATUS, TraceOptions, counter_trace, write_trace

from regtap.registers.model import Register
from regtap.trace.gaps import Gap, summarise_gaps
from regtap.trace.metadata import Mode
from regtap.trace.reader import open_trace
from regtap_analysis.plot.caption import legend_entry, printable, subtitle
from regtap_analysis.plot.picture import PictureOptions, make_picture
from regtap_analysis.plot.spans import gap_density, shades, spans
from regtap_analysis.plot.text import place_names, wrap
from regtap_analysis.reports.lanes import lane_picture
from regtap_analysis.signals.breaks import Breaks, unknown_in
from regtap_analysis.signals.model import View, signals_of

VIEW = View(1000, 2000)
GAPS = st.lists(
    st.tuples(st.integers(0, 3000), st.integers(0, 300)).map(
        lambda pair: Gap(0, 1, pair[0], pair[0] + pair[1], "full")
    ),
    max_size=30,
)


def gap(t0_ns: int, t1_ns: int, cause: str = "full", count: int = 1) -> Gap:
    return Gap(0, count, t0_ns, t1_ns, cause)


@pytest.mark.parametrize("t0_ns", [1000, 1499, 1500, 1999])
def test_a_gap_of_no_length_is_shown(t0_ns: int) -> None:
    assert np.flatnonzero(gap_density([gap(t0_ns, t0_ns)], VIEW, 10)).tolist() == [(t0_ns - 1000) // 100]


def test_density_is_the_share_of_a_columns_time() -> None:
    density = gap_density([gap(1050, 1230), gap(1250, 1300)], VIEW, 10)
    assert density[:3] == pytest.approx([0.5, 1.0, 0.8])


@pytest.mark.parametrize("outside", [gap(0, 999), gap(2000, 3000)])
def test_a_gap_outside_of_the_view_is_not_shown(outside: Gap) -> None:
    assert not gap_density([outside], VIEW, 10).any()


def test_a_gap_over_the_edges_of_the_view_is_cut() -> None:
    assert gap_density([gap(0, 5000)], VIEW, 4).tolist() == pytest.approx([1, 1, 1, 1], abs=0.01)


@given(GAPS, st.integers(1, 50))
def test_a_column_is_dense_exactly_where_a_gap_touches_it(gaps: list[Gap], columns: int) -> None:
    density = gap_density(gaps, VIEW, columns)
    assert np.all((density >= 0) & (density <= 1))
    edges = np.arange(columns + 1) * (VIEW.span_ns / columns) + VIEW.first_ns

    for column in range(columns):
        inside = any(each.t0_ns < edges[column + 1] and each.t1_ns > edges[column] for each in gaps)
        assert density[column] > 0 or not inside


def test_neighbouring_gaps_merge_and_distant_ones_do_not() -> None:
    density = gap_density([gap(1010, 1020), gap(1110, 1120), gap(1500, 1510)], VIEW, 10)
    assert spans(density) == [(0.0, 0.2), (0.5, 0.6)]


@given(st.lists(st.booleans(), min_size=1, max_size=50))
def test_spans_cover_the_dense_columns_and_no_other(dense: list[bool]) -> None:
    columns = len(dense)
    covered = [False] * columns
    for left, right in spans(np.array(dense, float)):
        covered[round(left * columns) : round(right * columns)] = [True] * round((right - left) * columns)

    assert covered == dense


def test_a_gap_of_most_of_the_time_is_shaded() -> None:
    assert shades(gap_density([gap(1200, 1790)], VIEW, 10)) == [(0.2, 0.8, 1.0)]


def test_many_stripes_are_as_strong_as_the_gaps_are_dense() -> None:
    density = np.tile([0.0, 0.5, 1.0, 1e-6], 100)

    found = shades(density)

    assert len(found) == 300
    assert [strength for *_, strength in found[:3]] == [0.5, 1.0, 0.125]
    assert [(round(400 * left), round(400 * right)) for left, right, _ in found[:3]] == [
        (1, 2),
        (2, 3),
        (3, 4),
    ]


@given(GAPS, st.integers(1, 200))
def test_every_gap_that_the_strip_shows_is_shaded(gaps: list[Gap], columns: int) -> None:
    density = gap_density(gaps, VIEW, columns)
    shaded = np.zeros(columns)
    for left, right, strength in shades(density):
        shaded[round(left * columns) : round(right * columns)] = strength

    assert np.array_equal(shaded > 0, density > 0)


@pytest.mark.parametrize("gaps", [[gap(0, 900_000)], [gap(k * 5_000, k * 5_000 + 2_500) for k in range(200)]])
def test_plot_and_report_shade_however_many_gaps_there_are(tmp_path: Path, gaps: list[Gap]) -> None:
    trace = open_trace(counter_trace(tmp_path / "run", gaps=tuple(gaps)))

    plotted = make_picture(trace, PictureOptions(format="svg")).content.decode()

    assert "fill-opacity: 0.25" in plotted or "fill-opacity: 0.125" in plotted
    assert lane_picture(trace).shades


@pytest.mark.parametrize(
    ("left", "right", "broken"),
    [(100, 200, True), (0, 100, False), (200, 300, False), (50, 150, True), (120, 130, True), (0, 300, True)],
)
def test_a_line_breaks_where_a_gap_lies_between_its_ends(left: int, right: int, broken: bool) -> None:
    breaks = Breaks([gap(100, 200)])
    assert breaks.between(np.array([left]), np.array([right])).tolist() == [broken]


@pytest.mark.parametrize(
    ("gaps", "words"),
    [
        ([gap(0, 1500, "missed", 3)], "missed: 3 slots in 1 gap, 1.5 µs"),
        ([gap(0, 10, "full", 1), gap(20, 30, "full", 1)], "full: 2 samples in 2 gaps, 20 ns"),
        ([gap(0, 10, "throttled", 0)], "throttled: 1 gap, 10 ns, nothing lost"),
    ],
)
def test_the_legend_says_what_a_cause_took(gaps: list[Gap], words: str) -> None:
    (summary,) = summarise_gaps(gaps)
    assert legend_entry(summary) == words


@given(
    st.lists(st.tuples(st.floats(0, 900), st.floats(1, 200)), max_size=40).map(sorted),
    st.integers(1, 3),
)
def test_names_of_marks_never_overlap(marks: list[tuple[float, float]], lines: int) -> None:
    widths = [width for _, width in marks]
    placed = place_names([anchor for anchor, _ in marks], widths.__getitem__, 900, lines)
    for line in range(lines):
        taken = [
            (place.left, place.left + width)
            for place, width in zip(placed, widths, strict=True)
            if place.line == line
        ]
        assert all(one[1] <= other[0] for one, other in itertools.pairwise(taken))


def test_legend_entries_wrap_where_the_line_ends() -> None:
    placed = wrap([40, 40, 40], 100, 10)
    assert [(place.left, place.line) for place in placed] == [(0, 0), (50, 0), (0, 1)]


def test_what_no_font_shows_is_replaced() -> None:
    assert printable("a\tb\n c\x1b[31m\udcff") == "a b c�[31m�"


def test_a_gap_with_rows_inside_is_as_dense_as_these_leave_it() -> None:
    joined = Gap(0, 1, 1000, 1200, "missed", rows=3)
    assert gap_density([joined], VIEW, 10)[:2] == pytest.approx([0.25, 0.25])


def test_a_gap_with_rows_inside_does_not_break_their_line() -> None:
    breaks = Breaks([Gap(0, 1, 1000, 1200, "missed", rows=3), gap(1500, 1600)])
    left, right = np.array([1050, 1450]), np.array([1150, 1650])
    assert breaks.between(left, right).tolist() == [False, True]


def test_only_what_on_change_looked_at_is_known_in_its_gaps(tmp_path: Path) -> None:
    gaps = (gap(10, 20, "unchanged", 3), gap(30, 40, "missed"))
    options = TraceOptions(
        gaps=gaps, mode=Mode("1000", "wait", on_change=("STATUS.BUSY", "STATUS.DONE", "R"))
    )
    registers = [STATUS, Register("R", 0), Register("Q", 4)]
    columns = {"STATUS": [0, 1], "R": [0, 1], "Q": [0, 1]}
    trace = open_trace(write_trace(tmp_path / "run", registers, [0, 50], columns, options))

    causes = {it.name: [gap.cause for gap in unknown_in(trace, it)] for it in signals_of(trace)}

    known, unknown = ["missed"], ["unchanged", "missed"]
    assert causes == {
        "STATUS": unknown,
        "BUSY": known,
        "DONE": known,
        "ERROR": unknown,
        "LEVEL": unknown,
        "R": known,
        "Q": unknown,
    }


def test_what_a_flight_recorder_overwrote_is_not_called_lost(tmp_path: Path) -> None:
    gaps = (gap(-9000, -1000, "overwritten", 9), gap(10, 20, "full", 2))
    trace = open_trace(counter_trace(tmp_path / "run", gaps=gaps, mode=Mode(None, "overwrite")))

    assert subtitle(trace, VIEW).endswith("9 overwritten · 2 lost")
