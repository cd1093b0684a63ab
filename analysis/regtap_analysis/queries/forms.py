"""Writing an answer as a table, CSV, JSON or Parquet, batch by batch."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from regtap.documents.text import terminal_text
from regtap.errors import InputError, StorageError
from regtap_analysis.queries.values import cell, json_row, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from regtap_analysis.queries.answer import Answer

_MEASURED_ROWS = 1000  # rows whose cells set the widths of a table's columns
_WIDEST = 60


def form_of(path: Path | None, named: str | None) -> str:
    """Return the form of an answer by the options or the ending of the output.

    Args:
        path: The file it goes to; None for stdout.
        named: The form that was asked for by name, or None: as the file's ending says, or a table.

    Raises:
        InputError: The file's ending names no form, or the form needs a file.
    """
    ending = path.suffix.lower().removeprefix(".") if path else "table"
    form = named or {"txt": "table", "jsonl": "json"}.get(ending, ending)
    if form not in FORMS:
        raise InputError(f"cannot tell the form of {path}; name it .csv, .json or .parquet, or use --format")
    if form == "parquet" and path is None:
        raise InputError("Parquet needs a file; name it with -o")
    return form


def write_answer(answer: Answer, form: str, file: IO[bytes]) -> int:
    """Write an answer batch by batch and return its number of rows.

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
    if path.is_dir() or (path.exists() and not force):
        raise InputError(f"{path} exists; name another file with -o, or overwrite it with --force")
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: {path.parent} is no folder; make it first")
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"cannot write {path}: {reason}; name another file with -o", path=str(path), errno=error.errno
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _write_table(answer: Answer, file: IO[bytes]) -> int:
    import pyarrow.types as kinds

    right = [
        kinds.is_integer(field.type) or kinds.is_floating(field.type) or kinds.is_decimal(field.type)
        for field in answer.schema
    ]
    waiting: list[list[str]] = [[terminal_text(name) for name in answer.schema.names]]
    widths: list[int] = []
    rows = 0
    for batch in answer.batches:
        for cells in _cells(batch):
            rows += 1
            if not widths and len(waiting) <= _MEASURED_ROWS:
                waiting.append(cells)
                continue
            widths = widths or _print_waiting(waiting, right, file)
            file.write(_line(cells, widths, right))
    if not widths:
        _print_waiting(waiting, right, file)
    return rows


def _cells(batch: pa.RecordBatch) -> Iterator[list[str]]:
    columns = [[cell(value) for value in column.to_pylist()] for column in batch.columns]
    return (list(row) for row in zip(*columns, strict=True))


def _print_waiting(waiting: list[list[str]], right: Sequence[bool], file: IO[bytes]) -> list[int]:
    """Print the first rows and return the widths of columns, which these rows decide."""
    widths = [min(max(map(len, column)), _WIDEST) for column in zip(*waiting, strict=True)]
    for cells in waiting:
        file.write(_line(cells, widths, right))
    return widths


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> bytes:
    placed = [
        text.rjust(width) if to_right else text.ljust(width)
        for text, width, to_right in zip(cells, widths, right, strict=True)
    ]
    return f"{'  '.join(placed).rstrip()}\n".encode()


def _write_csv(answer: Answer, file: IO[bytes]) -> int:
    import pyarrow.csv as pacsv

    schema = _flat_schema(answer.schema)
    rows = 0
    with pacsv.CSVWriter(file, schema, write_options=pacsv.WriteOptions(quoting_style="needed")) as writer:
        for batch in answer.batches:
            writer.write_batch(_flat_batch(batch, schema))
            rows += batch.num_rows
    return rows


def _flat_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema with text for types that CSV cannot hold: lists and structures (as JSON), and big integers."""
    import pyarrow as pa

    return pa.schema(
        [pa.field(field.name, pa.string() if _needs_text(field.type) else field.type) for field in schema]
    )


def _needs_text(kind: pa.DataType) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_nested(kind) or kinds.is_decimal(kind) or kinds.is_binary(kind))


def _flat_batch(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    columns = [_texts(column) if _needs_text(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _texts(column: pa.Array) -> pa.Array:
    import json

    import pyarrow as pa

    shown = [None if value is None else plain(value) for value in column.to_pylist()]
    texts = [value if value is None or isinstance(value, str) else json.dumps(value) for value in shown]
    return pa.array(texts, pa.string())


def _write_json(answer: Answer, file: IO[bytes]) -> int:
    rows = 0
    file.write(b"[")
    for batch in answer.batches:
        for row in batch.to_pylist():
            file.write(f"{',' if rows else ''}\n  {json_row(row)}".encode())
            rows += 1
    file.write(b"\n]\n" if rows else b"]\n")
    return rows


def _write_parquet(answer: Answer, file: IO[bytes]) -> int:
    import pyarrow.parquet as pq

    rows = 0
    with pq.ParquetWriter(file, answer.schema, compression="zstd") as writer:
        for batch in answer.batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


FORMS: dict[str, Callable[[Any, IO[bytes]], int]] = {
    "table": _write_table,
    "csv": _write_csv,
    "json": _write_json,
    "parquet": _write_parquet,
}
