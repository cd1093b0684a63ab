"""`regtap export`: a trace in the format of another tool."""

from __future__ import annotations

from pathlib import Path

import click

from regtap.cli.names import maps_of
from regtap.cli.options import map_option
from regtap.cli.output import print_line, print_note
from regtap.trace.reader import open_trace
from regtap.units.parse import parse_time_ns
from regtap_analysis.progress import clear_progress, terminal_progress


@click.command(short_help="Write a trace as CSV, Parquet, Arrow, VCD, FST or Perfetto.")
@click.argument("trace", type=click.Path())
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="File to write: .csv, .parquet, .arrow, .vcd, .fst or .pftrace.",
)
@click.option(
    "--register", "registers", multiple=True, metavar="NAME", help="Only this register; may be repeated."
)
@click.option("--from", "first", metavar="TIME", help="From this time after the start, such as 1.5s.")
@click.option("--to", "stop", metavar="TIME", help="Up to this time after the start.")
@click.option("--on-change", is_flag=True, help="Only rows where a register differs from the row before.")
@map_option
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def export(
    *,
    trace: str,
    output: Path,
    registers: tuple[str, ...],
    first: str | None,
    stop: str | None,
    on_change: bool,
    map_texts: tuple[str, ...],
    force: bool,
) -> None:
    """Write TRACE as a file for another tool; the ending of the file decides the format.

    \b
    .csv      a row a line; .parquet, .arrow: one file, registers in their types
    .vcd      GTKWave, Surfer: changes; x where samples are absent; fields too
    .fst      the same, compressed; blackouts where samples are absent
    .pftrace  Perfetto: counters, named values and gaps as slices, marks

    Reads and writes as it goes, in bounded memory. What a format cannot hold is said.
    """  # noqa: D301 (click takes the character \b for "as printed")
    from regtap_analysis.export.options import ExportOptions, select
    from regtap_analysis.export.write import check_output, export_trace

    opened = open_trace(trace, maps_of(map_texts))
    options = ExportOptions(
        registers,
        None if first is None else parse_time_ns(first),
        None if stop is None else parse_time_ns(stop),
        on_change,
    )
    check_output(output, force=force)
    selection = select(opened, options)
    try:
        written = export_trace(selection, output, terminal_progress(*selection.span_ns), force=force)
    finally:
        clear_progress()
    print_line(f"{output}: {written.text} of {trace}")
    for lacking in written.lacking:
        print_note(f"{output.suffix} cannot hold {lacking}")
