"""What is said of a schedule that was not kept, and of pauses: only rates that the loop holds, and true shares."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regtap.recording.pace import Pace, format_share, pace_warnings, rate_argument
from regtap.units.parse import parse_rate_hz

SECOND_NS = 10**9
FAST = Pace(SECOND_NS, row_cost_ns=100.0)  # it holds 8 MHz


@given(st.floats(10, 1e9))
def test_a_rate_in_advice_is_never_above_the_one_that_is_held(rate_hz: float) -> None:
    said = parse_rate_hz(rate_argument(rate_hz))
    assert said is not None
    assert Fraction(rate_hz) * Fraction(85, 100) <= said <= Fraction(rate_hz)


@pytest.mark.parametrize(
    ("rate_hz", "text"), [(6.97e6, "6.9M"), (123_456, "120k"), (48e6, "48M"), (999.9, "990"), (1.5, "1")]
)
def test_a_rate_in_advice_has_two_digits(rate_hz: float, text: str) -> None:
    assert rate_argument(rate_hz) == text


def test_one_per_cent_of_missed_slots_is_no_warning() -> None:
    assert pace_warnings(FAST, 20e6, 10_000, 100) == []
    assert len(pace_warnings(FAST, 20e6, 10_000, 101)) == 1


def test_a_rate_that_cannot_be_held_names_one_that_can() -> None:
    assert "--rate 8M is evenly spaced" in pace_warnings(FAST, 20e6, 100, 60)[0]


def test_a_rate_that_can_be_held_is_not_advised_against() -> None:
    (line,) = pace_warnings(FAST, 1e6, 100, 60)
    assert "kept from running" in line
    assert "--rate " not in line.replace("--rate,", "")


def test_no_cause_and_no_rate_is_named_after_a_few_rows() -> None:
    (line,) = pace_warnings(Pace(SECOND_NS, None), 20e6, 100, 60)
    assert "too few were taken to say" in line
    assert "--cpu" in line


@pytest.mark.parametrize(
    ("throttled_ns", "share"), [(0, 0.0), (SECOND_NS // 2, 0.5), (SECOND_NS, 1.0), (2 * SECOND_NS, 1.0)]
)
def test_pauses_are_never_more_than_the_whole_time(throttled_ns: int, share: float) -> None:
    assert FAST.paused_share(throttled_ns) == share


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0.0 %"), (1e-6, "under 0.1 %"), (0.5, "50.0 %"), (0.99999, "over 99.9 %"), (1, "100.0 %")],
)
def test_a_share_is_neither_all_nor_nothing_unless_it_is(share: float, text: str) -> None:
    assert format_share(share) == text
