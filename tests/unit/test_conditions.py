"""Conditions over rows and pages: rows agree with the trigger's slow twin, and no page that matters is passed by."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import trigger_twin

from regtap.triggers.model import EDGES, Comparison, Condition, Joined, Operator, Trigger
from regtap_analysis.signals.conditions import masked_bounds, registers_of, truth_of_pages, truth_of_rows

DTYPES = ("uint8", "uint32", "uint64")
ORDERS: tuple[Operator, ...] = ("equal", "not_equal", "less", "at_most", "greater", "at_least")


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    register = draw(st.integers(0, len(DTYPES) - 1))
    whole = int(np.iinfo(DTYPES[register]).max)
    mask = draw(st.one_of(st.just(whole), st.integers(1, 15), st.integers(1, whole)))
    operator = draw(st.sampled_from((*EDGES, *ORDERS)))
    value = 0 if operator in EDGES else draw(st.one_of(st.integers(0, 8), st.integers(0, whole))) & mask
    return Comparison(register, mask, operator, value)


def conditions() -> st.SearchStrategy[Condition]:
    """Return conditions of a few comparisons over registers of DTYPES."""

    def joined(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
        several = st.lists(parts, min_size=2, max_size=3).map(tuple)
        return st.builds(Joined, st.sampled_from(["and", "or"]), several)

    return st.recursive(comparisons(), joined, max_leaves=4)


@st.composite
def columns(draw: st.DrawFn) -> dict[int, npt.NDArray[Any]]:
    """Return samples that often stay as they were, so that pages have a value alone."""
    rows = draw(st.integers(1, 40))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    found = {}
    for number, dtype in enumerate(DTYPES):
        largest = int(np.iinfo(dtype).max)
        levels = np.array([0, 1, 2, 3, 8, largest - 1, largest], dtype)
        moves = np.cumsum(rng.random(rows) < rng.choice([0.05, 0.5]))
        found[number] = rng.choice(levels, rows)[moves - moves[0]]
    return found


@given(conditions(), columns())
def test_it_begins_where_a_trigger_strikes_and_on_the_first_row(
    condition: Condition, columns: dict[int, npt.NDArray[Any]]
) -> None:
    rows = [[int(column[row]) for column in columns.values()] for row in range(len(columns[0]))]

    truth = truth_of_rows(condition, columns)

    first = [0] if truth.holds[0] else []
    assert np.flatnonzero(truth.begins).tolist() == first + trigger_twin.strikes(Trigger("", condition), rows)


@given(conditions(), columns(), st.integers(1, 9), st.integers(0, 3))
def test_a_page_in_which_it_begins_is_never_passed_by(
    condition: Condition, columns: dict[int, npt.NDArray[Any]], rows: int, too_wide: int
) -> None:
    starts = np.arange(0, len(columns[0]), rows)
    bounds = {}
    for number, column in columns.items():
        largest = np.iinfo(column.dtype).max
        low, high = np.minimum.reduceat(column, starts), np.maximum.reduceat(column, starts)
        widened = np.where(high > largest - too_wide, largest, high + column.dtype.type(too_wide))
        bounds[number] = low, widened.astype(column.dtype)

    pages, exact = truth_of_pages(condition, bounds), truth_of_rows(condition, columns)

    for found, wanted in ((pages.holds, exact.holds), (pages.begins, exact.begins)):
        assert not np.any(np.logical_or.reduceat(wanted, starts) & ~found)


@pytest.mark.parametrize(
    ("least", "most", "mask", "expected"),
    [
        (0x1234, 0x1238, 0xFFFF, (0x1234, 0x1238)),
        (0x1234, 0x1238, 0x00F0, (0x30, 0x30)),
        (0x1234, 0x1278, 0x00F0, (0x30, 0x70)),
        (0x1234, 0x1334, 0x00F0, (0x00, 0xF0)),  # a bit above changes: the field may be anything
        (0x1234, 0x1234, 0x1004, (0x1004, 0x1004)),
        (0x1230, 0x123F, 0x1021, (0x1020, 0x1021)),  # bits with holes: those that may differ are unknown
        (2**64 - 2, 2**64 - 1, 2**64 - 1, (2**64 - 2, 2**64 - 1)),
    ],
)
def test_bounds_of_bits_are_as_close_as_a_page_tells(
    least: int, most: int, mask: int, expected: tuple[int, int]
) -> None:
    low, high = masked_bounds(np.array([least], np.uint64), np.array([most], np.uint64), mask)
    assert (int(low[0]), int(high[0])) == expected


def test_an_unchanging_page_is_judged_exactly() -> None:
    still = {0: (np.array([4, 4, 5], np.uint8), np.array([4, 4, 5], np.uint8))}
    is_five, moves = Comparison(0, 255, "equal", 5), Comparison(0, 255, "changes")

    assert truth_of_pages(is_five, still).begins.tolist() == [False, False, True]
    assert truth_of_pages(moves, still).begins.tolist() == [True, False, True]  # nobody knows what was before


def test_the_registers_of_a_condition_are_named_once() -> None:
    pair = Joined("or", (Comparison(2, 1, "rises"), Comparison(0, 1, "falls")))
    assert registers_of(Joined("and", (pair, Comparison(2, 4, "equal", 4)))) == {0, 2}
