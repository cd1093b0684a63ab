"""`regtap info`: shows the metadata of a trace; no rows are read."""

from __future__ import annotations

import shlex
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from regtap.cli.names import maps_of
from regtap.cli.options import json_option, map_option
from regtap.cli.output import ExitCode, print_json, print_lines
from regtap.documents.text import cut, terminal_text
from regtap.trace.moments import find_mark, moment_text
from regtap.trace.reader import open_trace
from regtap.trace.wording import clock_text, finding, mode_text, removed_text, state_text
from regtap.units.format import count_of, format_duration_ns, format_rate, format_size, format_utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regtap.registers.model import Register
    from regtap.trace.gaps import GapSummary
    from regtap.trace.metadata import Mark
    from regtap.trace.reader import Trace

_CELL, _LAST_CELL, _LINE = 80, 1_000, 1_000  # letters: names, marks and paths in a trace may be of any length
_MOST_MARKS = 1_000
_HOST_KEYS = ("hostname", "machine", "processor", "kernel")


@click.command(short_help="Show what a trace holds.")
@click.argument("trace", type=click.Path())
@click.option(
    "--align",
    metavar="MARK",
    help="Count times from the first mark whose text begins so, such as trigger.",
)
@map_option
@json_option
def info(trace: str, align: str | None, map_texts: tuple[str, ...], as_json: bool) -> int:
    """Show what TRACE holds: registers, rows, rate, clock, balance, gaps and marks.

    Reads the parts' footers only, so it is quick on any size. Ends with exit code 1 if the trace's own
    balance does not come out.
    """
    opened = open_trace(trace, maps_of(map_texts))
    zero = None if align is None else find_mark(opened, align)
    if as_json:
        print_json(describe(opened, zero))
    else:
        print_lines(_lines(opened, zero))
    return ExitCode.OK if finding(opened) is None else ExitCode.FINDING


def describe(trace: Trace, zero: Mark | None = None) -> dict[str, Any]:
    """Return the document of `regtap info --json`; `null` for an unknown value.

    Args:
        trace: The trace.
        zero: The mark from which times count, in ns; None: the start of the trace. `zero` has its text, and its time
            after the start.
    """
    zero_ns = 0 if zero is None else zero.t_ns
    first_ns, last_ns = (
        (time_ns - zero_ns for time_ns in trace.time_range) if trace.time_range else (None, None)
    )
    return {
        "path": str(trace.path),
        "target": trace.target,
        "unfinished": trace.unfinished,
        "finding": finding(trace),
        "start": {"utc": format_utc(trace.start.realtime_ns), **asdict(trace.start)},
        "zero": None if zero is None else asdict(zero),
        "rows": trace.rows,
        "first_ns": first_ns,
        "last_ns": last_ns,
        "mean_rate_hz": trace.mean_rate_hz,
        "mode": asdict(trace.mode),
        "clock": {
            "source": trace.clock.source,
            "frequency_hz": trace.clock.frequency_hz,
            "error_bound_ns": trace.error_bound_ns,
        },
        "parts": len(trace.parts),
        "size_bytes": trace.size_bytes,
        "bytes_per_sample": trace.size_bytes / trace.rows if trace.rows else None,
        "totals": None if trace.totals is None else asdict(trace.totals),
        "rotated": None if trace.rotated is None else asdict(trace.rotated),
        "gaps": [asdict(_summary_from(summary, zero_ns)) for summary in trace.gap_summary],
        "marks": [asdict(replace(mark, t_ns=mark.t_ns - zero_ns)) for mark in trace.marks],
        "registers": [_register(register, trace) for register in trace.registers],
        "host": dict(trace.host),
        "command": list(trace.command),
    }


def _summary_from(summary: GapSummary, zero_ns: int) -> GapSummary:
    longest = summary.longest
    moved = replace(longest, t0_ns=longest.t0_ns - zero_ns, t1_ns=longest.t1_ns - zero_ns)
    return replace(summary, longest=moved)


def _register(register: Register, trace: Trace) -> dict[str, Any]:
    low, high = trace.ranges.get(register.name, (None, None))
    return {**asdict(register), "min": low, "max": high}


def _lines(trace: Trace, zero: Mark | None) -> Iterator[str]:
    yield f"{trace.path}: {state_text(trace)}"
    if problem := finding(trace):
        yield f"FINDING: {problem}"
    facts = dict(_facts(trace, zero))
    yield from (f"  {name:<9} {cut(text, _LINE)}" for name, text in facts.items())
    yield from _table(_register_rows(trace))
    if names := list(_name_rows(trace)):
        yield from _table([("FIELD", "BITS", "NAMES OF ITS VALUES"), *names])
    yield from _table(_gap_rows(trace, zero)) if trace.gaps else ["", "no gaps"]
    yield from _marks(trace, zero)


def _marks(trace: Trace, zero: Mark | None) -> Iterator[str]:
    if not trace.marks:
        return
    shown = trace.marks[:_MOST_MARKS]
    yield from _table([("MARK", "AT"), *((mark.text, moment_text(mark.t_ns, zero)) for mark in shown)])
    if len(trace.marks) > len(shown):
        yield f"and {count_of(len(trace.marks) - len(shown), 'mark')} more; --json has all of them"


def _facts(trace: Trace, zero: Mark | None) -> Iterator[tuple[str, str]]:
    yield "target", trace.target
    yield "host", ", ".join(str(trace.host[key]) for key in _HOST_KEYS if key in trace.host)
    yield "start", format_utc(trace.start.realtime_ns)
    if zero is not None:
        yield "times", f"from the mark {zero.text}, {format_duration_ns(zero.t_ns)} after the start"
    yield "mode", mode_text(trace)
    yield "clock", clock_text(trace)
    if trace.command:
        yield "command", shlex.join(trace.command)
    yield "rows", _rows(trace)
    yield "size", _size(trace)
    if trace.rotated is not None:
        yield "removed", removed_text(trace.rotated)
    if trace.totals is not None:
        yield "balance", trace.totals.line()
        if trace.totals.accesses is not None:
            yield "accesses", count_of(trace.totals.accesses, "load")
        if trace.totals.throttled_ns:
            yield "waited", f"{format_duration_ns(trace.totals.throttled_ns)} for room in the spool"


def _rows(trace: Trace) -> str:
    text = f"{trace.rows:,}"
    if trace.time_range and trace.mean_rate_hz:
        first_ns, last_ns = trace.time_range
        text += f" in {format_duration_ns(last_ns - first_ns)}: {format_rate(trace.mean_rate_hz)} on average"
    return text


def _size(trace: Trace) -> str:
    text = f"{format_size(trace.size_bytes)} in {count_of(len(trace.parts), 'part')}"
    return f"{text}: {trace.size_bytes / trace.rows:.2f} bytes a sample" if trace.rows else text


def _register_rows(trace: Trace) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("REGISTER", "ADDRESS", "TYPE", "SMALLEST", "LARGEST", "FIELDS")]
    for register in trace.registers:
        bounds = trace.ranges.get(register.name, ())
        shown = [f"{value:#x} ({value})" for value in bounds] or ["-", "-"]
        fields = " ".join(field.label for field in register.fields)
        rows.append((register.name, register.place, register.type, *shown, fields))
    return rows


def _name_rows(trace: Trace) -> Iterator[tuple[str, str, str]]:
    """Yield the fields with named values."""
    for register in trace.registers:
        for field in register.fields:
            names = [f"{value.pattern}={value.name}" for value in field.values]
            names += [f"else={field.otherwise}"] if field.otherwise else []
            if names:
                yield f"{register.name}.{field.name}", f"[{field.span}]", " ".join(names)


def _gap_rows(trace: Trace, zero: Mark | None) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("GAPS", "NUMBER", "SAMPLES", "LONGEST", "AT", "TOGETHER")]
    for summary in trace.gap_summary:
        longest = summary.longest
        span, at = format_duration_ns(longest.absent_ns), moment_text(longest.t0_ns, zero)
        together = format_duration_ns(summary.total_ns)
        rows.append((summary.cause, f"{summary.gaps:,}", f"{summary.count:,}", span, at, together))
    return rows


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield an empty line, then the rows with their columns aligned, and long cells cut."""
    shown = [[*(terminal_text(cell, _CELL) for cell in row[:-1]), cut(row[-1], _LAST_CELL)] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*(row[:-1] for row in shown), strict=True)]
    yield ""
    for row in shown:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[-1]]).rstrip()
