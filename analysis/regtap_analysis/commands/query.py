"""`regtap query`: a question in SQL over traces."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regtap.cli.names import maps_of
from regtap.cli.options import map_option
from regtap.cli.output import ExitCode, print_line, print_note
from regtap.errors import InputError
from regtap.units.format import count_of, format_size
from regtap.units.parse import parse_size_bytes

if TYPE_CHECKING:
    from regtap_analysis.queries.answer import Answer, OpenedEngine

_MOST_BYTES = 1 << 20  # of a question


@dataclass(frozen=True, slots=True)
class _Output:
    """The destination of an answer.

    Attributes:
        path: A file, or None for stdout.
        form: Its form by name, or None: as the file's ending says.
        force: Whether an existing file is overwritten.
    """

    path: Path | None
    form: str | None
    force: bool


@click.command(short_help="Ask traces a question in SQL.")
@click.argument("sql")
@click.argument("traces", nargs=-1, type=click.Path())
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File to write: .csv, .json, .jsonl or .parquet."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "jsonl", "parquet"]),
    help="Form of the answer [table, or the file's].",
)
@click.option(
    "--param", "parameters", multiple=True, metavar="NAME=VALUE", help="The value of $NAME; may be repeated."
)
@click.option(
    "--engine", default="duckdb", show_default=True, help="duckdb, spark, spark=MASTER or spark=sc://HOST."
)
@click.option(
    "--memory", metavar="SIZE", help="Most memory that DuckDB takes, such as 4GiB [60 % of this machine's]."
)
@click.option("--temp", type=click.Path(), help="Folder for what does not fit in memory [the system's own].")
@map_option
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def query(
    *,
    sql: str,
    traces: tuple[str, ...],
    output: Path | None,
    form: str | None,
    parameters: tuple[str, ...],
    engine: str,
    memory: str | None,
    temp: str | None,
    map_texts: tuple[str, ...],
    force: bool,
) -> int:
    """Answer the question SQL about TRACES: traces, folders of traces, or patterns such as 'runs/**'.

    SQL is one SELECT; @FILE reads it from a file, and - from stdin.

    \b
      regtap query 'DESCRIBE samples' run1
      regtap query 'FROM samples LIMIT 10' run1
      regtap query "FROM changes WHERE signal = 'STATUS.BUSY'" run1 -o busy.csv
      regtap query 'SELECT trace, max(COUNT32) FROM samples GROUP BY trace' runs
      regtap query @slowest.sql 'runs/2026-*' --param least=1000 --format json

    \b
    Tables:
      samples    trace, t_ns, a column for each register
      changes    trace, signal, t_ns, since_ns, before, value, name
      states     trace, signal, t0_ns, t1_ns, value, name, whole, number
      intervals  trace, t_ns, interval_ns
      traces     trace, host, target, start, rows, lost, missed, ended ...
      registers  trace, register, address, type, min, max ...
      fields     trace, register, field, lsb, bits, description
      gaps       trace, cause, t0_ns, t1_ns, count, first_index
      marks      trace, t_ns, text
    A signal is a register or a field of one (STATUS.BUSY).
    Also: field(STATUS, 'BUSY'), field_name(STATUS, 'BUSY'), delta(COUNT32),
    wall_time(t_ns), 0x1f; UART0.CR needs no quotes.

    Ends with exit code 1 if a folder that was named is no trace; the others are asked.
    """  # noqa: D301 (click takes the character \b for "as printed")
    from regtap_analysis.queries.answer import Question
    from regtap_analysis.queries.duck_session import DuckOptions
    from regtap_analysis.queries.engines import open_engine

    to = _Output(output, form, force)
    question = Question(_question(sql, traces), dict(_parameter(text) for text in parameters))
    options = DuckOptions(None if memory is None else parse_size_bytes(memory), temp)
    opened = open_engine(traces, engine, options, maps_of(map_texts))
    try:
        _print(opened.engine.ask(question), to)
    finally:
        opened.engine.close()
    return _end(opened)


def _question(sql: str, traces: tuple[str, ...]) -> str:
    """Return the question that was typed, or that a file or stdin holds."""
    if os.path.isdir(sql):
        raise InputError(f"{sql!r} is a folder; the question comes first: regtap query 'FROM samples' {sql}")
    if not traces:
        raise InputError("no trace is named; name traces after the question, or folders of traces")
    if sql != "-" and not sql.startswith("@"):
        return sql
    name = "stdin" if sql == "-" else sql[1:]
    try:
        with contextlib.nullcontext(sys.stdin.buffer) if sql == "-" else Path(name).open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read the question from {name}: {error.strerror}") from error
    if len(text) > _MOST_BYTES:
        raise InputError(
            f"the question in {name} is longer than {format_size(_MOST_BYTES)}; name a file of SQL"
        )
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"the question in {name} is not UTF-8") from error


def _parameter(text: str) -> tuple[str, int | float | str]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise InputError(f"{text!r} is no parameter; write NAME=VALUE")
    for kind in (lambda: int(value, 0), lambda: float(value)):
        try:
            return name, kind()
        except ValueError:
            continue
    return name, value


def _print(answer: Answer, to: _Output) -> None:
    from regtap_analysis.queries.forms import form_of, whole_file, write_answer

    form = form_of(to.path, to.form)
    if to.path is None:
        write_answer(answer, form, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    with whole_file(to.path, force=to.force) as file:
        rows = write_answer(answer, form, file)
    print_line(f"{to.path}: {count_of(rows, 'row')}")


def _end(opened: OpenedEngine) -> int:
    """Print a note for each trace that was left out, and return the exit code."""
    for left_out in opened.left_out:
        print_note(f"left out: {left_out.reason}")
    return ExitCode.FINDING if opened.left_out else ExitCode.OK
