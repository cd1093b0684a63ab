"""Values of an answer as JSON and as text; integers of 64 bits and more stay exact."""

from __future__ import annotations

import json
import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from types import NoneType
from typing import TYPE_CHECKING, Any

from regtap.documents.text import terminal_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

NULL = "NULL"
_QUOTED = re.compile(r'[",\r\n]|^\s|\s$')


def plain(value: Any) -> Any:
    """Return a value for JSON: a whole decimal is an integer, a moment ISO 8601, NaN null; of odd types the text."""
    convert = next((convert for kind, convert in _PLAIN if isinstance(value, kind)), str)
    return convert(value)


def _as_it_is(value: Any) -> Any:
    return value


def _decimal(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _moment(value: datetime) -> str:
    return value.isoformat() if value.tzinfo else f"{value.isoformat()}Z"


_PLAIN: tuple[tuple[type | tuple[type, ...], Callable[[Any], Any]], ...] = (
    ((str, int, NoneType), _as_it_is),
    (Decimal, _decimal),
    (float, lambda value: value if math.isfinite(value) else None),
    (datetime, _moment),
    ((date, time), lambda value: value.isoformat()),
    (timedelta, lambda value: value.total_seconds()),
    (bytes, lambda value: value.hex()),
    ((list, tuple), lambda value: [plain(item) for item in value]),
    (dict, lambda value: {str(key): plain(item) for key, item in value.items()}),
)


def json_row(row: Mapping[str, Any]) -> str:
    """Return a row as a JSON object on one line."""
    return json.dumps({name: plain(value) for name, value in row.items()})


def cell(value: Any) -> str:
    """Return a value as a cell of a table, without control characters."""
    if value is None:
        return NULL
    if isinstance(value, str):
        return terminal_text(value)
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    shown = plain(value)
    return terminal_text(shown if isinstance(shown, str) else json.dumps(shown))


def csv_cell(value: Any) -> str:
    """Return a value as DuckDB writes it to CSV; a list or a structure is JSON, and bytes are hexadecimal."""
    if value is None:
        return ""
    if isinstance(value, float | Decimal):
        return f"{value:f}" if isinstance(value, Decimal) else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    shown = plain(value)
    text = shown if isinstance(shown, str) else json.dumps(shown, separators=(",", ":"))
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if not text or _QUOTED.search(text) else text


def unique_names(names: Iterable[str]) -> list[str]:
    """Return the names of columns with a number behind each that was there before, as DuckDB has them: x, x_1."""
    found: dict[str, None] = {}
    for name in names:
        free = (f"{name}_{number}" if number else name for number in count())
        found[next(it for it in free if it not in found)] = None
    return list(found)
