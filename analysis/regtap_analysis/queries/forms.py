"""Writing an answer as a table, CSV, JSON or Parquet, as its rows come."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

from regtap.documents.text import terminal_text
from regtap.errors import InputError
from regtap.system.output import check_new, whole_output
from regtap_analysis.queries.table import write_table
from regtap_analysis.queries.values import csv_cell, json_row, unique_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from regtap_analysis.queries.answer import Answer


def form_of(path: Path | None, named: str | None) -> str:
    """Return the form of an answer by the options or the ending of the output.

    Args:
        path: The file it goes to; None for stdout.
        named: The form that was asked for by name, or None: as the file's ending says, or a table.

    Raises:
        InputError: The file's ending names no form, or the form needs a file.
    """
    ending = path.suffix.lower().removeprefix(".") if path else "table"
    form = named or {"txt": "table", "ndjson": "jsonl"}.get(ending, ending)
    if form not in FORMS:
        raise InputError(
            f"cannot tell the form of {path}; name it .csv, .json, .jsonl or .parquet, or use --format"
        )
    if form == "parquet" and path is None:
        raise InputError("Parquet needs a file; name it with -o")
    return form


def write_answer(answer: Answer, form: str, file: IO[bytes]) -> int:
    """Write an answer as its rows come, and return their number.

    Args:
        answer: The answer to write; it is used up.
        form: One of FORMS.
        file: The output; it stays open.
    """
    return FORMS[form](answer, file)


@contextmanager
def whole_file(path: Path, *, force: bool) -> Iterator[IO[bytes]]:
    """Open a file that appears when the block has ended well; after an error there is no file.

    Raises:
        InputError: It exists and is not to be overwritten, or its folder does not.
        StorageError: The system refused, or the disk is full; what was there is as it was.
    """
    check_new(path, force=force)
    with whole_output(path, force=force) as temporary, temporary.open("xb") as file:
        yield file


def _write_csv(answer: Answer, file: IO[bytes]) -> int:
    shown = _without_control if file.isatty() else str
    file.write(shown(_csv_line([column.name for column in answer.columns])).encode())
    numbers = f"{','.join(['%s'] * len(answer.columns))}\n"
    count = 0
    for rows in answer.rows():
        line = numbers.__mod__ if _are_numbers(rows) else _csv_line
        file.write(shown("".join(map(line, rows))).encode())
        count += len(rows)
    return count


def _without_control(lines: str) -> str:
    """Return lines for a terminal: a program gets the values as they are."""
    return "\n".join(map(terminal_text, lines.split("\n")))


def _are_numbers(rows: Sequence[tuple[Any, ...]]) -> bool:
    """Return whether rows hold nothing but integers and floats: then they are written four times as fast."""
    return all(type(value) in (int, float) for value in rows[0]) and None not in chain.from_iterable(rows)


def _csv_line(row: Sequence[Any]) -> str:
    return f"{','.join(map(csv_cell, row))}\n"


def _write_json(answer: Answer, file: IO[bytes]) -> int:
    count = 0
    file.write(b"[")
    for objects in _objects(answer):
        text = ",\n  ".join(objects)
        file.write(f"{',' if count else ''}\n  {text}".encode())
        count += len(objects)
    file.write(b"\n]\n" if count else b"]\n")
    return count


def _write_json_lines(answer: Answer, file: IO[bytes]) -> int:
    count = 0
    for objects in _objects(answer):
        file.write("".join(f"{text}\n" for text in objects).encode())
        count += len(objects)
    return count


def _objects(answer: Answer) -> Iterator[list[str]]:
    """Yield the rows as JSON objects, several at once."""
    names = unique_names([column.name for column in answer.columns])
    for rows in answer.rows():
        yield [json_row(dict(zip(names, row, strict=True))) for row in rows]


def _write_parquet(answer: Answer, file: IO[bytes]) -> int:
    import pyarrow.parquet as pq

    found = answer.arrow()
    rows = 0
    with pq.ParquetWriter(file, found.schema, compression="zstd") as writer:
        for batch in found.batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


FORMS: dict[str, Callable[[Answer, IO[bytes]], int]] = {
    "table": write_table,
    "csv": _write_csv,
    "json": _write_json,
    "jsonl": _write_json_lines,
    "parquet": _write_parquet,
}
