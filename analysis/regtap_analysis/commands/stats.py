"""`regtap stats`: answers the usual questions about traces."""

from __future__ import annotations

import sys

import click

from regtap.cli.names import maps_of
from regtap.cli.options import json_option, map_option
from regtap.cli.output import ExitCode, print_note
from regtap.errors import InputError

_NAMES = ("intervals", "signals", "states", "transitions", "percentiles")


@click.command(short_help="Sum traces up: intervals, changes, states.")
@click.argument("traces", nargs=-1, required=True, type=click.Path())
@click.option(
    "--question",
    "questions",
    multiple=True,
    type=click.Choice(_NAMES),
    help="Only this one; may be repeated.",
)
@click.option(
    "--register", "registers", multiple=True, metavar="NAME", help="Only this register; may be repeated."
)
@click.option(
    "--engine", default="duckdb", show_default=True, help="duckdb, spark, spark=MASTER or spark=sc://HOST."
)
@map_option
@json_option
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown.")
def stats(
    *,
    traces: tuple[str, ...],
    questions: tuple[str, ...],
    registers: tuple[str, ...],
    engine: str,
    map_texts: tuple[str, ...],
    as_json: bool,
    as_markdown: bool,
) -> int:
    """Sum TRACES up, each and all together: traces, folders of traces, or patterns such as 'runs/**'.

    \b
    intervals    time from row to row: count, min, percentiles, max, mean (no times with unchanged samples inside)
    signals      each register and field: changes, first, last, min, max
    states       time in each value: visits, total, min, median, p99, max
    transitions  from which value to which, how often, when first
    percentiles  of the values, by rows; by time where only changes are stored

    Times are in ns. Percentiles are exact. Ends with exit code 1 if a folder that was named is no trace.
    """  # noqa: D301 (click takes the character \b for "as printed")
    from regtap_analysis.queries.engines import open_engine
    from regtap_analysis.statistics.forms import write_json, write_markdown, write_text
    from regtap_analysis.statistics.questions import StatsOptions, ask_all

    if as_markdown and as_json:
        raise InputError("--markdown and --json are two forms of the same; choose one")
    opened = open_engine(traces, engine, maps=maps_of(map_texts))
    try:
        answers = ask_all(opened.engine, StatsOptions(questions, registers), opened.traces)
        if as_json:
            write_json(answers, sys.stdout.buffer)
        elif as_markdown:
            write_markdown(answers, sys.stdout.buffer)
        else:
            write_text(answers, sys.stdout.buffer, of_one=opened.traces == 1)
        sys.stdout.buffer.flush()
    finally:
        opened.engine.close()
    for left_out in opened.left_out:
        print_note(f"left out: {left_out.reason}")
    return ExitCode.FINDING if opened.left_out else ExitCode.OK
