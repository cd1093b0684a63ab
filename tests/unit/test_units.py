from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regtap.errors import InputError
from regtap.recording.options import RecordOptions
from regtap.units.format import format_duration_ns
from regtap.units.parse import (
    parse_count,
    parse_duration_ns,
    parse_integer,
    parse_rate_hz,
    parse_size_bytes,
    parse_time_ns,
    quoted,
)

if TYPE_CHECKING:
    from collections.abc import Callable

UNHURRIED = settings(deadline=None)  # a loaded machine is no failure
WORDS = st.integers(0, 2**64 - 1)


@UNHURRIED
@given(WORDS, st.sampled_from(["d", "#x", "#X", "#b", "_d", "#_x"]))
def test_an_integer_comes_back_from_every_way_of_writing_it(value: int, spelling: str) -> None:
    assert parse_integer(format(value, spelling)) == value


@UNHURRIED
@given(st.integers(2**64, 2**80))
def test_an_integer_over_64_bits_is_refused(value: int) -> None:
    with pytest.raises(InputError, match="64 bits"):
        parse_integer(hex(value))


@pytest.mark.parametrize(
    "text",
    ["", " ", "-1", "+1", "1.5", "0x", "0xg", "0b2", "1__0", "_1", "1_", " 1", "1\n", "٣", "１", "9" * 5000],  # noqa: RUF001
)
def test_what_is_no_integer_is_refused_in_one_short_line(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_integer(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_leading_zero_is_decimal_and_not_octal() -> None:
    assert parse_integer("010") == 10


@UNHURRIED
@given(st.integers(1, 10**9), st.sampled_from([("ns", 1), ("us", 10**3), ("ms", 10**6), ("s", 10**9)]))
def test_a_duration_comes_back_in_nanoseconds(count: int, unit: tuple[str, int]) -> None:
    assert parse_duration_ns(f"{count}{unit[0]}") == count * unit[1]


def test_a_time_may_be_the_start_itself_and_a_duration_may_not() -> None:
    assert parse_time_ns("0s") == 0
    with pytest.raises(InputError, match="from 1"):
        parse_duration_ns("0s")


@pytest.mark.parametrize("micro", ["us", "\u00b5s", "\u03bcs"])
def test_a_microsecond_has_three_spellings(micro: str) -> None:
    assert parse_duration_ns(f"2{micro}") == 2000


@pytest.mark.parametrize(
    ("text", "ns"), [("1.5s", 1_500_000_000), ("2min", 120 * 10**9), ("1h", 3600 * 10**9)]
)
def test_durations_have_fractions_and_long_units(text: str, ns: int) -> None:
    assert parse_duration_ns(text) == ns


@UNHURRIED
@given(st.decimals(0, 1000, places=3, allow_nan=False, allow_infinity=False).filter(lambda value: value > 0))
def test_a_decimal_quantity_is_exact(value: object) -> None:
    assert parse_duration_ns(f"{value}s") == Fraction(str(value)) * 10**9


@pytest.mark.parametrize(
    "text", ["2", "0s", "-1s", "0.1ns", "1e3s", "s", "1 fortnight", "9" * 5000 + "s", "9" * 30 + "h"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="duration"):
        parse_duration_ns(text)


@pytest.mark.parametrize(
    ("text", "count"), [("7", 7), ("100k", 100_000), ("1.5M", 1_500_000), ("2G", 2 * 10**9)]
)
def test_counts_take_units_of_a_thousand(text: str, count: int) -> None:
    assert parse_count(text) == count


@pytest.mark.parametrize(
    ("text", "size"), [("64", 64), ("4KiB", 4096), ("1kB", 1000), ("64MiB", 2**26), ("1 GB", 10**9)]
)
def test_sizes_tell_kb_from_kib(text: str, size: int) -> None:
    assert parse_size_bytes(text) == size


def test_max_is_a_rate_without_a_number() -> None:
    assert parse_rate_hz("max") is None


@pytest.mark.parametrize(("text", "rate"), [("10k", 10_000), ("0.5Hz", Fraction(1, 2)), ("1MHz", 10**6)])
def test_rates_take_units_and_fractions(text: str, rate: Fraction) -> None:
    assert parse_rate_hz(text) == rate


@given(st.floats(1e-5, 1e9))
def test_the_schedule_can_count_by_any_rate(rate_hz: float) -> None:
    rate = parse_rate_hz(format(Decimal(rate_hz), ".30f"))

    assert rate is not None
    assert max(10**9 * rate.denominator, rate.numerator) < 2**63
    assert abs(rate - Fraction(rate_hz)) <= Fraction(1, 10**9)


@pytest.mark.parametrize("text", ["1e3", "fast", "MAX", "10 kHz a second", ""])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="rate"):
        parse_rate_hz(text)


@pytest.mark.parametrize("text", ["0.000001", "1G"])
def test_the_least_and_the_highest_rate_are_rates(text: str) -> None:
    assert RecordOptions(rate_hz=parse_rate_hz(text)).rate_hz == parse_rate_hz(text)


@pytest.mark.parametrize("text", ["0", "2G", "0.0000009", "9" * 39])
def test_a_rate_without_a_sensible_period_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="1e-6 to 1e9"):
        parse_rate_hz(text)


@pytest.mark.parametrize(
    "parse", [parse_count, parse_size_bytes, parse_duration_ns, parse_rate_hz, parse_integer]
)
@UNHURRIED
@given(text=st.text(max_size=30))
def test_any_text_is_parsed_or_refused_in_one_line(parse: Callable[[str], object], text: str) -> None:
    try:
        parse(text)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017


@UNHURRIED
@given(st.text())
def test_a_quotation_is_one_short_line(text: str) -> None:
    assert quoted(text).isprintable()
    assert len(quoted(text[:60])) <= 60 * 10 + 2


def test_a_long_quotation_is_cut() -> None:
    assert quoted("x" * 100) == repr("x" * 57 + "...")


@pytest.mark.parametrize(
    ("span_ns", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_500, "1.5 µs"),
        (999_949_999, "999.9 ms"),
        (999_999_500, "1 s"),
        (119 * 10**9, "119 s"),
        (125 * 10**9, "2 min 5 s"),
    ],
)
def test_a_span_is_told_in_the_unit_it_rounds_to(span_ns: int, text: str) -> None:
    assert format_duration_ns(span_ns) == text
