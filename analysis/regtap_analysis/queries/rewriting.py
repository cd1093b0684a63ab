"""Rewrites shorthands of a question to SQL: names with dots, `field()`, `delta()`, `wall_time()`, `0x1f`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap_analysis.queries.dialects import name_expression
from regtap_analysis.queries.select_list import SelectList, ends_item
from regtap_analysis.queries.tables import TABLE_NAMES, column_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from regtap_analysis.queries.columns import Names, SignalColumn
    from regtap_analysis.queries.dialects import Dialect

_TOKEN = re.compile(
    r"""
    (?P<text>[eE]'(?:\\.|[^'\\]|'')*'|'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<comment>--[^\n]*|/\*.*?\*/)
    | (?P<dollar>\$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$)
    | (?P<hex>0[xX][0-9a-fA-F]+\b)
    | (?P<word>[^\W\d]\w*)
    | (?P<number>\d[\w.]*)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
CALLS = ("field", "field_name", "delta", "wall_time")
_SHOW_TABLES = re.compile(r"\s*show\s+tables\s*;?\s*", re.IGNORECASE)
_TABLES = " UNION ALL ".join(f"SELECT '{name}' AS name" for name in TABLE_NAMES)
_COLUMN = re.compile(r'\s*((?:\w+|"(?:[^"]|"")*")\s*\.\s*)?(\w+|"(?:[^"]|"")*")\s*\Z')


class Rewriter:
    """Rewrites a question to the engine's SQL.

    Args:
        names: The registers and fields of the traces.
        dialect: How the macros are written; everything else stays as it is typed.
    """

    def __init__(self, names: Names, dialect: Dialect) -> None:
        self._names = names
        self._dialect = dialect
        self._odd: dict[str, list[str]] = {}
        for name in sorted(names.columns, key=len, reverse=True):
            if not name.isidentifier() and "-" not in name:  # A-B is a difference; quotes tell it apart
                first = re.split(r"\W", name, maxsplit=1)[0]
                self._odd.setdefault(first.casefold(), []).append(name)
        made = (self._field, self._field_name, self._delta, self._wall_time)
        self._calls: dict[str, Callable[[list[str]], str]] = dict(zip(CALLS, made, strict=True))

    def rewrite(self, text: str) -> str:
        """Return a question in SQL.

        Raises:
            InputError: A macro is called with what it cannot take.
        """
        return _TABLES if _SHOW_TABLES.fullmatch(text) else "".join(self._pieces(text))

    def _pieces(self, text: str) -> Iterator[str]:
        position, place = 0, SelectList()
        while position < len(text):
            token = _TOKEN.match(text, position)
            assert token is not None  # noqa: S101 (the last alternative matches any sign)
            piece, position = self._piece(text, token)
            yield piece
            if _is_call(token, position) and place.begins_item and ends_item(text, position):
                typed = " ".join(text[token.start() : position].split())
                yield f" AS {self._dialect.identifier(typed)}"  # the macro's own text is no heading
            if not token["comment"] and not token[0].isspace():
                place.pass_by(token[0])

    def _piece(self, text: str, token: re.Match[str]) -> tuple[str, int]:
        """Return the SQL for a token, and the position of the next one."""
        if token["hex"]:
            return str(int(token["hex"], 16)), token.end()
        if token["word"] is None:
            return token[0], token.end()
        word = token["word"].casefold()
        for name in self._odd.get(word, ()):
            end = token.start() + len(name)
            if text[token.start() : end].casefold() == name.casefold() and not _goes_on(text, end):
                return _quoted(column_name(name)), end
        if word in self._calls:
            arguments, end = _arguments(text, token.end())
            if arguments is not None:
                return self._calls[word]([self.rewrite(argument) for argument in arguments]), end
        return token[0], token.end()

    def _field(self, arguments: list[str]) -> str:
        value, signal = self._value_and_field("field", arguments)
        return self._dialect.bits(value, signal.lsb, signal.bits)

    def _field_name(self, arguments: list[str]) -> str:
        value, signal = self._value_and_field("field_name", arguments)
        number = self._dialect.bits(value, signal.lsb, signal.bits)
        return f"coalesce({name_expression(self._dialect, signal, number)}, CAST({number} AS VARCHAR(20)))"

    def _value_and_field(self, call: str, arguments: list[str]) -> tuple[str, SignalColumn]:
        if len(arguments) != 2:
            raise InputError(
                f"{call}(x, NAME) takes a register and a field of it, such as {call}(STATUS, 'BUSY')"
            )
        column = self._register(arguments[0])
        name = arguments[1].strip()
        if name[:1] in ("'", '"'):
            name = name[1:-1].replace(name[0] * 2, name[0])
        return arguments[0].strip(), self._names.field(column, name)

    def _delta(self, arguments: list[str]) -> str:
        bits = arguments[1].strip() if len(arguments) == 2 else ""
        if len(arguments) == 1 and (column := self._register(arguments[0])):
            bits = str(self._names.width_bits(self._names.column(column) or ""))
        if not bits.isdigit() or not 1 <= int(bits) <= 64:
            alone = (
                f"; without one, a register: {arguments[0].strip()} is none" if len(arguments) == 1 else ""
            )
            raise InputError(
                f"delta(x, bits) takes a value and its width, 1 to 64, such as delta(COUNT32, 32){alone}"
            )
        return self._dialect.delta(arguments[0].strip(), 1 << int(bits), _qualifier(arguments[0]))

    def _wall_time(self, arguments: list[str]) -> str:
        if len(arguments) != 1:
            raise InputError("wall_time(t_ns) takes a time of a trace")
        return self._dialect.wall_time(arguments[0].strip(), _qualifier(arguments[0]))

    def _register(self, expression: str) -> str | None:
        """Return the register that an expression consists of, folded in case; None: it is another expression."""
        match = _COLUMN.match(expression)
        if match is None:
            return None
        name = match[2]
        if name.startswith('"'):
            name = name[1:-1].replace('""', '"')
        return name.casefold() if self._names.column(name) else None


def _is_call(token: re.Match[str], end: int) -> bool:
    """Return whether a token was replaced together with its arguments, up to `end`."""
    return (token["word"] or "").casefold() in CALLS and end > token.end()


def _arguments(text: str, start: int) -> tuple[list[str] | None, int]:
    """Return the arguments of a call whose name ends at `start`, and the call's end; None: it is no call."""
    position = len(text) - len(text[start:].lstrip())
    if text[position : position + 1] != "(":
        return None, start
    depth, begin, arguments = 0, position + 1, []
    while token := _TOKEN.match(text, position):
        sign = token["other"] or ""
        depth += (sign in ("(", "[")) - (sign in (")", "]"))
        if depth == 0 or (depth == 1 and sign == ","):
            arguments.append(text[begin : token.start()])
            begin = token.end()
        position = token.end()
        if depth == 0:
            return arguments, position
    return None, start  # never closed: the engine says so


def _qualifier(expression: str) -> str:
    """Return the table in front of a column, with its dot, or nothing."""
    match = _COLUMN.match(expression)
    return "".join(match[1].split()) if match and match[1] else ""


def _goes_on(text: str, position: int) -> bool:
    following = text[position : position + 1]
    return following.isalnum() or following == "_"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
