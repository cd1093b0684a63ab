"""An answer as a table of text: columns side by side, or one under the other where a terminal is too narrow."""

from __future__ import annotations

from itertools import chain, islice
from typing import IO, TYPE_CHECKING

from regtap.cli.output import terminal_width
from regtap.documents.text import terminal_text
from regtap_analysis.queries.values import cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from regtap_analysis.queries.answer import Answer, Column

    Row = Sequence[str]

_MEASURED_ROWS = 1000  # rows whose cells set the widths of the columns
_WIDEST = 60
_BETWEEN = "  "


def write_table(answer: Answer, file: IO[bytes]) -> int:
    """Write an answer as its rows come, and return their number."""
    return write_rows(answer.columns, cells_of(answer), file, terminal_width(file))


def write_rows(columns: Sequence[Column], rows: Iterator[Row], file: IO[bytes], width: int | None) -> int:
    """Write rows of texts, and return their number.

    Args:
        columns: Their names; numbers are aligned at the right.
        rows: A text for each column.
        file: The output.
        width: Most signs of a line, with which a row that does not fit is a block of lines; None: no matter.
    """
    names = [terminal_text(column.name) for column in columns]
    first = list(islice(rows, _MEASURED_ROWS))
    widths = [min(max(map(len, column)), _WIDEST) for column in zip(names, *first, strict=True)]
    is_too_wide = width is not None and sum(widths) + len(_BETWEEN) * (len(widths) - 1) > width
    whole = chain(first, rows)
    if is_too_wide and first:
        return _write(_blocks(names, whole), file)
    right = [column.is_number for column in columns]
    return _write((_line(row, widths, right) for row in chain([names], whole)), file) - 1


def cells_of(answer: Answer) -> Iterator[Row]:
    """Yield the texts of each row."""
    return (list(map(cell, row)) for rows in answer.rows() for row in rows)


def _write(texts: Iterable[str], file: IO[bytes]) -> int:
    count = 0
    for text in texts:
        file.write(text.encode())
        count += 1
    return count


def _line(row: Row, widths: Sequence[int], right: Sequence[bool]) -> str:
    placed = (
        text.rjust(width) if to_right else text.ljust(width)
        for text, width, to_right in zip(row, widths, right, strict=True)
    )
    return f"{_BETWEEN.join(placed).rstrip()}\n"


def _blocks(names: Row, rows: Iterable[Row]) -> Iterator[str]:
    """Yield each row as a block: its number, then a line for each column."""
    indent = max(map(len, names))
    for number, row in enumerate(rows, 1):
        lines = (f"{name.ljust(indent)}  {text}" for name, text in zip(names, row, strict=True))
        yield "\n".join((f"-- row {number:,}", *lines, ""))
