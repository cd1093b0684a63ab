"""DuckDB's errors, explained to somebody who asks traces: the tables, registers and functions that there are."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from regtap.trace.files import part_number
from regtap.trace.parts import removed_meanwhile
from regtap_analysis.queries.rewriting import CALLS
from regtap_analysis.queries.tables import TABLE_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def hint(message: str, question: str, registers: Sequence[str]) -> str | None:
    """Return a better text for an error of DuckDB, or None.

    Args:
        message: DuckDB's text.
        question: The question.
        registers: Names of the columns of `samples`.
    """
    for pattern, make in _MEANINGS:
        if match := pattern.search(message):
            return make(match, question, registers)
    return None


def _no_table(match: re.Match[str], _question: str, _registers: Sequence[str]) -> str | None:
    """DuckDB knows only the tables that were asked for before."""
    listed = f"(tables: {', '.join(TABLE_NAMES)})"
    return f"there is no table {match[1]}{_meant(match[1], TABLE_NAMES)} {listed}"


def _no_function(match: re.Match[str], _question: str, _registers: Sequence[str]) -> str | None:
    meant = _meant(match[1], CALLS)
    return f"there is no function {match[1]}{meant}" if meant else None


def _no_member(match: re.Match[str], _question: str, _registers: Sequence[str]) -> str | None:
    field, register = match[1], match[2]
    return f"{register}.{field} is no column; a field is field({register}, '{field}')"


def _no_register(match: re.Match[str], question: str, registers: Sequence[str]) -> str | None:
    """A name with a dot looks like a table's column to DuckDB, and one with brackets like a list's element."""
    named = re.search(rf"(?<![\w.]){re.escape(match[1])}[\w.\[\]]*", question)
    meant = _meant(named[0], registers) if named else ""
    return f"there is no column {named[0]}{meant}" if named and meant else None


def _no_column(match: re.Match[str], _question: str, registers: Sequence[str]) -> str | None:
    """DuckDB takes a name that no table has for the question's own, which is defined later."""
    meant = _meant(match[1], registers)
    return (
        f"there is no column {match[1]}{meant}; the question gives this name itself, but only to its answer"
    )


def _removed(match: re.Match[str], _question: str, _registers: Sequence[str]) -> str | None:
    """A capture that rotates removes its parts; other files are the question's own."""
    path = match[1]
    return removed_meanwhile(path) if part_number(os.path.basename(path)) is not None else None


def _no_memory(match: re.Match[str], _question: str, _registers: Sequence[str]) -> str | None:
    """DuckDB advises settings, which a question cannot make."""
    return (
        f"the question needs more memory than the {match[1]} that it may take; give more by --memory, or ask for "
        "less at once (fewer columns, a WHERE, a LIMIT)"
    )


def _no_temporary_room(_match: re.Match[str], _question: str, _registers: Sequence[str]) -> str | None:
    return (
        "the temporary folder has no room for what of the question does not fit in memory; name another one by "
        "--temp, or give more memory by --memory"
    )


def _meant(name: str, known: Sequence[str]) -> str:
    from regtap.maps.nearest import nearest

    similar = nearest(name, known)
    return f"; did you mean {similar[0]}?" if similar else ""


_MEANINGS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str, Sequence[str]], str | None]], ...] = (
    (re.compile(r"Table with name (.+) does not exist"), _no_table),
    (re.compile(r'No files found that match the pattern "(.+?)"'), _removed),
    (re.compile(r'Cannot open file "(.+?)": No such file'), _removed),
    (re.compile(r"Out of Memory Error: failed to offload"), _no_temporary_room),
    (re.compile(r"Out of Memory Error: .*/([\d.]+ \w+) used\)"), _no_memory),
    (re.compile(r"Scalar Function with name (.+) does not exist"), _no_function),
    (re.compile(r"""Cannot extract field '(.+)' from expression "(.+)" because"""), _no_member),
    (re.compile(r'Column "(.+?)" referenced that exists in the SELECT clause'), _no_column),
    (re.compile(r'Referenced (?:table|column) "(.+?)" not found'), _no_register),
)
