"""The tokens of an expression, with their columns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import ExpressionError
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
        text: The letters of the token.
        column: Column of the first letter, from 1.
    """

    kind: str
    text: str
    column: int


@dataclass(frozen=True, slots=True)
class Expression:
    """The text of an expression, and the word that errors have for it.

    Attributes:
        text: The text as it was written.
        noun: `trigger`, or `condition` where something is searched for.
    """

    text: str
    noun: str = "trigger"

    def error(self, column: int, problem: str) -> ExpressionError:
        """Return the error for a place.

        Args:
            column: The place, from 1.
            problem: The fault there, and what to do.
        """
        rest = self.text[column - 1 :].strip()
        where = f"at {quoted(rest)}" if rest else "at its end"
        return ExpressionError(f"the {self.noun}, column {column}, {where}: {problem}", column=column)


def tokens(expression: Expression) -> Iterator[Token]:
    """Yield the tokens of an expression, and one for its end.

    Raises:
        ExpressionError: The text is too long, or a letter belongs to no token; the message names the column.
    """
    text = expression.text
    if len(text) > _MOST_LETTERS:
        raise ExpressionError(
            f"a {expression.noun} has at most {_MOST_LETTERS:,} letters, and this one has {len(text):,}",
            column=_MOST_LETTERS + 1,
        )
    at, stop = 0, len(text.rstrip())
    while at < stop:
        match = _TOKEN.match(text, at)
        if match is None:
            raise _stray(expression, at + len(text[at:]) - len(text[at:].lstrip()))
        kind = match.lastgroup or ""
        yield Token(kind, match[kind], match.start(kind) + 1)
        at = match.end()
    yield Token("end", "", stop + 1)


def _stray(expression: Expression, at: int) -> ExpressionError:
    text = expression.text
    sign = next((sign for sign in sorted(_MISTAKEN, key=len, reverse=True) if text.startswith(sign, at)), "")
    hint = f"write {_MISTAKEN[sign]}" if sign else "write names, numbers and the operators == != < <= > >= &"
    return expression.error(at + 1, f"{quoted(sign or text[at])} is not understood here; {hint}")
