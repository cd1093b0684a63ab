"""Answers of `stats` as tables on a terminal, Markdown or JSON."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING

from regtap.cli.output import terminal_width
from regtap.documents.text import markdown_text
from regtap_analysis.queries.table import cells_of, write_rows
from regtap_analysis.queries.values import cell, plain
from regtap_analysis.statistics.questions import QUESTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regtap_analysis.queries.answer import Answer


def write_text(answers: Iterable[tuple[str, Answer]], file: IO[bytes], *, of_one: bool = False) -> None:
    """Write each answer as a heading and a table.

    Args:
        answers: The answers by their questions.
        file: The output.
        of_one: Whether they are of one trace, whose name is left out.
    """
    first = 1 if of_one else 0
    for name, answer in answers:
        file.write(f"{name.upper()}: {QUESTIONS[name].help}\n".encode())
        rows = (row[first:] for row in cells_of(answer))
        write_rows(answer.columns[first:], rows, file, terminal_width(file))
        file.write(b"\n")


def write_markdown(answers: Iterable[tuple[str, Answer]], file: IO[bytes]) -> None:
    """Write each answer as a heading and a table of Markdown."""
    for name, answer in answers:
        names = [column.name for column in answer.columns]
        lines = [f"## {name}", "", f"{QUESTIONS[name].help}.", "", _row(names), _row(["---"] * len(names))]
        lines += [_row(map(_text, row)) for rows in answer.rows() for row in rows]
        file.write("\n".join((*lines, "", "")).encode())


def write_json(answers: Iterable[tuple[str, Answer]], file: IO[bytes]) -> None:
    """Write all answers as one JSON object."""
    document = {}
    for name, answer in answers:
        names = [column.name for column in answer.columns]
        document[name] = [
            dict(zip(names, map(plain, row), strict=True)) for rows in answer.rows() for row in rows
        ]
    file.write(f"{json.dumps(document, indent=2)}\n".encode())


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(value: object) -> str:
    return "" if value is None else markdown_text(cell(value))
