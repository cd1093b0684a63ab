"""Frozen dataclasses back from JSON: types, ranges and lengths are checked, and a misfit is named by its place.

A field's annotation says all that is checked. Beside the plain types there are

    Annotated[int, Within(0, 9)]      a number of that range
    Annotated[str, Matching("a+")]    a text of that form, from its first letter to its last
    Annotated[SomeDataclass, LISTED]  the fields' values as a list, in the fields' order; the last ones that have
                                      defaults may be left out
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

MOST_LETTERS = 1 << 16  # of one text
_MOST_SHOWN = 60  # letters of a place in a message: names in a document may be long
_LARGEST = 1 << 64  # of a whole number without a range of its own: what fits a register


@dataclass(frozen=True, slots=True)
class Within:
    """The range of a number, both ends included."""

    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Matching:
    """The form of a text: a regular expression for the whole text."""

    pattern: str


@dataclass(frozen=True, slots=True)
class _Listed:
    """A dataclass is stored as the list of its fields' values."""


LISTED: Final = _Listed()


def decode(kind: type[T], given: object) -> T:
    """Return an object of a dataclass from its JSON.

    Args:
        kind: A dataclass whose fields are dataclasses, tuple[X, ...], Mapping[str, X], X | None, Any, Annotated as
            above, and the types that JSON has itself.
        given: The result of json.loads().

    Raises:
        ValueError: It does not fit; the text says where, in one line.
    """
    made: T = _decode(kind, given, "")
    return made


def _decode(kind: Any, given: object, where: str) -> Any:
    if kind is Any:
        return given
    if is_dataclass(kind):
        return _object(kind, given, where)
    if get_origin(kind) is None:
        return _scalar(kind, given, where)
    return _generic(kind, given, where)


def _generic(kind: Any, given: object, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _annotated(arguments[0], arguments[1], given, where)
    if origin is tuple:
        items = enumerate(_checked(list, given, where))
        return tuple(_decode(arguments[0], item, f"{where}[{at}]") for at, item in items)
    if origin is Mapping:
        members = _checked(dict, given, where).items()
        return {name: _decode(arguments[1], item, _inside(where, name)) for name, item in members}
    if origin not in (UnionType, Union):
        raise TypeError(f"{kind} is no type of a document's field")
    (kind,) = (it for it in arguments if it is not NoneType)
    return None if given is None else _decode(kind, given, where)


def _annotated(kind: Any, rule: object, given: object, where: str) -> Any:
    if isinstance(rule, _Listed):
        names = [it.name for it in fields(kind)]
        values = _checked(list, given, where)
        if not len(_required(kind)) <= len(values) <= len(names):
            raise ValueError(f"{where} has {len(values)} values, not {len(names)}")
        return _object(kind, dict(zip(names, values, strict=False)), where)
    value = _decode(kind, given, where)
    if isinstance(rule, Within) and not rule.least <= value <= rule.most:
        raise ValueError(f"{where} is not between {rule.least} and {rule.most}")
    if isinstance(rule, Matching) and not re.fullmatch(rule.pattern, value):
        raise ValueError(f"{where} has not the form of such a text")
    return value


def _object(kind: Any, given: object, where: str) -> Any:
    members = _checked(dict, given, where)
    hints = _hints(kind)
    missing = [name for name in _required(kind) if name not in members]
    unknown = [name for name in members if name not in hints]
    for what, names in (("is missing", missing), ("is unknown", unknown)):
        if names:
            raise ValueError(f"{_inside(where, names[0])} {what}")
    return kind(**{name: _decode(hints[name], item, _inside(where, name)) for name, item in members.items()})


def _scalar(kind: Any, given: object, where: str) -> Any:
    if kind is float:
        return _finite(_checked((int, float), given, where), where)
    value = _checked(kind, given, where)
    if kind is str and len(value) > MOST_LETTERS:
        raise ValueError(f"{where} has over {MOST_LETTERS:,} letters")
    if kind is int and not -_LARGEST < value < _LARGEST:
        raise ValueError(f"{where} does not fit 64 bits")
    return value


def _finite(given: float, where: str) -> float:
    try:
        number = float(given)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{where} is not finite")
    return number


def _checked(kind: Any, given: Any, where: str) -> Any:
    if not isinstance(given, kind) or (isinstance(given, bool) and kind is not bool):
        raise ValueError(f"{where or 'it'} is {type(given).__name__}")
    return given


def _inside(where: str, name: str) -> str:
    shown = name if len(name) <= _MOST_SHOWN else f"{name[:_MOST_SHOWN]}..."
    return f"{where}.{shown}" if where else shown


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


@cache
def _required(kind: Any) -> tuple[str, ...]:
    return tuple(it.name for it in fields(kind) if it.default is MISSING and it.default_factory is MISSING)
