"""Single mutations of JSON documents: each value of it in turn is replaced by each of many that do not belong there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

NUMBERS = [-1, 0, 1, 7, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63), 10**30, 0.5, -0.0, 1e308, -1e308]
TEXTS = [
    "",
    "x",
    "1/0",
    "0",
    "1e308",
    "max",
    "\x1b[31m\x07\x1b]0;title\x07",
    "two\nlines\r\n",
    "\x00\x7f\x9b",
    "\ud800",
    "\u202eleft",
    "<script>alert(1)</script>",
    "[x](javascript:1) | ![y](http://z)",
    "$\\frac{",
    "%s{0}{{ 7 * 7 }}",
    "../../etc/passwd",
    "n" * 5_000,
    "n" * 100_000,
    "日本語" * 30,
]
OTHERS: list[Any] = [
    None,
    True,
    False,
    [],
    {},
    [None],
    ["x"],
    [[1, 2], [3]],
    {"x": 1},
    {"": {"": {}}},
    [0] * 3_000,
]
VALUES: list[Any] = [*NUMBERS, *TEXTS, *OTHERS]
NEST = "[" * 60_000 + "]" * 60_000
RAW = [
    "NaN",
    "Infinity",
    "1e999",
    "9" * 5_000,
    "[" * 40 + "]" * 40,
    NEST,
    '{"a":' * 3_000 + "1" + "}" * 3_000,
    "",
]
_HOLE = "@hole@"

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Mutation:
    """One change of a document.

    Attributes:
        place: Keys and indices down to the value.
        how: `replaced`, `raw` (replaced by text that need not be JSON), `removed` or `doubled`.
        value: What replaces it.
    """

    place: Place
    how: str
    value: Any = None

    def __str__(self) -> str:
        value = json.dumps(self.value)
        return f"{'.'.join(map(str, self.place)) or 'all'} {self.how} {value[:40]}"

    def of(self, document: Any) -> bytes:
        """Return the mutated document as JSON."""
        if self.how == "raw":
            text = json.dumps(_changed(document, self.place, lambda parent, key: _put(parent, key, _HOLE)))
            return text.replace(f'"{_HOLE}"', self.value).encode()
        edits = {
            "replaced": lambda parent, key: _put(parent, key, self.value),
            "removed": lambda parent, key: parent.pop(key),
            "doubled": _double,
        }
        return json.dumps(_changed(document, self.place, edits[self.how])).encode()


def places(document: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the place of each value in a document, itself included; of a list, its first and last value."""
    yield place
    inner: list[tuple[str | int, Any]] = []
    if isinstance(document, dict):
        inner = list(document.items())
    elif isinstance(document, list):
        inner = [(k, document[k]) for k in sorted({0, len(document) - 1}) if document]
    for key, value in inner:
        yield from places(value, (*place, key))


def mutations(document: Any) -> Iterator[Mutation]:
    """Yield single mutations of a document."""
    for place in places(document):
        yield from (Mutation(place, "replaced", value) for value in VALUES)
        yield from (Mutation(place, "raw", value) for value in RAW)
        if place:
            yield from (Mutation(place, how) for how in ("removed", "doubled"))


def _changed(document: Any, place: Place, edit: Callable[[Any, Any], object]) -> Any:
    """Return a document with one container edited; only the containers above it are copied."""
    if not place:
        holder = [document]
        edit(holder, 0)
        return holder[0]
    copied = document.copy()
    if len(place) == 1:
        edit(copied, place[0])
    else:
        copied[place[0]] = _changed(document[place[0]], place[1:], edit)
    return copied


def _put(parent: Any, key: Any, value: Any) -> None:
    parent[key] = value


def _double(parent: Any, key: Any) -> None:
    """Have a value once more: under another name, or once more in its list."""
    if isinstance(parent, list):
        parent.append(parent[key])
    else:
        parent[f"{key}2"] = parent[key]
