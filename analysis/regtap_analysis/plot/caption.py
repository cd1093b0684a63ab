"""Title, caption and description of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.documents.text import cut
from regtap.trace.absent import absent_counts
from regtap.trace.wording import pace_text
from regtap.units.format import count_of, format_duration_ns, format_rate, format_utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regtap.registers.model import Register
    from regtap.trace.gaps import GapSummary
    from regtap.trace.reader import Trace
    from regtap_analysis.signals.model import Reading, View


_MOST_NAME = 48  # letters of a mark in an axis label, of which a narrow picture has room for 60
_MOST_LETTERS = 4_000  # of a text: a name or a mark may be of any length


def title(trace: Trace) -> str:
    """Return the title: trace, registers, target and rate."""
    pace = trace.mode.rate_hz
    rate = "full speed" if pace is None else f"paced at {pace_text(pace)}"
    return printable(f"{trace.path.resolve().name} · {trace.target} · {rate}")


def subtitle(trace: Trace, view: View) -> str:
    """Return the line below the title: rows, time, mean rate, and the absent samples, even if there are none."""
    first_ns, last_ns = trace.time_range or (view.first_ns, view.first_ns)
    whole = view.first_ns <= first_ns and last_ns < view.stop_ns
    return ("" if whole else "whole trace: ") + " · ".join(_facts(trace))


def printable(text: str, most: int = _MOST_LETTERS) -> str:
    """Return text on one line, without control characters, which no font shows and no SVG may hold."""
    folded = " ".join(text[:most].split())
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in folded
    )


def place_text(register: Register) -> str:
    """Return the type and the place of a register, such as `u32 at 0x20`."""
    return f"{register.type} at {register.place}"


def cut_name(text: str) -> str:
    """Return the name of a mark, at most so long that an axis label holds it."""
    return cut(printable(text), _MOST_NAME)


def legend_entry(summary: GapSummary) -> str:
    """Return the sum of one cause's gaps, such as `missed: 12 slots in 3 gaps`."""
    gaps = count_of(summary.gaps, "gap")
    span = format_duration_ns(summary.total_ns)
    if not summary.count:
        return f"{summary.cause}: {gaps}, {span}, nothing lost"
    noun = "slot" if summary.cause == "missed" else "sample"
    return f"{summary.cause}: {count_of(summary.count, noun)} in {gaps}, {span}"


def resolution(reading: Reading, buckets: int) -> str:
    """Return how the samples are drawn."""
    if not reading.rows:
        return "no samples here"
    if reading.rows <= buckets:
        return f"every sample is drawn ({reading.rows:,})"
    return (
        f"smallest and largest of about {reading.rows / buckets:,.0f} samples in each of {buckets:,} columns"
    )


def start_time(trace: Trace) -> str:
    """Return when time 0 was."""
    return f"start {format_utc(trace.start.realtime_ns)}"


def description(trace: Trace, view: View) -> str:
    """Return the picture in words, for readers who cannot see it."""
    known = trace.ranges
    ranges = [
        f"{register.name} ({place_text(register)}) from {known[register.name][0]:#x} to {known[register.name][1]:#x}"
        for register in trace.registers
        if register.name in known
    ]
    gaps = [legend_entry(summary) for summary in trace.gap_summary] or ["no gaps"]
    shown = f"{format_duration_ns(view.first_ns)} to {format_duration_ns(view.stop_ns)}"
    text = f"Registers over time, {shown}. {subtitle(trace, view)}. {'; '.join(ranges)}. {'; '.join(gaps)}."
    return printable(text, 25 * _MOST_LETTERS)


def _facts(trace: Trace) -> Iterator[str]:
    if trace.unfinished:
        yield "UNFINISHED (being recorded, or cut off)"
    yield _rows(trace)
    totals = trace.totals
    absent = absent_counts(trace)
    unchanged = sum(it.count for it in trace.gap_summary if it.holds)
    if unchanged:
        yield f"{unchanged:,} unchanged"
    if absent.overwritten:
        yield f"{absent.overwritten:,} overwritten"
    yield f"{absent.lost:,} lost"
    if trace.mode.rate_hz is not None or absent.missed:
        yield f"{absent.missed:,} missed"
    if trace.rotated is not None:
        yield f"{count_of(trace.rotated.parts, 'older part')} removed"
    if totals is not None and totals.throttled_ns:
        yield f"waited {format_duration_ns(totals.throttled_ns)}{_share(trace, totals.throttled_ns)}"


def _rows(trace: Trace) -> str:
    rows = count_of(trace.rows, "row")
    if trace.time_range is None or trace.mean_rate_hz is None:
        return rows
    first_ns, last_ns = trace.time_range
    return f"{rows} in {format_duration_ns(last_ns - first_ns)} ({format_rate(trace.mean_rate_hz)})"


def _share(trace: Trace, part_ns: int) -> str:
    """Return the share of pauses in the capture's time; a pause at the end comes after the last row."""
    pauses = [moment for gap in trace.gaps if gap.cause == "throttled" for moment in (gap.t0_ns, gap.t1_ns)]
    moments = [*(trace.time_range or ()), *pauses]
    span_ns = max(moments, default=0) - min(moments, default=0)
    if span_ns <= 0:
        return ""
    share = min(1.0, part_ns / span_ns)
    return " (under 0.1 % of the time)" if share < 0.001 else f" ({100 * share:.1f} % of the time)"
