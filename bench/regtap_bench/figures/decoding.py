"""Frozen dataclasses back from what asdict() and JSON made of them; whatever does not fit is named by its place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def decode(kind: type[T], given: object) -> T:
    """Return an object of a dataclass from its JSON.

    Args:
        kind: A dataclass whose fields are dataclasses, tuple[X, ...], Mapping[str, X], X | None, Any, and what JSON
            has itself.
        given: What json.loads() made of it.

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
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        (kind,) = (it for it in arguments if it is not NoneType)
        return None if given is None else _decode(kind, given, where)
    if origin is tuple:
        items = enumerate(_checked(list, given, where))
        return tuple(_decode(arguments[0], item, f"{where}[{at}]") for at, item in items)
    if origin is Mapping:
        items = _checked(dict, given, where).items()
        return {name: _decode(arguments[1], item, _inside(where, name)) for name, item in items}
    return _scalar(kind, given, where)


def _object(kind: Any, given: object, where: str) -> Any:
    members = _checked(dict, given, where)
    hints = _hints(kind)
    missing = [it.name for it in fields(kind) if it.default is MISSING and it.name not in members]
    unknown = [name for name in members if name not in hints]
    for what, names in (("is missing", missing), ("is unknown", unknown)):
        if names:
            raise ValueError(f"{_inside(where, names[0])} {what}")
    return kind(**{name: _decode(hints[name], item, _inside(where, name)) for name, item in members.items()})


def _scalar(kind: Any, given: object, where: str) -> Any:
    if kind is float:
        number = float(_checked((int, float), given, where))
        if not math.isfinite(number):
            raise ValueError(f"{where} is not finite")
        return number
    return _checked(kind, given, where)


def _checked(kind: Any, given: Any, where: str) -> Any:
    if not isinstance(given, kind) or (isinstance(given, bool) and kind is not bool):
        raise ValueError(f"{where or 'it'} is {type(given).__name__}")
    return given


def _inside(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
