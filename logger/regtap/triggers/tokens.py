"""The words of a trigger's expression, with their places."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.units.parse import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_LETTERS = 4096  # arbitrary: far beyond 16 comparisons of long names
_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_][A-Za-z0-9_.\[\]-]*)|(?P<number>[0-9][A-Za-z0-9_]*)|(?P<sign>[=!<>]=|[<>()]|&(?!&)))"
)
_MISTAKEN = {"=": "==", "&&": "and", "||": "or", "|": "or", "!": "!="}


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number or a sign.

    Attributes:
        kind: `name`, `number`, `sign`, or `end` after the last one.
        text: As it was written.
        column: Of its first letter, from 1.
    """

    kind: str
    text: str
    column: int


def trigger_error(text: str, column: int, problem: str) -> InputError:
    """Return the error for a place in an expression.

    Args:
        text: The expression.
        column: Where, from 1.
        problem: What is wrong there, and what to do.
    """
    rest = text[column - 1 :].strip()
    where = f"at {quoted(rest)}" if rest else "at its end"
    return InputError(f"the trigger, column {column}, {where}: {problem}")


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of an expression, and one for its end.

    Raises:
        InputError: Some letter belongs to none; the message says where.
    """
    if len(text) > _MOST_LETTERS:
        raise InputError(f"a trigger has at most {_MOST_LETTERS:,} letters, and this one has {len(text):,}")
    at, stop = 0, len(text.rstrip())
    while at < stop:
        match = _TOKEN.match(text, at)
        if match is None:
            raise _stray(text, at + len(text[at:]) - len(text[at:].lstrip()))
        kind = match.lastgroup or ""
        yield Token(kind, match[kind], match.start(kind) + 1)
        at = match.end()
    yield Token("end", "", stop + 1)


def _stray(text: str, at: int) -> InputError:
    sign = next((sign for sign in sorted(_MISTAKEN, key=len, reverse=True) if text.startswith(sign, at)), "")
    hint = f"write {_MISTAKEN[sign]}" if sign else "write names, numbers and the operators == != < <= > >= &"
    return trigger_error(text, at + 1, f"{quoted(sign or text[at])} is not understood here; {hint}")
