"""Answers of `stats` as tables on a terminal, Markdown or JSON."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from regtap.documents.text import markdown_text
from regtap_analysis.queries.answer import Answer
from regtap_analysis.queries.forms import write_answer
from regtap_analysis.queries.values import cell, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa


def as_text(answers: Iterable[tuple[str, pa.Table]]) -> Iterator[str]:
    """Yield each answer as a heading and a table."""
    for name, table in answers:
        file = io.BytesIO()
        write_answer(Answer(table.schema, iter(table.to_batches())), "table", file)
        yield f"{name.upper()}\n{file.getvalue().decode()}"


def as_markdown(answers: Iterable[tuple[str, pa.Table]]) -> Iterator[str]:
    """Yield each answer as a heading and a table of Markdown."""
    for name, table in answers:
        lines = [f"## {name}", "", _row(table.column_names), _row(["---"] * table.num_columns)]
        lines += [_row([_text(value) for value in row.values()]) for row in table.to_pylist()]
        yield "\n".join(lines) + "\n"


def as_json(answers: Iterable[tuple[str, pa.Table]]) -> str:
    """Return all answers as one JSON object."""
    document = {name: [plain(row) for row in table.to_pylist()] for name, table in answers}
    return json.dumps(document, indent=2)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(value: object) -> str:
    return "" if value is None else markdown_text(cell(value))
