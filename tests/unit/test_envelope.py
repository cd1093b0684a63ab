"""The laws of the envelope: it holds every sample, invents none, and does not depend on the batches."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.synthetic import STATUS, TraceOptions, counter_trace, write_trace

from regtap.errors import InputError
from regtap.registers.model import Field, Register
from regtap.trace.gaps import Gap
from regtap.trace.reader import open_trace
from regtap_analysis.signals.envelope import Envelope, EnvelopeBuilder, bucket_edges, split_rows
from regtap_analysis.signals.model import Samples, Signal, View, signals_of, whole_view
from regtap_analysis.signals.pyramid import read_signals

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from regtap_analysis.signals.envelope import Times, Values

ROWS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 2**64 - 1)), min_size=1, max_size=60)
CUTS = st.lists(st.integers(0, 60), max_size=6)
BUCKETS = st.integers(1, 40)


def in_order(rows: list[tuple[int, int]]) -> tuple[Times, Values]:
    """Return times and samples of rows, sorted by time only."""
    rows = sorted(rows, key=lambda row: row[0])
    return np.array([time for time, _ in rows], np.int64), np.array([value for _, value in rows], np.uint64)


def envelope_of(times: Times, values: Values, edges: Times, cuts: list[int]) -> Envelope:
    """Build an envelope from batches that end at the cuts."""
    builder = EnvelopeBuilder(edges, "uint64")
    bounds = sorted({0, len(times), *(cut for cut in cuts if cut < len(times))})
    for start, stop in itertools.pairwise(bounds):
        split, some = split_rows(times[start:stop], edges), values[start:stop]
        extremes = np.minimum.reduceat(some, split.starts), np.maximum.reduceat(some, split.starts)
        builder.add(split, extremes, (some[split.starts], some[split.stops - 1]))
    return builder.build()


def bucket_of(times: Times, edges: Times) -> npt.NDArray[np.intp]:
    return edges.searchsorted(times, side="right") - 1


@given(ROWS, CUTS, BUCKETS)
def test_every_sample_lies_within_its_bucket(
    rows: list[tuple[int, int]], cuts: list[int], buckets: int
) -> None:
    times, values = in_order(rows)
    found = envelope_of(times, values, bucket_edges(0, 501, buckets), cuts)

    at = bucket_of(times, found.edges_ns)

    assert np.all(found.low[at] <= values)
    assert np.all(values <= found.high[at])


@given(ROWS, CUTS, BUCKETS)
def test_every_bound_of_a_bucket_is_a_sample_of_it(
    rows: list[tuple[int, int]], cuts: list[int], buckets: int
) -> None:
    times, values = in_order(rows)
    found = envelope_of(times, values, bucket_edges(0, 501, buckets), cuts)
    at = bucket_of(times, found.edges_ns)

    for bucket in np.flatnonzero(found.count):
        inside = values[at == bucket]
        assert (found.count[bucket], found.low[bucket], found.high[bucket]) == (
            len(inside),
            inside.min(),
            inside.max(),
        )
        assert (found.first[bucket], found.last[bucket]) == (inside[0], inside[-1])


@given(ROWS, CUTS, BUCKETS)
def test_batching_does_not_change_the_envelope(
    rows: list[tuple[int, int]], cuts: list[int], buckets: int
) -> None:
    times, values = in_order(rows)
    edges = bucket_edges(0, 501, buckets)
    whole, pieces = envelope_of(times, values, edges, []), envelope_of(times, values, edges, cuts)

    for field in fields(Envelope):
        assert np.array_equal(getattr(whole, field.name), getattr(pieces, field.name)), field.name


@given(ROWS, CUTS, BUCKETS)
def test_every_sample_is_counted_once(rows: list[tuple[int, int]], cuts: list[int], buckets: int) -> None:
    times, values = in_order(rows)
    assert envelope_of(times, values, bucket_edges(0, 501, buckets), cuts).count.sum() == len(rows)


@given(st.integers(-(2**60), 2**60), st.integers(1, 2**61), st.integers(1, 2000))
def test_edges_cover_the_span_in_nearly_equal_buckets(first: int, span: int, buckets: int) -> None:
    edges = bucket_edges(first, first + span, buckets)
    assert (int(edges[0]), int(edges[-1])) == (first, first + span)
    assert len(edges) - 1 == min(buckets, span)

    widths = np.diff(edges)
    assert widths.min() >= 1
    assert widths.max() - widths.min() <= 1


@pytest.mark.parametrize("place", [0, 1, 499_999, 700_001, 999_999])
def test_one_odd_sample_in_a_million_is_kept(tmp_path: Path, place: int) -> None:
    values = np.full(1_000_000, 100)
    values[place] = 101
    write_trace(tmp_path / "run", [Register("R", 0)], np.arange(1_000_000) * 13, {"R": values})
    trace = open_trace(tmp_path / "run")

    signals = signals_of(trace)

    data = read_signals(trace, signals, whole_view(trace), 500).signals[signals[0]]
    assert isinstance(data, Envelope)
    assert np.flatnonzero(data.high == 101).tolist() == [place * 500 // 1_000_000]
    assert data.low.min() == 100


@pytest.mark.parametrize(("rows", "expected"), [(500, Samples), (501, Envelope)])
def test_every_sample_is_kept_if_no_more_than_the_buckets(tmp_path: Path, rows: int, expected: type) -> None:
    trace = open_trace(counter_trace(tmp_path / "run", rows=rows, rows_per_part=200))
    signals = signals_of(trace)

    reading = read_signals(trace, signals, whole_view(trace), 500)

    data = reading.signals[signals[0]]
    assert isinstance(data, expected)
    assert reading.rows == rows
    assert (data.count.sum() if isinstance(data, Envelope) else len(data.values)) == rows


def test_only_the_view_is_read(tmp_path: Path) -> None:
    trace = open_trace(counter_trace(tmp_path / "run", rows=1000, step_ns=10))
    signals = signals_of(trace)

    data = read_signals(trace, signals, View(100, 130), 500).signals[signals[0]]
    assert isinstance(data, Samples)
    assert (data.times_ns.tolist(), data.values.tolist()) == ([100, 110, 120], [10, 11, 12])


def test_names_choose_registers_with_their_fields_or_one_field(tmp_path: Path) -> None:
    registers = [replace(STATUS, name="A.STATUS"), replace(STATUS, name="B.STATUS", address=4)]
    write_trace(tmp_path / "run", registers, [0], {"A.STATUS": [0], "B.STATUS": [0]})
    trace = open_trace(tmp_path / "run")

    chosen = signals_of(trace, ["B.STATUS.DONE", "A.STATUS", "B.STATUS.DONE"])

    assert [it.name for it in chosen] == ["B.STATUS.DONE", "A.STATUS", "BUSY", "DONE", "ERROR", "LEVEL"]
    assert signals_of(trace, ["A.STATUS", "A.STATUS.DONE"]) == chosen[1:]  # which has that field
    with pytest.raises(InputError, match=r"run: 'STATUS' is ambiguous; it could be A\.STATUS, B\.STATUS"):
        signals_of(trace, ["STATUS"])
    with pytest.raises(
        InputError, match=r"run: there is nothing called 'STATUS\.NONE'; the nearest are A\.STATUS"
    ):
        signals_of(trace, ["STATUS.NONE"])


def test_a_field_is_read_as_its_own_signal(tmp_path: Path) -> None:
    write_trace(tmp_path / "run", [STATUS], [0, 1, 2], {"STATUS": [0x001, 0xF02, 0xFFFFFFFF]})
    trace = open_trace(tmp_path / "run")

    signals = signals_of(trace)

    read = read_signals(trace, signals, whole_view(trace), 500).signals
    values = {signal.name: data.values.tolist() for signal, data in read.items() if isinstance(data, Samples)}
    assert list(values) == ["STATUS", "BUSY", "DONE", "ERROR", "LEVEL"]
    assert (values["BUSY"], values["DONE"], values["LEVEL"]) == ([1, 0, 1], [0, 1, 1], [0, 15, 15])


@given(st.integers(0, 2**64 - 1), st.integers(0, 63), st.integers(1, 64))
def test_a_field_is_extracted_as_the_register_says(value: int, lsb: int, bits: int) -> None:
    field = Field("F", lsb, min(bits, 64 - lsb))
    signal = Signal(Register("R", 0, "u64", (field,)), field)
    assert signal.pick(np.array([value], np.uint64)).tolist() == [field.extract(value)]


def test_the_whole_view_reaches_over_gaps_at_the_end(tmp_path: Path) -> None:

    write_trace(
        tmp_path / "run",
        [STATUS],
        [1, 20],
        {"STATUS": [0, 0]},
        TraceOptions(gaps=(Gap(2, 5, 20, 70, "full"),)),
    )
    assert whole_view(open_trace(tmp_path / "run")) == View(0, 71)
