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

JsonPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Mutation:
    """One change of a document.

    Attributes:
        path: Keys and indices down to the value.
        how: `replaced`, `raw` (replaced by text that need not be JSON), `removed` or `doubled`.
        value: What replaces it.
    """

    path: JsonPath
    how: str
    value: Any = None

    def __str__(self) -> str:
        value = json.dumps(self.value)
        return f"{'.'.join(map(str, self.path)) or 'all'} {self.how} {value[:40]}"

    def of(self, document: Any) -> bytes:
        """Return the mutated document as JSON."""
        if self.how == "raw":
            text = json.dumps(_changed(document, self.path, lambda parent, key: _put(parent, key, _HOLE)))
            return text.replace(f'"{_HOLE}"', self.value).encode()
        edits = {
            "replaced": lambda parent, key: _put(parent, key, self.value),
            "removed": lambda parent, key: parent.pop(key),
            "doubled": _double,
        }
        return json.dumps(_changed(document, self.path, edits[self.how])).encode()


def paths(document: Any, path: JsonPath = ()) -> Iterator[JsonPath]:
    """Yield the path of each value in a document, itself included; of a list, its first and last value."""
    yield path
    inner: list[tuple[str | int, Any]] = []
    if isinstance(document, dict):
        inner = list(document.items())
    elif isinstance(document, list):
        inner = [(k, document[k]) for k in sorted({0, len(document) - 1}) if document]
    for key, value in inner:
        yield from paths(value, (*path, key))


def mutations(document: Any) -> Iterator[Mutation]:
    """Yield single mutations of a document."""
    for path in paths(document):
        yield from (Mutation(path, "replaced", value) for value in VALUES)
        yield from (Mutation(path, "raw", value) for value in RAW)
        if path:
            yield from (Mutation(path, how) for how in ("removed", "doubled"))


def _changed(document: Any, path: JsonPath, edit: Callable[[Any, Any], object]) -> Any:
    """Return a document with one container edited; only the containers above it are copied."""
    if not path:
        holder = [document]
        edit(holder, 0)
        return holder[0]
    copied = document.copy()
    if len(path) == 1:
        edit(copied, path[0])
    else:
        copied[path[0]] = _changed(document[path[0]], path[1:], edit)
    return copied


def _put(parent: Any, key: Any, value: Any) -> None:
    parent[key] = value


def _double(parent: Any, key: Any) -> None:
    """Have a value once more: under another name, or once more in its list."""
    if isinstance(parent, list):
        parent.append(parent[key])
    else:
        parent[f"{key}2"] = parent[key]
