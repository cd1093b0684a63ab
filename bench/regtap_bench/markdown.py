"""Tables and lists in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.documents.text import markdown_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first row is its heading."""
    lines = [rows[0], ("---",) * len(rows[0]), *rows[1:]]
    return "".join(f"| {' | '.join(markdown_text(cell) or ' ' for cell in row)} |\n" for row in lines)


def bullets(lines: Iterable[str]) -> str:
    """Return a list."""
    return "".join(f"- {markdown_text(line)}\n" for line in lines)
