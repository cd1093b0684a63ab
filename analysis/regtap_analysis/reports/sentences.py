"""The sentences on top of a report: what was captured, and what is missing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.trace.absent import absent_counts
from regtap.trace.metadata import trigger_mark
from regtap.trace.moments import moment_text
from regtap.trace.wording import finding, pace_text
from regtap.units.format import count_of, format_duration_ns, format_rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.trace.metadata import Mark
    from regtap.trace.reader import Trace
    from regtap_analysis.statistics.figures import TraceFigures

_MOST_NAMES = 4


def title(trace: Trace, names: Sequence[str] = ()) -> str:
    """Return the heading of a report about some registers; none named: all."""
    names = names or [register.name for register in trace.registers]
    listed = ", ".join(names[:_MOST_NAMES]) + (
        f" and {len(names) - _MOST_NAMES} more" if names[_MOST_NAMES:] else ""
    )
    return f"{trace.path.resolve().name}: {listed} of {trace.target}"


def is_bad(trace: Trace) -> bool:
    """Return whether the report has to warn: samples are lost, it is unfinished, or it contradicts itself."""
    return bool(finding(trace)) or trace.unfinished or absent_counts(trace).lost > 0


def sentence(trace: Trace, figures: TraceFigures, zero: Mark | None = None) -> str:
    """Return the whole report in one or two sentences; its times count from the start, or from a mark."""
    return " ".join([_completeness(trace), _extent(trace), *_pause(figures, zero)])


def _completeness(trace: Trace) -> str:
    absent = absent_counts(trace)
    lost, missed = absent.lost, absent.missed
    wrong = finding(trace)
    begun = "UNFINISHED, being recorded or cut off: " if trace.unfinished else ""
    if wrong:
        return f"DOES NOT ADD UP: {wrong}."
    totals = trace.totals
    taken = _rows_taken(trace) + lost if totals is None else totals.taken
    parts = [_of(lost, "sample", taken, "lost")] if lost else ["nothing was lost"]
    if missed:
        due = None if totals is None else totals.due
        parts.append(_of(missed, "slot", taken + missed if due is None else due, "missed"))
    if totals is not None and totals.unchanged:
        parts.append(f"{count_of(totals.unchanged, 'sample')} counted only, like the row before")
    if totals is not None and totals.overwritten:
        parts.append(_not_kept(trace, totals.overwritten))
    if totals is not None and totals.rotated:
        parts.append(f"{totals.rotated:,} older samples and slots were given up as asked")
    text = f"{begun}{', '.join(parts)}."
    return text[0].upper() + text[1:]


def _rows_taken(trace: Trace) -> int:
    """Return the number of rows, those in the parts that were given up too."""
    return trace.rows + (0 if trace.rotated is None else trace.rotated.rows)


def _not_kept(trace: Trace, overwritten: int) -> str:
    """Return what became of samples that a flight recorder, or a trigger, was not asked to keep."""
    trigger = trace.mode.trigger
    if trigger is None:
        return f"{overwritten:,} older samples were overwritten, as asked"
    hits = sum(mark.text == trigger_mark(trigger.expression) for mark in trace.marks)
    return f"{overwritten:,} samples away from the trigger's {count_of(hits, 'hit')} were not kept, as asked"


def _of(count: int, noun: str, whole: int, what: str) -> str:
    share = 100 * count / whole
    text = "under 0.01 %" if share < 0.01 else f"{share:.2g} %" if share < 10 else f"{share:.0f} %"
    return f"{count_of(count, noun)} of {whole:,} {'was' if count == 1 else 'were'} {what} ({text})"


def _extent(trace: Trace) -> str:
    rate = trace.mode.rate_hz
    pace = "as fast as they can be read" if rate is None else f"paced at {pace_text(rate)}"
    rows = count_of(trace.rows, "row")
    if trace.time_range is None:
        return f"The trace has {rows}."
    first_ns, last_ns = trace.time_range
    mean = trace.mean_rate_hz
    of_all = "" if mean is None or rate is not None else f" ({format_rate(mean)})"
    return (
        f"{rows} of {count_of(len(trace.registers), 'register')} in {format_duration_ns(last_ns - first_ns)}{of_all}, "
        f"{pace}."
    )


def _pause(figures: TraceFigures, zero: Mark | None) -> list[str]:
    """Return what the longest time without a row was, where it stands out."""
    half = figures.intervals.percentile(500)
    if not figures.longest or half is None:
        return []
    longest = figures.longest[0]
    rows = "samples that follow each other" if figures.held else "rows"
    if longest.interval_ns <= 2 * half:
        return [f"No two {rows} are more than {format_duration_ns(longest.interval_ns)} apart."]
    begin = moment_text(longest.t_ns - longest.interval_ns, zero)
    return [
        f"{rows.capitalize()} are {format_duration_ns(half)} apart (median), and at most "
        f"{format_duration_ns(longest.interval_ns)}, at {begin}."
    ]
