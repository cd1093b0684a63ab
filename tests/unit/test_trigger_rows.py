"""The native trigger and its slow twin judge the same rows alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import trigger_twin

from regtap import _native
from regtap.registers.model import Register
from regtap.triggers.model import Comparison, Condition, Joined, Operator, Trigger
from regtap.triggers.parse import parse_trigger

TYPES = ("u8", "u16", "u32", "u64")
REGISTERS = tuple(Register(f"r{k}", 8 * k, kind) for k, kind in enumerate(TYPES))
OPERATORS: tuple[Operator, ...] = (
    "equal", "not_equal", "less", "at_most", "greater", "at_least", "rises", "falls", "changes",
)  # fmt: skip


def native(trigger: Trigger) -> _native.Trigger:
    comparisons = [
        (it.register, it.mask, _native.Operator[it.operator], it.value) for it in trigger.comparisons
    ]
    return _native.Trigger(comparisons, list(trigger.alternatives), len(REGISTERS))


def columns_of(rows: Sequence[tuple[int, ...]]) -> list[Any]:
    return [np.array([row[k] for row in rows], register.dtype) for k, register in enumerate(REGISTERS)]


def struck(text: str, *values: int) -> list[int]:
    """Return the rows of r0 on which a trigger strikes, by both."""
    trigger = parse_trigger(text, REGISTERS)
    rows = [(value, 0, 0, 0) for value in values]
    found = native(trigger).judge(columns_of(rows))
    assert found == trigger_twin.strikes(trigger, rows)
    if rows:
        assert found == trigger_twin.strikes_of(trigger, columns_of(rows))
    return found


def test_a_comparison_strikes_when_it_becomes_true() -> None:
    assert struck("r0 == 2", 1, 2, 2, 3, 2) == [1, 4]


def test_what_is_true_on_the_first_row_has_not_become_true() -> None:
    assert struck("r0 == 2", 2, 2, 1, 2) == [3]


@pytest.mark.parametrize(("word", "rows"), [("rises", [1, 2]), ("falls", [4]), ("changes", [1, 2, 4])])
def test_an_edge_strikes_on_every_row_where_it_occurs(word: str, rows: list[int]) -> None:
    assert struck(f"r0 {word}", 1, 2, 3, 3, 0) == rows


def test_an_and_strikes_when_its_last_part_becomes_true() -> None:
    assert struck("r0 & 1 == 1 and r0 & 2 == 2", 0, 1, 3, 3, 1, 3) == [2, 5]


def test_an_edge_strikes_where_the_rest_holds() -> None:
    assert struck("r0 & 1 rises and r0 & 2 == 2", 0, 1, 2, 3, 2, 3, 1) == [3, 5]


def test_an_or_strikes_though_its_other_part_holds_already() -> None:
    assert struck("r0 & 1 == 1 or r0 & 2 == 2", 1, 3, 2, 3) == [1, 3]


def test_a_condition_that_held_at_the_start_is_told() -> None:
    trigger = native(parse_trigger("r0 == 2 and r1 == 0", REGISTERS))
    trigger.judge(columns_of([(2, 0, 0, 0)]))
    assert trigger.held_at_start


def test_an_edge_never_holds_at_the_start() -> None:
    trigger = native(parse_trigger("r0 == 2 and r1 changes", REGISTERS))
    trigger.judge(columns_of([(2, 0, 0, 0)]))
    assert not trigger.held_at_start


def comparisons(limit: int) -> st.SearchStrategy[Comparison]:
    def make(register: int, shift: int, bits: int, operator: Operator, number: int) -> Comparison | None:
        width = 8 * REGISTERS[register].width_bytes
        mask = (bits << shift % width) & (1 << width) - 1
        value = number << shift % width & mask
        never = (operator == "less" and not value) or (operator == "greater" and value == mask)
        return None if not mask or never else Comparison(register, mask, operator, value)

    made = st.builds(
        make,
        st.integers(0, 3),
        st.integers(0, 63),
        st.integers(1, 7),
        st.sampled_from(OPERATORS),
        st.integers(0, 7),
    )
    return made.filter(lambda it: it is not None)  # type: ignore[return-value]


CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    comparisons(7),
    lambda parts: st.builds(
        lambda word, joined: Joined(word, tuple(joined)),
        st.sampled_from(["and", "or"]),
        st.lists(parts, min_size=2, max_size=3),
    ),
    max_leaves=16,
)
VALUES = st.one_of(st.integers(0, 7), st.integers(0, 2**64 - 1))


@given(condition=CONDITIONS, rows=st.lists(st.tuples(VALUES, VALUES, VALUES, VALUES), max_size=40))
def test_the_native_trigger_strikes_where_its_twin_does(
    condition: Condition, rows: list[tuple[int, ...]]
) -> None:
    trigger = Trigger("", condition)
    if len(trigger.comparisons) > 16:
        return
    fitting = [
        tuple(value % (1 << 8 * register.width_bytes) for value, register in zip(row, REGISTERS, strict=True))
        for row in rows
    ]

    assert native(trigger).judge(columns_of(fitting)) == trigger_twin.strikes(trigger, fitting)


@pytest.mark.parametrize(
    ("comparisons", "alternatives"),
    [
        ([], [1]),
        ([(0, 1, "rises", 0)] * 17, [1]),
        ([(0, 1, "rises", 0)], []),
        ([(0, 1, "rises", 0)], [0]),
        ([(0, 1, "rises", 0)], [2]),
        ([(4, 1, "rises", 0)], [1]),
        ([(0, 0, "rises", 0)], [1]),
        ([(0, 1, "equal", 2)], [1]),
        ([(0, 1, "less", 0)], [1]),
        ([(0, 1, "greater", 1)], [1]),
    ],
)
def test_a_trigger_that_cannot_be_is_refused(comparisons: list[Any], alternatives: list[int]) -> None:
    made = [(register, mask, _native.Operator[name], value) for register, mask, name, value in comparisons]
    with pytest.raises(ValueError, match=r"comparison|alternative|value|less|greater"):
        _native.Trigger(made, alternatives, 4)
