"""Envelopes from the pages' bounds equal those of all rows, whatever the parts look like; a spike is never lost."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.synthetic import TraceOptions, without_statistics, write_trace

from regtap.errors import TraceError
from regtap.registers.model import Field, Register
from regtap.trace.gaps import Gap
from regtap.trace.metadata import TIME_COLUMN
from regtap.trace.reader import Trace, open_trace
from regtap_analysis.plot.picture import PictureOptions, make_picture
from regtap_analysis.signals import page_file, pyramid
from regtap_analysis.signals.envelope import Envelope, EnvelopeBuilder, bucket_edges, split_rows
from regtap_analysis.signals.model import View, signals_of, whole_view
from regtap_analysis.signals.pages import TracePages
from regtap_analysis.signals.pyramid import read_signals, read_view

REGISTERS = [
    Register(
        "A", 0, "u32", (Field("BIT", 0, 1), Field("LOW", 0, 3), Field("MID", 8, 4), Field("TOP", 28, 4))
    ),
    Register("B", 8, "u8"),
    Register("C", 16, "u64"),
]
ROWS = 100_000
SPIKES = (0, 1, 4095, 4096, 8191, 32_767, 32_768, 39_999, 40_000, 50_001, 79_999, 80_000, ROWS - 1)


def columns_of(rows: int, seed: int = 1) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "A": (np.arange(rows) // 1000 << 8) + rng.integers(0, 2, rows),
        "B": np.where(np.arange(rows) // 7000 % 2, rng.integers(0, 255, rows), 7),
        "C": rng.integers(2**63, 2**64 - 1, rows, np.uint64),
    }


def times_of(rows: int, seed: int = 1) -> Any:
    return np.cumsum(np.random.default_rng(seed).integers(0, 40, rows))


def traced(path: Path, *, is_native: bool = True, rows: int = ROWS) -> Trace:
    options = TraceOptions(rows_per_part=40_000, is_native=is_native)
    return open_trace(write_trace(path, REGISTERS, times_of(rows), columns_of(rows), options))


def decoded(trace: Trace, view: View, buckets: int) -> dict[str, Envelope]:
    """Return the envelopes of all rows, each of them decoded by pyarrow."""
    table = trace.to_arrow(t0=view.first_ns, t1=view.stop_ns)
    edges = bucket_edges(view.first_ns, view.stop_ns, buckets)
    split = split_rows(table[TIME_COLUMN].to_numpy(), edges)
    found = {}
    for signal in signals_of(trace):
        builder = EnvelopeBuilder(edges, signal.register.dtype)
        values = signal.pick(table[signal.register.name].to_numpy())
        bounds = np.minimum.reduceat(values, split.starts), np.maximum.reduceat(values, split.starts)
        builder.add(split, bounds, (values[split.starts], values[split.stops - 1]))
        found[signal.name] = builder.build()
    return found


@pytest.fixture(scope="module", params=[True, False], ids=["pages of 4,096 rows", "by pyarrow"])
def trace(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return traced(tmp_path_factory.mktemp("pyramid") / "run", is_native=request.param)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(-0.1, 1.0), st.floats(0.02, 1.2), st.integers(1, 400))
def test_it_equals_the_envelope_of_every_row(trace: Trace, first: float, share: float, buckets: int) -> None:
    span = whole_view(trace).span_ns
    view = View(int(first * span), int((first + share) * span) + 1)
    reading = read_signals(trace, signals_of(trace), view, buckets)

    for signal, data in reading.signals.items():
        if isinstance(data, Envelope):
            expected = decoded(trace, view, buckets)[signal.name]
            for field in fields(Envelope):
                found, wanted = getattr(data, field.name), getattr(expected, field.name)
                assert np.array_equal(found, wanted), (signal.name, field.name)
        else:
            wanted_rows = trace.to_arrow([TIME_COLUMN], view.first_ns, view.stop_ns)[TIME_COLUMN]
            assert np.array_equal(data.times_ns, wanted_rows.to_numpy())


def test_the_picture_is_the_one_drawn_from_every_row(trace: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = make_picture(trace, PictureOptions())

    monkeypatch.setattr(TracePages, "of_part", lambda pages, number: None)
    slow = make_picture(trace, PictureOptions())

    assert quick.reading.rows == slow.reading.rows == ROWS
    assert quick.content == slow.content


def test_pages_in_a_bucket_that_spans_the_field_are_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = traced(tmp_path / "run")
    rows: list[int] = []
    decode = page_file.decode_pages

    def counted(path: Any, index: Any, chosen: Any, types: Any) -> Any:
        rows.append(int(index.rows[chosen].sum()))
        return decode(path, index, chosen, types)

    monkeypatch.setattr("regtap_analysis.signals.refining.decode_pages", counted)
    bit = [signal for signal in signals_of(trace) if signal.name == "BIT"]
    data = read_signals(trace, bit, whole_view(trace), 2).signals[bit[0]]

    assert isinstance(data, Envelope)
    assert (data.low.tolist(), data.high.tolist(), data.mixed.tolist()) == ([0, 0], [1, 1], [False, False])
    assert sum(rows) == 0  # the pages at the edges have shown both


def test_few_rows_are_decoded_for_a_coarse_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = traced(tmp_path / "run")
    rows: list[int] = []
    decode = pyramid._decoded

    def counted(found: Any, chosen: Any, *rest: Any) -> Any:
        rows.append(int(found.index.rows[chosen].sum()))
        return decode(found, chosen, *rest)

    monkeypatch.setattr(pyramid, "_decoded", counted)
    registers = [signal for signal in signals_of(trace) if signal.field is None]
    reading = read_signals(trace, registers, whole_view(trace), 2)

    assert reading.rows == ROWS
    # the first and last page of each part, and the pages around the one edge within
    assert 0 < sum(rows) <= 8 * 4096


@pytest.fixture(scope="module")
def spiked(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    values = np.full(ROWS, 1000)
    values[list(SPIKES)] = 1001
    gaps = (Gap(50_000, 3, 50_000 * 10, 50_001 * 10, "full"),)
    options = TraceOptions(rows_per_part=40_000, is_native=True, gaps=gaps)
    path = tmp_path_factory.mktemp("spikes") / "run"
    return open_trace(write_trace(path, [Register("R", 0)], np.arange(ROWS) * 10, {"R": values}, options))


@pytest.mark.parametrize("budget", [None, 0])
@pytest.mark.parametrize("buckets", [1, 100, 1999])
def test_a_spike_of_one_sample_shows_at_every_zoom(spiked: Trace, buckets: int, budget: int | None) -> None:
    pages, signals = TracePages(spiked), signals_of(spiked)

    for spike in SPIKES:
        for wide in (ROWS * 10, 30_000):
            first = max(0, min(spike * 10 - wide // 3, (ROWS * 10) - wide))
            reading = read_view(pages, signals, View(first, first + wide), buckets, budget)
            data = reading.signals[signals[0]]
            if isinstance(data, Envelope):
                bucket = int(np.searchsorted(data.edges_ns, spike * 10, side="right")) - 1
                assert (data.count[bucket] > 0, data.high[bucket]) == (True, 1001), (spike, wide)
            else:
                assert 1001 in data.values[data.times_ns == spike * 10]


@pytest.mark.parametrize("is_native", [True, False])
def test_bounds_beyond_the_budget_enclose_every_sample(tmp_path: Path, is_native: bool) -> None:
    trace = traced(tmp_path / "run", is_native=is_native)
    view, signals = whole_view(trace), signals_of(trace)
    exact = decoded(trace, view, 300)

    reading = read_view(TracePages(trace), signals, view, 300, 0)

    for signal, data in reading.signals.items():
        assert isinstance(data, Envelope)
        sure, wanted = ~data.mixed, exact[signal.name]
        assert np.all(data.count[wanted.count > 0] > 0)
        filled = wanted.count > 0
        assert np.all(data.low[filled] <= wanted.low[filled])
        assert np.all(data.high[filled] >= wanted.high[filled])
        assert np.array_equal(data.low[sure & filled], wanted.low[sure & filled])
        assert np.array_equal(data.high[sure & filled], wanted.high[sure & filled])


def test_indexes_in_memory_stay_within_their_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = traced(tmp_path / "run")
    monkeypatch.setattr("regtap_analysis.signals.pages._KEPT_BYTES", 1)
    pages = TracePages(trace)

    read_view(pages, signals_of(trace), whole_view(trace), 100)

    ((_, kept),) = pages.kept()
    assert kept is not None
    assert pages._kept_bytes == kept.index.size_bytes


def test_indexes_stay_known_when_the_first_part_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = traced(tmp_path / "run")
    known = TracePages(trace)
    read_view(known, signals_of(trace), whole_view(trace), 100)
    monkeypatch.setattr("regtap_analysis.signals.pages.read_page_index", None)

    later: Any = SimpleNamespace(registers=trace.registers, parts=trace.parts[1:])
    reading = read_view(TracePages(later, known=known), signals_of(trace), whole_view(trace), 100)

    assert reading.rows == sum(part.rows for part in later.parts) > 0


def test_a_trace_without_statistics_is_drawn_whole(tmp_path: Path) -> None:
    path = write_trace(
        tmp_path / "run", [Register("R", 0)], np.arange(2000) * 10, {"R": np.arange(2000) // 9}
    )
    without_statistics(path / "part-00000.parquet")

    picture = make_picture(open_trace(path), PictureOptions(format="svg"))

    assert 19_991 <= picture.view.stop_ns < 21_000  # with a margin
    assert picture.reading.rows == 2000
    assert b"Registers over time, 0 ns to " in picture.content


def test_a_damaged_page_is_an_error_that_names_the_part(tmp_path: Path) -> None:
    trace = traced(tmp_path / "run")
    part = trace.parts[1].path
    content = bytearray(part.read_bytes())
    content[2000] ^= 0x40
    part.write_bytes(content)

    with pytest.raises(TraceError, match=r"part-00001\.parquet is damaged"):
        read_signals(trace, signals_of(trace), whole_view(trace), 100)


def test_a_part_that_is_removed_meanwhile_is_said_to_be(tmp_path: Path) -> None:
    rows = {"COUNT": np.arange(10_000)}
    options = TraceOptions(rows_per_part=5_000, is_native=True)
    trace = open_trace(
        write_trace(tmp_path / "run", [Register("COUNT", 0x10)], np.arange(10_000), rows, options)
    )
    last = trace.parts[-1]
    last.path.unlink()

    with pytest.raises(TraceError, match="removed meanwhile"):
        make_picture(trace, PictureOptions())
