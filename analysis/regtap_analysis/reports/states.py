"""The part of a report on signals with few values: time in each, and from which to which they go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.trace.moments import moment_text
from regtap.units.format import format_duration_ns
from regtap_analysis.reports.content import Section, Titled
from regtap_analysis.reports.names import signal_name, value_text
from regtap_bench.page.tables import Table, TableRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regtap.trace.metadata import Mark
    from regtap_analysis.signals.model import Signal
    from regtap_analysis.statistics.figures import SignalFigures, StateFigures, TraceFigures, Transition

_MOST_STATES, _MOST_TRANSITIONS = 16, 16
_HEADINGS = ("value", "of the time", "time", "visits", "shortest", "median", "99 %", "longest")


def states_section(figures: TraceFigures, zero: Mark | None) -> Iterator[Section]:
    """Yield the section; none where no signal has few values and changes.

    Args:
        figures: The results of the pass over the trace's rows.
        zero: The mark from which times count; None: the start of the trace.
    """
    shown = {
        signal: it
        for signal, it in figures.signals.items()
        if it.states is not None and it.changes and (signal.field is not None or not signal.register.fields)
    }
    if not shown:
        return
    tables = [titled for signal, it in shown.items() for titled in _tables(signal, it, zero)]
    lines = (
        "a value lasts from its first row to the first row of the next value, gaps included: what happens between two "
        "rows, or in a gap, nobody saw; lengths are those of visits that begin and end in the trace",
    )
    yield Section("Time in each state", lines, tables=tuple(tables))


def _tables(signal: Signal, it: SignalFigures, zero: Mark | None) -> Iterator[Titled]:
    states = sorted(it.states or (), key=lambda state: -state.total_ns)
    whole_ns = sum(state.total_ns for state in states)
    shown = states[:_MOST_STATES]
    shares = [100 * state.total_ns / whole_ns if whole_ns else 0.0 for state in shown]
    rows = tuple(_state(signal, state, share) for state, share in zip(shown, shares, strict=True))
    yield Titled(
        f"{signal_name(signal)}{_left_out(len(states), len(shown))}", Table(_HEADINGS, rows), tuple(shares)
    )
    transitions = sorted(it.transitions or (), key=lambda change: -change.count)
    if len(states) > 2:
        yield _transitions(signal, transitions, zero)


def _state(signal: Signal, state: StateFigures, share: float) -> TableRow:
    lengths = state.lengths
    found = (lengths.least, lengths.percentile(500), lengths.percentile(990), lengths.most)
    times = ("" if time is None else format_duration_ns(time) for time in found)
    return TableRow(
        (
            value_text(signal, state.value),
            f"{share:.3g} %",
            format_duration_ns(state.total_ns),
            f"{state.visits:,}",
            *times,
        )
    )


def _transitions(signal: Signal, transitions: Sequence[Transition], zero: Mark | None) -> Titled:
    shown = transitions[:_MOST_TRANSITIONS]
    rows = tuple(
        TableRow(
            (
                f"{value_text(signal, it.before)} → {value_text(signal, it.value)}",
                f"{it.count:,}",
                moment_text(it.first_ns, zero),
            )
        )
        for it in shown
    )
    heading = f"{signal_name(signal)}, transitions{_left_out(len(transitions), len(shown))}"
    return Titled(heading, Table(("from → to", "times", "first at"), rows))


def _left_out(count: int, shown: int) -> str:
    return f" (the first {shown} of {count})" if count > shown else ""
