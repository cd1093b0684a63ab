"""`regtap report`: of a trace, or of a run of the benchmark; which of them is told by what is there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regtap.cli.names import maps_of
from regtap.cli.options import map_option
from regtap.cli.output import ExitCode, print_lines, print_note
from regtap.errors import InputError
from regtap.trace.files import SPOOL_POINTER, part_name, part_number
from regtap.units.format import count_of

if TYPE_CHECKING:
    from regtap.trace.reader import Trace

_RESULT = "result.json"


@click.command(short_help="Report on a trace, or on a benchmark's result.")
@click.argument("path", metavar="TRACE|RESULT")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="A file that ends in .html, .htm or .md, or a folder for both.  [default: TRACE.html and TRACE.md; of a "
    "result: where it lies]",
)
@click.option(
    "--register", "registers", multiple=True, metavar="NAME", help="Only this register; may be repeated."
)
@click.option(
    "--intervals",
    multiple=True,
    metavar="NAME",
    help="Show the times between changes of this register or field; may be repeated.  [default: of those where they "
    "say something]",
)
@click.option(
    "--align",
    metavar="MARK",
    help="Count times of a trace from the first mark whose text begins so, such as trigger.",
)
@map_option
def report(
    *,
    path: str,
    output: Path | None,
    registers: tuple[str, ...],
    intervals: tuple[str, ...],
    align: str | None,
    map_texts: tuple[str, ...],
) -> int:
    """Write one page that a colleague believes, in HTML and in Markdown, and print its sentence.

    Of a trace: what was captured and what was lost, the picture, each register's values, the time in each state, the
    intervals between changes and between rows with the longest of them, gaps, marks and the machine. Every row is read
    once. Ends with exit code 1 if samples are missing, the trace is unfinished, or its balance does not come out.

    Of a run of `regtap bench` (its folder or result.json): its reports, made again from result.json alone.

    A report of the same trace or run is replaced; any other file is left alone (exit code 2).
    """
    if _is_result(path):
        if registers or intervals or map_texts or align is not None:
            raise InputError(
                "--register, --intervals, --align and --map are for a trace; this is a result of `regtap bench`"
            )
        if output is not None and output.suffix.lower() in (".html", ".htm", ".md"):
            raise InputError("the reports of a result go into a folder together: name that with -o")
        return _report_result(path, output)

    from regtap.trace.reader import open_trace

    return _report_trace(open_trace(path, maps_of(map_texts)), output, registers, intervals, align)


def _is_result(path: str) -> bool:
    """Return whether this is a run of the benchmark.

    Raises:
        InputError: It is neither that nor a trace, or both.
    """
    if not os.path.isdir(path):
        return os.path.exists(path) or path.endswith(".json")
    names = os.listdir(path)
    is_result = _RESULT in names
    is_trace = SPOOL_POINTER in names or any(part_number(name) is not None for name in names)
    if is_result and is_trace:
        raise InputError(
            f"{path} holds a trace and a result; for the result name {os.path.join(path, _RESULT)}"
        )
    if not is_result and not is_trace:
        raise InputError(
            f"{path} is neither a trace (there is no {part_name(0)}) nor a run of `regtap bench` (there is no "
            f"{_RESULT})"
        )
    return is_result


def _report_result(path: str, output: Path | None) -> int:
    from regtap_bench.report.again import report_again

    folder, names, sentence = report_again(path, None if output is None else str(output))
    print_note(f"{folder}: {', '.join(names)}")
    print_lines([sentence])
    return ExitCode.OK


def _report_trace(
    trace: Trace,
    output: Path | None,
    registers: tuple[str, ...],
    intervals: tuple[str, ...],
    align: str | None,
) -> int:
    from regtap_analysis.progress import clear_progress, terminal_progress
    from regtap_analysis.reports.api import report as make_report
    from regtap_analysis.reports.files import report_paths, write_report

    paths = report_paths(trace, output)
    progress = terminal_progress(*(trace.time_range or (0, 0)))
    try:
        made = make_report(trace, registers, intervals, progress.at, align)
    finally:
        clear_progress()
    write_report(made, paths)
    for written in paths:
        print_note(f"{written}: {count_of(made.figures.rows, 'row')} of {trace.path}")
    print_lines([made.sentence])
    return ExitCode.FINDING if made.content.is_bad else ExitCode.OK
