"""The parts of a report of a trace: what was lost, registers, times, marks and the machine."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from regtap.trace.moments import moment_text
from regtap.trace.wording import cause_text, clock_text, mode_text, state_text
from regtap.units.format import count_of, format_duration_ns, format_rate, format_size, format_utc
from regtap_analysis.plot.caption import cut_name, place_text, printable
from regtap_analysis.reports.again import again, again_lines
from regtap_analysis.reports.content import Content, Section, Titled
from regtap_analysis.reports.histograms import duration_histogram, value_histogram
from regtap_analysis.reports.lanes import lane_picture
from regtap_analysis.reports.names import signal_name, value_text
from regtap_analysis.reports.sentences import is_bad, sentence, title
from regtap_analysis.reports.states import states_section
from regtap_bench.page.tables import Table, TableRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regtap.trace.metadata import Mark
    from regtap.trace.reader import Trace
    from regtap_analysis.signals.model import Signal
    from regtap_analysis.statistics.distribution import Distribution
    from regtap_analysis.statistics.figures import SignalFigures, TraceFigures

_MOST_MARKS = 1_000
_MOST_GAPS = 20
_MOST_CHARTS = 12
_OUTLIER = 10  # times the median
_HEIGHTS = "heights in these charts are logarithmic: a single interval shows"
_SPREAD = ("shortest", "1 %", "median", "99 %", "99.9 %", "longest", "mean")


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """The choices of a report.

    Attributes:
        registers: Names of the registers that it is about; empty: all.
        intervals: Signals whose intervals between changes are shown; empty: those where these say something.
        zero: The mark from which times count; None: the start of the trace.
    """

    registers: Sequence[str] = ()
    intervals: Sequence[Signal] = ()
    zero: Mark | None = None


def content_of(trace: Trace, figures: TraceFigures, options: ReportOptions) -> Content:
    """Return the words and figures of the report.

    Args:
        trace: The trace.
        figures: The results of the pass over its rows.
        options: The choices of the report.
    """
    zero = options.zero
    host = trace.host.get("hostname", "an unnamed machine")
    sections = [
        _lost(trace, zero),
        Section("The picture", picture=lane_picture(trace, options.registers, zero)),
        _registers(figures),
        *states_section(figures, zero),
        *_changes(figures, options.intervals),
        *_row_intervals(trace, figures, zero),
        *_gaps(trace, zero),
        *_marks(trace, zero),
        _machine(trace),
        Section("The same again", again_lines(trace), code=again(trace)),
    ]
    return Content(
        title(trace, options.registers),
        f"{format_utc(trace.start.realtime_ns)} · on {host} · {mode_text(trace)}{_origin(zero)}",
        sentence(trace, figures, zero),
        is_bad(trace),
        tuple(sections),
    )


def _origin(zero: Mark | None) -> str:
    if zero is None:
        return ""
    return (
        f" · times count from the mark {cut_name(zero.text)}, {format_duration_ns(zero.t_ns)} after the start"
    )


def _lost(trace: Trace, zero: Mark | None) -> Section:
    totals = trace.totals
    lines = [state_text(trace)]
    if totals is not None:
        lines.append(totals.line())
        if totals.throttled_ns:
            lines.append(f"the loop waited {format_duration_ns(totals.throttled_ns)} for room in the spool")
    if not trace.gaps:
        lines.append("no gaps")
        return Section("What was lost", tuple(lines))
    causes = Table(
        ("cause", "gaps", "absent", "longest", "at", "together"),
        tuple(
            _row(
                it.cause,
                f"{it.gaps:,}",
                f"{it.count:,}",
                format_duration_ns(it.longest.absent_ns),
                moment_text(it.longest.t0_ns, zero),
                format_duration_ns(it.total_ns),
            )
            for it in trace.gap_summary
        ),
    )
    lines += [f"{it.cause}: {cause_text(it.cause)}" for it in trace.gap_summary if cause_text(it.cause)]
    return Section("What was lost", tuple(lines), tables=(Titled("", causes),))


def _gaps(trace: Trace, zero: Mark | None) -> Iterator[Section]:
    if not trace.gaps:
        return
    longest = sorted(trace.gaps, key=lambda gap: (-gap.absent_ns, gap.t0_ns))[:_MOST_GAPS]
    listed = Table(
        ("at", "length", "absent", "cause"),
        tuple(
            _row(moment_text(it.t0_ns, zero), format_duration_ns(it.absent_ns), f"{it.count:,}", it.cause)
            for it in longest
        ),
    )
    heading = "The longest gaps" if len(trace.gaps) > len(longest) else "Each gap, longest first"
    yield Section(heading, tables=(Titled("", listed),))


def _registers(figures: TraceFigures) -> Section:
    rows = [
        _row(
            signal_name(signal),
            _where(signal),
            value_text(signal, it.least),
            value_text(signal, it.most),
            value_text(signal, it.first),
            value_text(signal, it.last),
            f"{it.changes:,}",
            _does(it, figures),
        )
        for signal, it in figures.signals.items()
    ]
    headings = ("register", "where", "smallest", "largest", "first", "last", "changes", "what it does")
    made = (value_histogram(it, signal_name(signal)) for signal, it in figures.signals.items())
    charts = tuple(chart for chart in made if chart is not None)[:_MOST_CHARTS]
    return Section("Registers", tables=(Titled("", Table(headings, tuple(rows))),), charts=charts)


def _where(signal: Signal) -> str:
    if signal.field is not None:
        return f"bits {signal.field.span}"
    return place_text(signal.register)


def _does(it: SignalFigures, figures: TraceFigures) -> str:
    if not it.changes:
        return "constant"
    span_ns = figures.span_ns
    if it.is_counter and span_ns:
        is_up = it.rises * 2 > it.changes
        counted = it.advance if is_up else it.changes * 2.0**it.signal.bits - it.advance
        return f"counts {'up' if is_up else 'down'}, {format_rate(1e9 * counted / span_ns)}"
    return "" if it.states is None else count_of(len(it.states), "value")


def _changes(figures: TraceFigures, chosen: Sequence[Signal]) -> Iterator[Section]:
    shown = {
        signal: it
        for signal, it in figures.signals.items()
        if it.intervals.count and (signal in chosen if chosen else _says_something(signal, it, figures.rows))
    }
    if not shown:
        return
    rows = tuple(
        _row(signal_name(signal), f"{it.intervals.count:,}", *spread(it.intervals))
        for signal, it in shown.items()
    )
    made = (
        duration_histogram(signal_name(signal), it.intervals, "from one change to the next")
        for signal, it in shown.items()
    )
    yield Section(
        "Time between changes",
        (_HEIGHTS,),
        tables=(Titled("", Table(("signal", "intervals", *_SPREAD), rows)),),
        charts=tuple(chart for chart in made if chart is not None)[:_MOST_CHARTS],
    )


def _says_something(signal: Signal, it: SignalFigures, rows: int) -> bool:
    """Whether a signal's intervals are its own: neither those of the rows, nor those of its fields together."""
    return it.changes * 2 < rows and (signal.field is not None or not signal.register.fields)


def _row_intervals(trace: Trace, figures: TraceFigures, zero: Mark | None) -> Iterator[Section]:
    times = figures.intervals
    half = times.percentile(500)
    if half is None:
        return
    rate = trace.mode.rate_hz
    due = [] if rate is None else [f"a row is due every {format_duration_ns(round(10**9 / Fraction(rate)))}"]
    late = times.above(_OUTLIER * max(half, 1))
    counted = f"{count_of(late, 'interval')} of more than {_OUTLIER} times the median"
    spreads = [_row("between rows", f"{times.count:,}", *spread(times))]
    if figures.latency is not None:
        spreads.append(_row("within a row", f"{figures.latency.count:,}", *spread(figures.latency)))
    listed = tuple(
        _row(
            moment_text(it.t_ns - it.interval_ns, zero),
            format_duration_ns(it.interval_ns),
            _times(it.interval_ns / max(half, 1)),
            it.cause or "nothing is missing: the loop itself was held up",
        )
        for it in figures.longest
        if it.interval_ns > 2 * half
    )
    tables = [Titled("", Table(("time", "how many", *_SPREAD), tuple(spreads)))]
    if listed:
        tables.append(Titled("The longest", Table(("at", "length", "of the median", "cause"), listed)))
    charts = [duration_histogram("From row to row", times, "interval")]
    if figures.latency is not None:
        charts.append(
            duration_histogram("From the first to the last access of a row", figures.latency, "latency")
        )
    rounded = [] if times.bits == 64 else [f"percentiles are rounded down to {times.bits} significant bits"]
    yield Section(
        "Time from row to row",
        (*due, *_held(figures), counted, *rounded, _HEIGHTS),
        tables=tuple(tables),
        charts=tuple(chart for chart in charts if chart is not None),
    )


def _held(figures: TraceFigures) -> list[str]:
    """Return what was left out of the intervals of a trace that stores changes only."""
    if not figures.held:
        return []
    return [
        f"{count_of(figures.held, 'interval')} in which samples like the row before were counted only "
        f"{'is' if figures.held == 1 else 'are'} left out"
    ]


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} x" if ratio >= 100 else f"{ratio:.3g} x"


def spread(times: Distribution) -> tuple[str, ...]:
    """Return the cells under _SPREAD."""
    shares = (times.percentile(share) for share in (10, 500, 990, 999))
    mean = None if times.mean is None else round(times.mean)
    found = (times.least, *shares, times.most, mean)
    return tuple("" if time is None else format_duration_ns(time) for time in found)


def _marks(trace: Trace, zero: Mark | None) -> Iterator[Section]:
    if not trace.marks:
        return
    rows = tuple(
        _row(f"{number}", moment_text(mark.t_ns, zero), printable(mark.text))
        for number, mark in enumerate(trace.marks[:_MOST_MARKS], 1)
    )
    more = len(trace.marks) - len(rows)
    lines = (f"{count_of(more, 'mark')} more in the trace",) if more else ()
    yield Section("Marks", lines, tables=(Titled("", Table(("mark", "at", "text"), rows)),))


def _machine(trace: Trace) -> Section:
    per_row = f", {trace.size_bytes / trace.rows:.2f} bytes a row" if trace.rows else ""
    facts = [
        ("target", trace.target),
        *((name, str(value)) for name, value in trace.host.items()),
        ("clock", clock_text(trace)),
        ("start", format_utc(trace.start.realtime_ns)),
        ("mode", mode_text(trace)),
        *([("command", shlex.join(trace.command))] if trace.command else []),
        ("stored as", f"{format_size(trace.size_bytes)} in {count_of(len(trace.parts), 'part')}{per_row}"),
    ]
    rows = tuple(_row(name, printable(value)) for name, value in facts)
    return Section("Machine and clock", tables=(Titled("", Table(("fact", "value"), rows)),))


def _row(*cells: str) -> TableRow:
    return TableRow(cells)
