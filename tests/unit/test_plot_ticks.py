"""Axis labels: units of time, values in hex or thousands, and exact places for them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from regtap_analysis.plot.ticks import Axis, time_axis, value_axis

NS = {"ns": 1, "µs": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9}


def labels(axis: Axis) -> list[str]:
    return [label for _, label in axis.ticks]


@pytest.mark.parametrize(
    ("span_ns", "unit", "first_labels"),
    [
        (800, "ns", ["0", "100", "200"]),
        (40_000, "µs", ["0", "5", "10"]),
        (1_250_000, "µs", ["0", "200", "400"]),
        (12_500_000, "ms", ["0", "2", "4"]),
        (10_000_000_000, "s", ["0", "2", "4"]),
        (600_000_000_000, "min", ["0", "2", "4"]),
        (200_000_000_000, "min", ["0", "0.5", "1"]),
        (36_000_000_000_000, "h", ["0", "2", "4"]),
    ],
)
def test_time_comes_in_a_unit_that_fits_its_span(span_ns: int, unit: str, first_labels: list[str]) -> None:
    axis = time_axis(0, span_ns, 9)
    assert axis.label == f"time since start ({unit})"
    assert labels(axis)[:3] == first_labels


def test_a_short_view_far_out_counts_from_a_round_moment() -> None:
    axis = time_axis(8_749_500, 8_750_500, 6)
    assert axis.label == "time after 8.7496 ms (ns)"
    assert axis.ticks[:2] == ((8_749_600, "0"), (8_749_800, "200"))


@given(st.integers(-(10**6), 10**15), st.integers(1, 10**14), st.integers(2, 20))
def test_time_ticks_lie_in_the_view_and_are_not_too_many(first: int, span: int, most: int) -> None:
    axis = time_axis(first, first + span, most)

    places = [place for place, _ in axis.ticks]
    assert places == sorted(set(places))
    assert all(first <= place <= first + span for place in places)
    assert len(places) <= most + 1


@given(st.integers(0, 10**6), st.integers(1, 170 * 10**9), st.integers(2, 20))
def test_time_labels_are_the_exact_time(first: int, span: int, most: int) -> None:
    axis = time_axis(first, first + span, most)
    if "since start" in axis.label:
        unit = axis.label.rpartition("(")[2].rstrip(")")
        assert all(Fraction(label) * NS[unit] == place for place, label in axis.ticks)


def test_a_constant_is_one_exact_label_in_hex() -> None:
    assert labels(value_axis(0x54474552, 0x54474552, bits=32)) == ["0x54474552"]


def test_a_status_register_shows_its_exact_bounds_in_hex() -> None:
    assert value_axis(0x3, 0xF07, bits=32, as_hex=True).ticks == ((0x3, "0x3"), (0xF07, "0xf07"))


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (8, ["0", "0x80", "0xff"]),
        (32, ["0", "0x80000000", "0xffffffff"]),
        (64, ["0", "2⁶³", "2⁶⁴-1"]),
    ],
)
def test_a_signal_over_its_whole_range_shows_powers_of_two(bits: int, expected: list[str]) -> None:
    assert labels(value_axis(0, 2**bits - 1, bits=bits)) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 15, ["0", "5", "10", "15"]),
        (900, 4095, ["1000", "2000", "3000", "4000"]),
        (0, 50_000, ["0", "20 k", "40 k"]),
        (1_234_567, 4_234_567, ["2 M", "3 M", "4 M"]),
        (0, 1, ["0", "1"]),
    ],
)
def test_other_values_are_round_numbers(low: int, high: int, expected: list[str]) -> None:
    assert labels(value_axis(low, high, bits=32)) == expected


def test_a_counter_far_from_zero_counts_from_its_smallest_value() -> None:
    axis = value_axis(1_234_567_890, 1_234_568_900, bits=32)
    assert axis.ticks[:2] == ((1_234_567_890, "1,234,567,890"), (1_234_568_390, "+500"))


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(2, 8), st.booleans())
@example(21, 421, 2, False)  # no multiple of its step lies near
def test_value_ticks_are_few_distinct_and_near_the_values(
    one: int, two: int, most: int, as_hex: bool
) -> None:
    low, high = min(one, two), max(one, two)
    axis = value_axis(low, high, bits=64, most=most, as_hex=as_hex)

    margin = (high - low) // 19

    assert 1 <= len(axis.ticks) <= max(most + 1, 3)
    assert len(set(labels(axis))) == len(axis.ticks)
    assert all(low - margin <= place <= high + margin for place, _ in axis.ticks)
