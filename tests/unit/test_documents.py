"""Documents from disk: bounded before they are used, decoded by their fields' types, ranges and forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest

from regtap.documents.decoding import LISTED, MOST_LETTERS, Matching, Within, decode
from regtap.documents.json_text import Limits, load_json


@dataclass(frozen=True)
class Point:
    x: Annotated[int, Within(-5, 5)]
    y: float = 0.0


@dataclass(frozen=True)
class Shape:
    name: Annotated[str, Matching("[a-z]+")]
    points: tuple[Annotated[Point, LISTED], ...] = ()
    centre: Point | None = None
    size: Annotated[int, Within(1, 9)] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    is_closed: bool = False


def test_a_document_becomes_its_dataclass() -> None:
    given = {"name": "line", "points": [[0, 1], [2, 3.5]], "centre": {"x": 1}, "size": 2, "facts": {"a": [1]}}

    shape = decode(Shape, given)

    assert shape == Shape("line", (Point(0, 1.0), Point(2, 3.5)), Point(1), 2, {"a": [1]})


MISFITS: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"name": None}, "name is NoneType"),
    "another form": ({"name": "line\n"}, "name has not the form"),
    "a number for a text": ({"name": 5}, "name is int"),
    "a range": ({"centre": {"x": 6}}, "centre.x is not between -5 and 5"),
    "a truth for a number": ({"centre": {"x": True}}, "centre.x is bool"),
    "a text for a number": ({"size": "5"}, "size is str"),
    "not finite": ({"centre": {"x": 0, "y": 1e999}}, "centre.y is not finite"),
    "beyond a float": ({"centre": {"x": 0, "y": 10**400}}, "centre.y is not finite"),
    "too few": ({"points": [[]]}, r"points\[0\] has 0 values, not 2"),
    "too many": ({"points": [[1, 2, 3]]}, r"points\[0\] has 3 values, not 2"),
    "no list": ({"points": {"x": 1}}, "points is dict"),
    "unknown": ({"colour": 1}, "colour is unknown"),
    "long": ({"facts": {}, "n" * 100_000: 1}, r"^n{60}\.\.\. is unknown$"),
    "a long text": ({"name": "a" * (MOST_LETTERS + 1)}, "name has over 65,536 letters"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_a_misfit_is_named_by_its_place(case: str) -> None:
    changes, message = MISFITS[case]

    with pytest.raises(ValueError, match=message):
        decode(Shape, {"name": "line", **changes})


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match="name is missing"):
        decode(Shape, {})


UNFIT = {
    "large": (b" " * 101, "100 are allowed"),
    "many": (b"[" + b"[]," * 20 + b"0]", "over 10 lists and objects"),
    "deep": (b"[[[[1]]]]", "nested deeper than 3"),
    "no JSON": (b"{1}", "it is no JSON"),
    "no UTF-8": (b'"\xff"', "it is no UTF-8"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "it is no"),
    "no number": (b"NaN", "NaN is no number"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_json_is_bounded(case: str) -> None:
    raw, message = UNFIT[case]
    limits = Limits(size_bytes=100, depth=3, containers=10)

    with pytest.raises(ValueError, match=message):
        load_json(raw, limits)


@pytest.mark.parametrize("depth", [32, 33, 2_000, 60_000])
def test_depth_is_bounded_whatever_the_interpreter_allows(depth: int) -> None:
    raw = b"[" * depth + b"]" * depth

    if depth <= 32:
        load_json(raw)
        return
    with pytest.raises(ValueError, match="nested deeper than 32"):
        load_json(raw)
