"""One pass over a trace, against numpy, and against the same questions asked of DuckDB."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.synthetic import TraceOptions, write_trace

from regtap.errors import TraceError
from regtap.registers.model import Field, Register, Value
from regtap.trace import parts
from regtap.trace.gaps import Gap
from regtap.trace.reader import open_trace
from regtap_analysis.queries.engines import open_engine
from regtap_analysis.signals.model import Signal, signals_of
from regtap_analysis.statistics.edges import EdgeFinder, Edges, RunMaker, SeenRows
from regtap_analysis.statistics.figures import LongInterval, SignalFigures, TraceFigures
from regtap_analysis.statistics.passes import IntervalPass
from regtap_analysis.statistics.questions import StatsOptions, ask_all
from regtap_analysis.statistics.survey import survey

MODE = Register("MODE", 0x30, "u8", (Field("STATE", 0, 2, "", (Value("IDLE", 0), Value("RUN", 1))),))
COUNT = Register("COUNT", 0x38, "u64")
ADC = Register("ADC", 0x40, "u16")
RANDOM = np.random.default_rng(11)
ROWS = 1000
TIMES = np.cumsum(RANDOM.integers(1, 90, ROWS))
COLUMNS = {
    "MODE": RANDOM.integers(0, 3, ROWS // 5).repeat(5) | RANDOM.integers(0, 2, ROWS // 10).repeat(10) << 4,
    "COUNT": 2**64 - 500 + np.arange(ROWS, dtype=np.uint64),  # wraps in the middle
    "ADC": RANDOM.integers(100, 4000, ROWS),
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = TraceOptions(rows_per_part=400)
    return write_trace(tmp_path_factory.mktemp("survey") / "run", [MODE, COUNT, ADC], TIMES, COLUMNS, options)


@pytest.fixture
def figures(path: Path, monkeypatch: pytest.MonkeyPatch) -> TraceFigures:
    """Return what a pass in batches of 64 rows finds."""
    monkeypatch.setattr(parts, "BATCH_ROWS", 64)
    trace = open_trace(path)
    return survey(trace, signals_of(trace))


def of(figures: TraceFigures, name: str) -> SignalFigures:
    return next(it for signal, it in figures.signals.items() if signal.name == name)


def test_row_intervals_are_those_of_numpy(figures: TraceFigures) -> None:
    steps = np.diff(TIMES)

    assert figures.rows == ROWS
    values, counts = figures.intervals.items()
    assert np.repeat(values, counts).tolist() == sorted(steps.tolist())
    longest = sorted(zip((-steps).tolist(), TIMES[1:].tolist(), strict=True))[:20]
    assert [(-it.interval_ns, it.t_ns) for it in figures.longest] == longest


@pytest.mark.parametrize("name", ["MODE", "COUNT", "ADC"])
def test_values_and_changes_are_those_of_numpy(figures: TraceFigures, name: str) -> None:
    values = COLUMNS[name].astype(np.uint64)
    it = of(figures, name)

    changed = np.flatnonzero(values[1:] != values[:-1]) + 1
    assert (it.least, it.most, it.first, it.last) == (values.min(), values.max(), values[0], values[-1])
    assert it.changes == len(changed)
    assert it.rises == np.count_nonzero(values[1:] > values[:-1])
    lengths, counts = it.intervals.items()
    assert np.repeat(lengths, counts).tolist() == sorted(np.diff(TIMES[changed]).tolist())


def test_the_histogram_of_values_has_every_row_in_its_range(figures: TraceFigures) -> None:
    found = of(figures, "ADC").histogram

    edges = found.low + found.width * np.arange(len(found.weights) + 1)
    assert found.weights.tolist() == np.histogram(COLUMNS["ADC"], edges)[0].tolist()
    assert found.weights.sum() == ROWS


def test_a_counter_is_one_across_its_wrap(figures: TraceFigures) -> None:
    it = of(figures, "COUNT")

    assert it.is_counter
    assert it.advance == ROWS - 1
    assert not of(figures, "ADC").is_counter
    assert (it.states, it.transitions) == (None, None)


def test_states_and_transitions_are_those_of_stats(path: Path, figures: TraceFigures) -> None:
    opened = open_engine([path])
    asked = ("states", "transitions", "signals", "intervals")
    answers = {
        name: answer.table().to_pylist() for name, answer in ask_all(opened.engine, StatsOptions(asked), 1)
    }
    opened.engine.close()

    for signal_name, name in (("MODE", "MODE"), ("MODE.STATE", "STATE")):
        it = of(figures, name)
        states = [row for row in answers["states"] if row["signal"] == signal_name]
        assert [
            (
                s.value,
                s.visits,
                s.whole,
                s.total_ns,
                s.lengths.least,
                s.lengths.percentile(500),
                s.lengths.most,
            )
            for s in it.states or ()
        ] == [
            tuple(row[k] for k in ("value", "visits", "whole", "total_ns", "min_ns", "p50_ns", "max_ns"))
            for row in states
        ]
        changes = [row for row in answers["transitions"] if row["signal"] == signal_name]
        assert [(c.before, c.value, c.count, c.first_ns) for c in it.transitions or ()] == [
            tuple(row[k] for k in ("before", "value", "count", "first_ns")) for row in changes
        ]
        (row,) = (row for row in answers["signals"] if row["signal"] == signal_name)
        assert (it.changes, it.least, it.most, it.first, it.last) == tuple(
            row[k] for k in ("changes", "min", "max", "first", "last")
        )
    (row,) = answers["intervals"]
    assert [figures.intervals.percentile(share) for share in (10, 500, 990, 999)] == [
        row[k] for k in ("p1", "p50", "p99", "p999")
    ]


def test_a_long_interval_has_the_cause_of_its_gap(tmp_path: Path) -> None:
    times = [0, 10, 20, 500, 510, 900, 910]
    gap = Gap(3, 4, 20, 500, "full")
    write_trace(tmp_path / "run", [ADC], times, {"ADC": range(7)}, TraceOptions(gaps=(gap,)))
    trace = open_trace(tmp_path / "run")

    longest = survey(trace, signals_of(trace)).longest

    assert [(it.t_ns, it.interval_ns, it.cause) for it in longest[:2]] == [(500, 480, "full"), (900, 390, "")]


def test_a_trace_without_rows_has_no_figures(tmp_path: Path) -> None:
    write_trace(tmp_path / "run", [ADC], [], {"ADC": []})
    trace = open_trace(tmp_path / "run")

    found = survey(trace, signals_of(trace))

    assert (found.rows, found.intervals.count, dict(found.signals)) == (0, 0, {})


def test_statistics_that_contradict_the_rows_are_damage(path: Path) -> None:
    trace = open_trace(path)
    first = trace.parts[0]
    trace.parts = (replace(first, ranges={**first.ranges, "ADC": (0, 65_000)}), *trace.parts[1:])

    with pytest.raises(TraceError, match="ADC is from 0x0 to 0xfde8"):
        survey(trace, signals_of(trace))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3)), min_size=1, max_size=60), st.integers(1, 20))
def test_runs_cover_the_rows_whatever_the_batches(rows: list[tuple[int, int]], size: int) -> None:
    times = np.cumsum([step for step, _ in rows])
    values = np.array([value for _, value in rows], np.uint8)
    finder, maker = EdgeFinder(), RunMaker()

    found = [
        maker.make(
            finder.find(
                Edges(times, np.arange(len(rows)), values, np.ones(len(rows), np.bool_)).at(
                    slice(at, at + size)
                )
            )
        )
        for at in range(0, len(rows), size)
    ]

    starts = [0, *(k + 1 for k, (a, b) in enumerate(pairwise(values.tolist())) if a != b)]
    assert [v for runs in found for v in runs.values.tolist()] == values[starts[:-1]].tolist()
    assert [v for runs in found for v in runs.following.tolist()] == values[starts[1:]].tolist()
    assert [t for runs in found for t in runs.lengths_ns.tolist()] == np.diff(times[starts]).tolist()
    assert [r for runs in found for r in runs.rows.tolist()] == np.diff(starts).tolist()
    assert maker.open is not None
    assert (maker.open.times_ns[0], maker.open.values[0]) == (times[starts[-1]], values[starts[-1]])


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(-20, 600), st.integers(0, 60)), max_size=6),
    st.integers(1, 10),
)
def test_rows_after_a_gap_are_told_whatever_the_batches(
    steps: list[int], holes: list[tuple[int, int]], size: int
) -> None:
    times = np.cumsum(steps)
    gaps = [Gap(0, 1, begin, begin + length, "missed") for begin, length in holes]
    others = [
        Gap(0, 1, 0, 500, "unchanged"),
        replace(gaps[0], rows=3) if gaps else Gap(0, 1, 0, 9, "lost", 1),
    ]
    seen = SeenRows([*gaps, *others])

    found = [it for at in range(0, len(times), size) for it in seen.of(times[at : at + size]).tolist()]

    middles2 = [gap.t0_ns + gap.t1_ns for gap in gaps]
    expected = [not any(2 * a <= middle < 2 * b for middle in middles2) for a, b in pairwise(times.tolist())]
    assert found == [False, *expected]


def test_a_run_that_ends_in_a_gap_is_not_whole(tmp_path: Path) -> None:
    times = np.arange(12) * 10
    values = np.array([0, 1, 1, 0, 0, 1, 1, 0, 1, 1, 1, 0], np.uint8)
    gaps = (
        Gap(3, 4, 20, 30, "overwritten"),  # in which the first run of 1 ends
        Gap(10, 1, 50, 60, "missed"),  # within the second one
        Gap(14, 2, 100, 110, "unchanged"),  # before the third one ends
    )
    path = write_trace(tmp_path / "run", [MODE], times, {"MODE": values}, TraceOptions(gaps=gaps))
    trace = open_trace(path)

    figures = of(survey(trace, signals_of(trace)), "MODE")
    opened = open_engine([path])
    ((_, answer),) = ask_all(opened.engine, StatsOptions(("states",), ("MODE",)), 1)
    told = {
        row["value"]: (row["visits"], row["whole"], row["min_ns"], row["max_ns"])
        for row in answer.table().to_pylist()
        if row["signal"] == "MODE"
    }
    opened.engine.close()

    found = {
        it.value: (it.visits, it.whole, it.lengths.least, it.lengths.most) for it in figures.states or ()
    }
    assert found == told == {0: (4, 1, 10, 10), 1: (3, 2, 20, 30)}


def test_slots_missed_among_unchanged_samples_are_listed() -> None:
    gaps = [
        Gap(2, 50, 20, 700, "unchanged"),  # an interval is left out for it
        Gap(40, 30, 300, 610, "missed"),
        Gap(102, 3, 710, 740, "missed"),  # an interval of its own
        Gap(106, 9, 750, 990, "missed", rows=2),  # of many short ones
    ]
    intervals = IntervalPass(gaps)
    intervals.add(np.array([0, 20, 700, 710, 740, 750, 800, 990]))

    assert intervals.longest()[:3] == (
        LongInterval(610, 310, "missed"),
        LongInterval(990, 190, "missed"),
        LongInterval(800, 50, "missed"),
    )


def test_a_field_is_edged_only_where_it_changes_itself() -> None:
    field = Signal(MODE, MODE.fields[0])
    values = np.array([0x01, 0x11, 0x12, 0x02], np.uint8)
    rows = Edges(np.arange(4), np.arange(4), values, np.ones(4, np.bool_))

    found = EdgeFinder().find(rows.pick(field))

    assert (found.values.tolist(), found.rows.tolist()) == ([1, 2], [0, 2])
