"""Reading many bytes at once: where one way becomes cheaper than another, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulated_bench import NOTHING_MEASURED, TROUBLES, Trouble, bulk_evaluation, quiet

from regtap_bench.arms.bulk_arms import BULK_SIZES, BULK_WAYS, LOADS, MEMCPY, PREAD_AT_ONCE
from regtap_bench.figures.crossover import SizeComparison, crossing_of, crossover_points, find_crossings
from regtap_bench.figures.estimate import Estimate
from regtap_bench.figures.result import CheaperRange, Crossing, CrossoverPoint, Result
from regtap_bench.figures.verdict import Verdict, judge
from regtap_bench.report.crossover_picture import crossover_picture
from regtap_bench.report.crossover_text import crossover_lines, crossover_table

SIZES = BULK_SIZES[:13]  # to 16 KiB
# Costs in ns: fixed, and a byte.
COSTS = {LOADS: (0.5, 0.14), MEMCPY: (4.0, 0.011), PREAD_AT_ONCE: (400.0, 0.04)}
TRUE_CROSSING = (400.0 - 0.5) / (0.14 - 0.04)


def _cost_ns(way: str, size_bytes: int) -> float:
    fixed, each = COSTS[way]
    return fixed + each * size_bytes


def _found(trouble: Trouble = quiet, margin: float = 0.01) -> dict[tuple[str, str], Crossing]:
    evaluation = bulk_evaluation(_cost_ns, SIZES, trouble)
    return {(it.one, it.other): it for it in find_crossings(evaluation, margin)}


@pytest.fixture(scope="module")
def crossings() -> dict[tuple[str, str], Crossing]:
    return _found()


def _compared(
    *verdicts: tuple[int, float], width: float = 0.02, margin: float = 0.01
) -> list[SizeComparison]:
    ratios = [(size, Estimate(value, value - width, value + width)) for size, value in verdicts]
    return [SizeComparison(size, ratio, judge(ratio, margin)) for size, ratio in ratios]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_two_lines_cross_where_they_do_whatever_the_machine_does(trouble: Trouble) -> None:
    crossing = _found(trouble)[LOADS, PREAD_AT_ONCE]
    assert [it.cheaper for it in crossing.ranges] == [LOADS, PREAD_AT_ONCE]
    assert (crossing.ranges[0].last_bytes, crossing.ranges[1].first_bytes) == (2048, 4096)

    (equal,) = crossing.equal_bytes
    assert equal.value == pytest.approx(TRUE_CROSSING, rel=0.05)
    assert 2048 <= equal.low <= equal.value <= equal.high <= 4096


def test_ways_that_never_cross_have_one_range(crossings: dict[tuple[str, str], Crossing]) -> None:
    crossing = crossings[MEMCPY, PREAD_AT_ONCE]
    assert crossing.ranges == (CheaperRange(MEMCPY, SIZES[0], SIZES[-1]),)
    assert crossing.equal_bytes == ()


def test_two_bounds_resolve_nothing(crossings: dict[tuple[str, str], Crossing]) -> None:
    first = crossings[LOADS, MEMCPY].ranges[0]
    assert (first.cheaper, first.first_bytes) == (MEMCPY, 128)  # 64 B cost less than 10 ns in both ways


def test_a_difference_within_the_margin_is_none() -> None:
    crossing = _found(margin=1e6)[LOADS, PREAD_AT_ONCE]
    assert crossing.ranges == ()


def test_what_was_refused_is_a_point_with_its_reason() -> None:
    evaluation = bulk_evaluation(_cost_ns, SIZES[:3])
    points = crossover_points(evaluation)
    assert len(points) == len(BULK_WAYS) * len(BULK_SIZES)

    refused = [point for point in points if point.size_bytes not in SIZES[:3]]
    assert all(point.cost is None and point.refused == "does not fit" for point in refused)
    assert not any(point.refused for point in points if point not in refused)


def test_a_point_costs_what_the_machine_takes() -> None:
    points = crossover_points(bulk_evaluation(_cost_ns, SIZES))
    for point in points:
        if point.cost is not None:
            assert point.cost.ns.value == pytest.approx(_cost_ns(point.way, point.size_bytes), rel=0.02)
            assert point.cost.is_bound == (point.cost.ns.value < 10)


def test_nothing_measured_is_no_crossing() -> None:
    assert find_crossings(bulk_evaluation(_cost_ns, ()), 0.01) == ()


def test_the_size_is_interpolated_on_logarithmic_axes() -> None:
    (equal,) = crossing_of("a", "b", _compared((1024, -0.3), (4096, 0.3), width=0.1)).equal_bytes
    assert equal.value == pytest.approx(2048)
    # The bounds of the ratio run from -0.4 to 0.2, and from -0.2 to 0.4: they are 0 after 2/3 and 1/3 of two octaves.
    assert (equal.low, equal.high) == pytest.approx((1024 * 2 ** (2 / 3), 1024 * 2 ** (4 / 3)))


def test_sizes_that_resolve_nothing_widen_the_interval() -> None:
    crossing = crossing_of("a", "b", _compared((8, -0.5), (16, -0.001), (32, 0.001), (64, 0.5)))

    (equal,) = crossing.equal_bytes
    assert (crossing.ranges[0].last_bytes, crossing.ranges[1].first_bytes) == (8, 64)
    assert equal.low < 16 < equal.value < 32 < equal.high


def test_curves_that_cross_twice_say_so_twice() -> None:
    crossing = crossing_of("a", "b", _compared((8, -0.5), (16, 0.5), (32, 0.5), (64, -0.5)))
    assert [it.cheaper for it in crossing.ranges] == ["a", "b", "a"]
    assert [round(equal.value, 1) for equal in crossing.equal_bytes] == [11.3, 45.3]


@given(
    st.lists(st.floats(-3, 3, allow_nan=False), min_size=2, max_size=12),
    st.floats(0.001, 1),
)
def test_a_crossing_lies_between_sizes_and_turns_with_the_ways(values: list[float], width: float) -> None:
    sizes = [4 << k for k in range(len(values))]
    there = crossing_of("a", "b", _compared(*zip(sizes, values, strict=True), width=width))
    back = crossing_of(
        "b", "a", _compared(*((s, -v) for s, v in zip(sizes, values, strict=True)), width=width)
    )
    assert there.ranges == back.ranges
    assert len(there.equal_bytes) == max(0, len(there.ranges) - 1)

    for before, equal, after in zip(there.ranges, there.equal_bytes, there.ranges[1:], strict=False):
        assert before.last_bytes <= equal.low <= equal.value <= equal.high <= after.first_bytes

    for one, other in zip(there.equal_bytes, back.equal_bytes, strict=True):
        assert (one.low, one.value, one.high) == pytest.approx((other.low, other.value, other.high))


@pytest.fixture(scope="module")
def result() -> Result:
    evaluation = bulk_evaluation(_cost_ns, SIZES)
    return replace(
        NOTHING_MEASURED,
        mode="full",
        crossover=crossover_points(evaluation),
        crossings=find_crossings(evaluation, 0.01),
    )


def test_lines_name_ranges_crossing_and_what_was_left_out(result: Result) -> None:
    lines = crossover_lines(result)

    assert lines[0] == "loads or memcpy: memcpy cheaper from 128 B to 16 KiB, unresolved below 128 B"
    assert lines[1].startswith("loads or pread: loads cheaper from 4 B to 2 KiB, the same at 3.9")
    assert lines[1].endswith("], pread cheaper from 4 KiB to 16 KiB")
    assert lines[2] == "memcpy or pread: memcpy cheaper from 4 B to 16 KiB"
    assert lines[3:] == ["loads, memcpy, pread from 32 KiB to 1 MiB: not here: does not fit"]


def test_a_pair_that_resolves_nowhere_is_named_too(result: Result) -> None:
    line = crossover_lines(replace(result, crossings=(Crossing(LOADS, MEMCPY, (), ()),)))[0]
    assert line == "loads or memcpy: no size resolves which is cheaper"


def test_the_table_has_a_row_a_size_with_bounds_or_values(result: Result) -> None:
    table = crossover_table(result)

    assert table[0] == ("bytes", "loads, ns", "memcpy, ns", "pread, ns")
    assert [row[0] for row in table[1:]][:2] == ["4 B", "8 B"]
    assert table[1][1].startswith("<= 1.")
    assert table[-1][0] == "16 KiB"


def test_a_size_that_one_way_lacks_is_an_empty_cell(result: Result) -> None:
    lacking = replace(result, crossover=result.crossover[1:])

    assert crossover_table(lacking)[1][0] == "4 B"
    assert [row[0] for row in crossover_table(lacking)] == [row[0] for row in crossover_table(result)]
    assert sum("-" in row for row in crossover_table(lacking)) == 1


def test_crossings_without_any_measured_size_are_lines(result: Result) -> None:
    nothing = replace(result, crossover=())
    assert len(crossover_lines(nothing)) == len(result.crossings)


def test_the_picture_says_in_words_what_it_shows(result: Result) -> None:
    picture = crossover_picture(result)
    assert picture is not None
    for part in ("loads: at most ", "pread: 400 ns for 4 B", "for 16 KiB", *crossover_lines(result)):
        assert part in picture.alternative

    for label in ("loads", "memcpy", "pread", "bytes at once", "2 KiB"):
        assert f">{label}<" in picture.svg


def test_there_is_no_picture_of_nothing(result: Result) -> None:
    refused = tuple(CrossoverPoint(way, 4, refused="on a device") for way in BULK_WAYS)
    assert crossover_picture(replace(result, crossover=refused, crossings=())) is None
    assert crossover_picture(replace(result, crossover=(), crossings=())) is None


def test_json_and_back_keeps_the_curve(result: Result) -> None:
    back = Result.from_json(result.to_json())

    assert [(it.way, it.size_bytes, it.refused) for it in back.crossover] == [
        (it.way, it.size_bytes, it.refused) for it in result.crossover
    ]
    assert back.crossover[0].cost == result.crossover[0].cost
    assert back.crossings == result.crossings


def test_the_verdict_of_an_interval_decides_what_resolves() -> None:
    unresolved = SizeComparison(4, Estimate(0.5, -0.1, 1.0), Verdict.UNRESOLVED)
    assert crossing_of("a", "b", [unresolved]) == Crossing("a", "b", (), ())
