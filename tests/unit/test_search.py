"""Searches of a trace agree with all its rows, from any moment and in any number of pieces; few pages are decoded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.synthetic import TraceOptions, write_trace
from tests.unit.test_conditions import DTYPES, conditions

from regtap.registers.model import Field, Register
from regtap.trace.parts import Part
from regtap.trace.reader import Trace, open_trace
from regtap.triggers.model import Condition
from regtap.triggers.parse import parse_condition
from regtap_analysis.signals import search
from regtap_analysis.signals.condition_search import ConditionSearch
from regtap_analysis.signals.conditions import truth_of_rows
from regtap_analysis.signals.model import Signal, find_signal, signals_of
from regtap_analysis.signals.pages import PartPages, TracePages
from regtap_analysis.signals.search import Found

KINDS = {"uint8": "u8", "uint32": "u32", "uint64": "u64"}
ROWS, PER_PART, PAGE = 60_000, 25_000, 4096
REGISTERS = [
    Register(f"R{number}", 16 * number, KINDS[dtype], (Field("LOW", 0, 2), Field("TOP", 4, 4)))
    for number, dtype in enumerate(DTYPES)
]
SHARES = (1, 3, 1000)  # of a page, that one call decodes, and a row: the real budget is two pages at least
slow = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def values_of(dtype: str, seed: int) -> npt.NDArray[Any]:
    """Return samples that seldom change, often at the borders of pages and parts."""
    rng = np.random.default_rng(seed)
    moves = np.zeros(ROWS, np.bool_)
    moves[rng.integers(0, ROWS, 25)] = True
    moves[[PAGE, 2 * PAGE - 1, PER_PART - 1, PER_PART, PER_PART + PAGE, ROWS - 1]] = True
    largest = int(np.iinfo(dtype).max)
    levels = np.array([0, 1, 2, 3, 8, 16, largest - 1, largest], dtype)
    chosen: npt.NDArray[Any] = rng.choice(levels, ROWS)[np.cumsum(moves)]
    return chosen


@pytest.fixture(scope="module")
def columns() -> dict[int, npt.NDArray[Any]]:
    return {number: values_of(dtype, number) for number, dtype in enumerate(DTYPES)}


@pytest.fixture(scope="module")
def times() -> npt.NDArray[np.int64]:
    steps = np.random.default_rng(9).integers(1, 30, ROWS)
    return np.cumsum(steps, dtype=np.int64)


@pytest.fixture(scope="module", params=[True, False], ids=["pages of 4,096 rows", "by pyarrow"])
def trace(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    columns: dict[int, npt.NDArray[Any]],
    times: npt.NDArray[np.int64],
) -> Trace:
    options = TraceOptions(rows_per_part=PER_PART, is_native=request.param)
    named = {register.name: columns[number] for number, register in enumerate(REGISTERS)}
    return open_trace(
        write_trace(tmp_path_factory.mktemp("search") / "run", REGISTERS, times, named, options)
    )


@pytest.fixture
def pages(trace: Trace) -> TracePages:
    return TracePages(trace)


@pytest.fixture
def set_budget(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def set_rows(rows: int) -> None:
        for module in ("search", "condition_search"):
            monkeypatch.setattr(f"regtap_analysis.signals.{module}.BUDGET_ROWS", rows)

    return set_rows


def ended(find: Callable[[int], Found], moment_ns: int) -> int | None:
    """Go on with a search until it ends."""
    for _ in range(200):
        found = find(moment_ns)
        if found.resume_ns is None:
            return found.t_ns
        moment_ns = found.resume_ns
    raise AssertionError("the search does not end")


def neighbours(hits: npt.NDArray[np.int64], moment_ns: int) -> tuple[int | None, int | None]:
    """Return the last of some times before a moment, and the first after it."""
    before, after = hits[hits < moment_ns], hits[hits > moment_ns]
    return (int(before[-1]) if len(before) else None), (int(after[0]) if len(after) else None)


def moments() -> st.SearchStrategy[int]:
    """Return rows to search from: anywhere, beside the borders of pages and parts, and outside."""
    borders = [0, PAGE, PER_PART, PER_PART + PAGE, ROWS - 1]
    near = st.tuples(st.sampled_from(borders), st.integers(-2, 2)).map(sum)
    return st.one_of(st.integers(-1, ROWS), near)


def time_of(times: npt.NDArray[np.int64], row: int) -> int:
    """Return the time of a row; one before the first is earlier, one after the last later."""
    return int(times[min(max(row, 0), ROWS - 1)]) + (row - ROWS + 1 if row >= ROWS else min(row, 0))


@slow
@given(condition=conditions(), row=moments(), share=st.sampled_from(SHARES))
def test_a_condition_is_found_where_all_rows_say_it_begins(
    condition: Condition,
    row: int,
    share: int,
    pages: TracePages,
    columns: dict[int, npt.NDArray[Any]],
    times: npt.NDArray[np.int64],
    set_budget: Callable[[int], None],
) -> None:
    set_budget(share * int(pages.needed(0).index.rows.max()) + 1)
    sought = ConditionSearch(pages, REGISTERS, condition)
    moment_ns = time_of(times, row)

    found = ended(sought.previous, moment_ns), ended(sought.next, moment_ns)

    assert found == neighbours(times[truth_of_rows(condition, columns).begins], moment_ns)


@slow
@given(
    name=st.sampled_from(["R0", "R1.LOW", "R1.TOP", "R2", "R2.LOW"]),
    row=moments(),
    other=moments(),
    share=st.sampled_from(SHARES),
)
def test_changes_are_found_and_counted_as_in_all_rows(
    name: str,
    row: int,
    other: int,
    share: int,
    pages: TracePages,
    trace: Trace,
    columns: dict[int, npt.NDArray[Any]],
    times: npt.NDArray[np.int64],
    set_budget: Callable[[int], None],
) -> None:
    set_budget(share * int(pages.needed(0).index.rows.max()) + 1)
    signal = find_signal(trace, name)
    values = signal.pick(columns[int(name[1])])
    changes = times[1:][values[1:] != values[:-1]]
    first_ns, stop_ns = sorted((time_of(times, row), time_of(times, other)))

    found = (
        ended(lambda t_ns: search.previous_change(pages, signal, t_ns), first_ns),
        ended(lambda t_ns: search.next_change(pages, signal, t_ns), first_ns),
    )

    assert found == neighbours(changes, first_ns)
    assert counted(pages, signal, first_ns, stop_ns) == int(
        np.sum((changes > first_ns) & (changes <= stop_ns))
    )


def test_a_change_at_the_border_of_two_pieces_is_found(
    tmp_path: Path, set_budget: Callable[[int], None]
) -> None:
    rows = np.arange(5 * PAGE)
    values = np.where(rows < 2 * PAGE, 1, 0) + np.where(rows >= 3 * PAGE, rows % 2 * 0x80, 0)
    register = Register("R", 0, "u8", (Field("LOW", 0, 2),))
    trace = open_trace(
        write_trace(tmp_path / "run", [register], rows, {"R": values}, TraceOptions(is_native=True))
    )
    set_budget(PAGE + 1)  # the last two pages, in which bits above the field change
    pages, signal = TracePages(trace), find_signal(trace, "LOW")

    assert ended(lambda t_ns: search.previous_change(pages, signal, t_ns), 5 * PAGE) == 2 * PAGE


def counted(pages: TracePages, signal: Signal, first_ns: int, stop_ns: int) -> int:
    """Count changes piece by piece."""
    changes = 0
    while first_ns < stop_ns:
        (found,) = search.count_changes(pages, [signal], (first_ns, stop_ns))
        changes, first_ns = changes + found.changes, found.until_ns
    return changes


@slow
@given(row=moments())
def test_the_sample_at_a_moment_is_the_last_one_until_then(
    row: int,
    pages: TracePages,
    trace: Trace,
    columns: dict[int, npt.NDArray[Any]],
    times: npt.NDArray[np.int64],
) -> None:
    moment_ns = time_of(times, row)

    signals = [find_signal(trace, name) for name in ("R1", "R2", "R1.LOW")]
    samples = search.samples_at(pages, signals, moment_ns)

    at = int(times.searchsorted(moment_ns, side="right")) - 1
    values = [columns[1][at], columns[2][at], columns[1][at] & 3]
    expected = [search.Sample(int(times[at]), int(value)) for value in values]
    assert samples == ([None] * 3 if at < 0 else expected)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the number of pages of each decoding."""
    counts: list[int] = []
    decode = PartPages.decode

    def counting(self: PartPages, pages: Any, registers: Any) -> Any:
        counts.append(len(pages))
        return decode(self, pages, registers)

    monkeypatch.setattr(PartPages, "decode", counting)
    return counts


def spiked(path: Path, spike: int) -> Trace:
    """Return a trace of ten parts whose counter runs, and whose status has one odd sample."""
    rows = np.arange(200_000)
    status = np.zeros(len(rows), np.uint32)
    status[spike] = 4
    registers = [Register("COUNT", 0), Register("STATUS", 8, "u32", (Field("ERROR", 2, 1),))]
    options = TraceOptions(rows_per_part=20_000, is_native=True)
    return open_trace(write_trace(path, registers, rows * 10, {"COUNT": rows, "STATUS": status}, options))


@pytest.mark.parametrize("spike", [0, 4095, 4096, 19_999, 20_000, 123_456, 199_999])
def test_a_single_odd_sample_is_found_by_decoding_a_few_pages(
    tmp_path: Path, decoded: list[int], monkeypatch: pytest.MonkeyPatch, spike: int
) -> None:
    trace = spiked(tmp_path / "run", spike)
    condition = parse_condition("STATUS.ERROR == 1 and COUNT >= 1 or ERROR rises", trace.registers)
    pages = TracePages(trace)
    sought = ConditionSearch(pages, trace.registers, condition)
    indexed: list[str] = []
    read = TracePages._read

    def noted(self: TracePages, part: Part) -> PartPages | None:
        indexed.append(part.path.name)
        return read(self, part)

    monkeypatch.setattr(TracePages, "_read", noted)

    found = sought.next(-1), sought.previous(10**9)

    expected = Found(10 * spike) if spike else Found()
    assert found == (expected, expected)
    assert sum(decoded) <= 12  # of 50
    assert len(indexed) <= 3  # of 10 parts: the statistics of the others rule them out


@slow
@given(
    names=st.lists(st.sampled_from(["R0", "R0.TOP", "R1.LOW", "R1.TOP", "R2"]), min_size=1, unique=True),
    row=moments(),
    other=moments(),
    share=st.sampled_from(SHARES),
)
def test_changes_of_several_signals_are_counted_as_in_all_rows(
    names: list[str],
    row: int,
    other: int,
    share: int,
    pages: TracePages,
    trace: Trace,
    columns: dict[int, npt.NDArray[Any]],
    times: npt.NDArray[np.int64],
) -> None:
    signals = [find_signal(trace, name) for name in names]
    budget_rows = share * int(pages.needed(0).index.rows.max()) + 1
    first_ns, stop_ns = sorted((time_of(times, row), time_of(times, other)))

    counts = search.count_changes(pages, signals, (first_ns, stop_ns), budget_rows)

    for name, signal, count in zip(names, signals, counts, strict=True):
        values = signal.pick(columns[int(name[1])])
        changes = times[1:][values[1:] != values[:-1]]
        assert count.changes == int(np.sum((changes > first_ns) & (changes <= count.until_ns)))
        assert first_ns <= count.until_ns <= stop_ns


def many_fields(path: Path, rows: int = 5 * PAGE) -> Trace:
    """Return a trace of a counter with 32 fields, which change in most pages, and of a constant."""
    fields = tuple(Field(f"BIT{bit}", bit, 1) for bit in range(32))
    registers = [Register("COUNT", 0, "u32", fields), Register("FIXED", 4)]
    moments_ns = np.arange(rows)
    values = {"COUNT": moments_ns * 0x00411111, "FIXED": np.full(rows, 7)}
    return open_trace(write_trace(path, registers, moments_ns, values, TraceOptions(is_native=True)))


def test_samples_of_many_fields_take_one_page(tmp_path: Path, decoded: list[int]) -> None:
    trace = many_fields(tmp_path / "run")

    samples = search.samples_at(TracePages(trace), signals_of(trace), 2 * PAGE + 5)

    assert (len(samples), decoded) == (34, [1])
    assert search.samples_at(TracePages(trace), [], 2 * PAGE + 5) == []
    assert decoded == [1]


def test_changes_of_many_fields_take_each_page_once(tmp_path: Path, decoded: list[int]) -> None:
    trace = many_fields(tmp_path / "run")

    counts = search.count_changes(TracePages(trace), signals_of(trace), (-1, 10 * PAGE))

    assert counts[0].changes == 5 * PAGE - 1
    assert counts[-1] == search.Count(0, 10 * PAGE)
    assert decoded == [1] * 5


def test_a_row_takes_of_the_budget_for_each_signal(tmp_path: Path, decoded: list[int]) -> None:
    trace = many_fields(tmp_path / "run")
    signals = signals_of(trace)

    counts = search.count_changes(TracePages(trace), signals, (-1, 10 * PAGE), 2 * len(signals) * PAGE)

    assert (
        len(decoded) == 3
    )  # the constant needs the first page only, and the rest is enough for one more begun
    assert counts[0] == search.Count(3 * PAGE - 1, 3 * PAGE - 1)
    assert counts[-1].until_ns == 10 * PAGE
