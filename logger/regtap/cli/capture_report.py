"""How a capture ended, for people and for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from regtap.cli.output import print_json, print_lines, print_note
from regtap.recording.pace import MANY_MISSED, format_share, rate_argument
from regtap.units.format import count_of, format_duration_ns, format_rate, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regtap.journal.stats import Durability
    from regtap.recording.snapshots import Snapshot
    from regtap.recording.stretches import Caught, Stretch
    from regtap.recording.summary import Summary


_MOST_STRETCHES = 20  # arbitrary: what fits a screen


def print_report(summary: Summary, *, as_json: bool, strict_pace: bool = False) -> None:
    """Print the result of a capture on stdout; the last line is the balance of its samples.

    Args:
        summary: Result of the capture.
        as_json: For a program.
        strict_pace: Missed slots are a finding.
    """
    for warning in summary.warnings:
        print_note(warning)
    if as_json:
        print_json(_as_object(summary))
        return
    print_lines(_lines(summary))
    kept = "" if summary.spool is None else f"kept in {summary.spool}"
    balance = f"{summary.totals.line(kept)}{_pace(summary, strict=strict_pace)}"
    print_lines([f"{summary.output}: {balance}"])


def _pace(summary: Summary, *, strict: bool) -> str:
    """Return the remark on missed slots for the last line."""
    share = summary.missed_share
    if not share or (share <= MANY_MISSED and not strict):
        return ""
    return f"; {'FINDING' if strict else 'WARNING'}: {format_share(share)} of the slots missed"


def _lines(summary: Summary) -> Iterator[str]:
    totals = summary.totals
    rate = "" if summary.rate_hz is None else f" ({format_rate(summary.rate_hz)})"
    span_ns = summary.span_ns if totals.stored else summary.pace.elapsed_ns
    yield f"{summary.output}: {count_of(totals.taken, 'sample')} in {format_duration_ns(span_ns)}{rate}"
    each = f" ({summary.bytes / totals.stored:.2f} bytes a sample)" if totals.stored else ""
    yield f"{summary.output}: {count_of(summary.parts, 'part')}, {format_size(summary.bytes)}{each}"
    if totals.rotated:
        yield _rotated(summary)
    clock = f"clock {summary.clock.source}, within {summary.clock.error_bound_ns:.0f} ns"
    hole = f"; longest hole {format_duration_ns(summary.longest_hole_ns)}" if summary.longest_hole_ns else ""
    yield f"{summary.output}: {clock}{hole}"
    if totals.due is not None:
        late = summary.lateness
        yield (
            f"{summary.output}: lateness {format_duration_ns(round(late.mean_ns))} on average, "
            f"{format_duration_ns(late.longest_ns)} at most"
        )
    if summary.pauses:
        yield _pauses(summary)
    if summary.durability is not None:
        yield _durable(summary.output, summary.durability)
    if summary.snapshots is not None:
        yield _snapshots(summary.output, summary.snapshots)
    if summary.caught is not None:
        yield from _caught(summary, summary.caught)


def _rotated(summary: Summary) -> str:
    totals = summary.totals
    lost = f", {totals.rotated_lost:,} of them lost before" if totals.rotated_lost else ""
    parts = count_of(summary.removed_parts, "older part")
    return f"{summary.output}: {parts} removed, {count_of(totals.rotated, 'sample')}{lost}"


def _snapshots(output: str, snapshots: Sequence[Snapshot]) -> str:
    """Return the line about the snapshots of a flight recorder, of which the last was taken at the end."""
    span = format_duration_ns(sum(snapshot.span_ns for snapshot in snapshots))
    short = sum(snapshot.short for snapshot in snapshots)
    less = f"; {short} of them shorter than --keep-last: give a larger --spool-size" if short else ""
    asked = count_of(max(0, len(snapshots) - 1), "snapshot")
    return f"{output}: {span} kept, by {asked} and at the end{less}"


def _caught(summary: Summary, caught: Caught) -> Iterator[str]:
    """Yield the lines about a trigger: its hits, and the stretches that were stored around them."""
    output = summary.output
    if not caught.hits:
        span = format_duration_ns(round(summary.pace.elapsed_ns))
        finding = "FINDING: " if summary.caught_nothing else ""
        yield f"{output}: {finding}no trigger in {span}: {caught.expression}"
        return
    more = f", {caught.held_off:,} more within the holdoff" if caught.held_off else ""
    unmarked = f", {caught.unmarked:,} of them without a mark of their own" if caught.unmarked else ""
    stretches = count_of(len(caught.stretches), "stretch", "stretches")
    yield f"{output}: {caught.expression}: {count_of(caught.hits, 'hit')}{more}{unmarked}, {stretches} stored"
    shown = caught.stretches[:_MOST_STRETCHES]
    for number, stretch in enumerate(shown, 1):
        yield f"{output}: stretch {number} {_stretch(stretch)}"
    if len(caught.stretches) > len(shown):
        more = count_of(len(caught.stretches) - len(shown), "stretch", "stretches")
        yield f"{output}: and {more} more; --json has all of them"


def _stretch(stretch: Stretch) -> str:
    hits = "" if stretch.hits == 1 else f", {stretch.hits:,} hits"
    short = "; the spool held no more: give a larger --spool-size" if stretch.short else ""
    return (
        f"at {format_duration_ns(stretch.hit_ns)}{hits}: {format_duration_ns(stretch.pre_ns)} before and "
        f"{format_duration_ns(stretch.post_ns)} after, {count_of(stretch.rows, 'row')}{short}"
    )


def _pauses(summary: Summary) -> str:
    times = count_of(summary.pauses, "time")
    share = format_share(summary.paused_share)
    return f"{summary.output}: the loop waited for the writer {times}, {share} of the time{_even(summary)}"


def _even(summary: Summary) -> str:
    """Return the advice of a rate within the reach of writer and loop, if both rates are known."""
    holds_hz, elapsed_ns = summary.pace.holds_hz, summary.pace.elapsed_ns
    if summary.totals.due is not None or holds_hz is None or not elapsed_ns:
        return ""
    sustained_hz = summary.totals.taken * 1e9 / elapsed_ns
    return f"; --rate {rate_argument(min(holds_hz, 0.9 * sustained_hz))} would give even spacing"


def _durable(output: str, durability: Durability) -> str:
    syncs = count_of(durability.syncs, "sync")
    longest = f", the longest {format_duration_ns(durability.longest_sync_ns)}" if durability.syncs else ""
    lost = f"at most the last {format_duration_ns(durability.exposed_ns)} would have been lost with the power"
    return f"{output}: durable by {syncs}{longest}; {lost}"


def _caught_object(caught: Caught) -> dict[str, object]:
    stretches = [{**asdict(stretch), "post_ns": stretch.post_ns} for stretch in caught.stretches]
    return {**asdict(caught), "stretches": stretches}


def _as_object(summary: Summary) -> dict[str, object]:
    totals = summary.totals
    return {
        "output": summary.output,
        "ended": totals.ended,
        "due": totals.due,
        "taken": totals.taken,
        "stored": totals.stored,
        "lost": totals.lost,
        "missed": totals.missed,
        "missed_share": summary.missed_share,
        "overwritten": totals.overwritten,
        "unchanged": totals.unchanged,
        "torn": totals.torn,
        "accesses": totals.accesses,
        "rotated": totals.rotated,
        "rotated_lost": totals.rotated_lost,
        "removed_parts": summary.removed_parts,
        "balanced": totals.balanced,
        "span_ns": summary.span_ns,
        "rate_hz": summary.rate_hz,
        "parts": summary.parts,
        "bytes": summary.bytes,
        "pauses": summary.pauses,
        "throttled_ns": totals.throttled_ns,
        "paused_share": summary.paused_share,
        "elapsed_ns": summary.pace.elapsed_ns,
        "row_cost_ns": summary.pace.row_cost_ns,
        "longest_hole_ns": summary.longest_hole_ns,
        "page_faults": summary.disturbances.page_faults,
        "sleeps": summary.disturbances.sleeps,
        "preemptions": summary.disturbances.preemptions,
        "lateness_mean_ns": summary.lateness.mean_ns,
        "lateness_longest_ns": summary.lateness.longest_ns,
        "clock": {"source": summary.clock.source, "error_bound_ns": summary.clock.error_bound_ns},
        "spool": summary.spool,
        "durability": None if summary.durability is None else asdict(summary.durability),
        "warnings": list(summary.warnings),
        "caught": None if summary.caught is None else _caught_object(summary.caught),
        "snapshots": None if summary.snapshots is None else [asdict(taken) for taken in summary.snapshots],
    }
