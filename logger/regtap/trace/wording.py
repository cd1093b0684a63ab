"""Texts about a trace that several commands show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.units.format import count_of, format_duration_ns, format_rate, format_size

if TYPE_CHECKING:
    from regtap.trace.reader import Trace
    from regtap.trace.rotation import Rotated


_CAUSES = {
    "full": "samples that found no room in the spool",
    "missed": "slots of the schedule in which nothing was read, because the loop came too late",
    "throttled": "pauses in which the loop waited for room in the spool; nothing was lost in them",
    "fault": "from here on a register did not answer",
    "writer": "samples that were taken and could not be stored",
    "overwritten": "samples older than those that were asked for",
    "torn": "samples in which the halves of a 64-bit counter did not agree",
    "unchanged": "samples like the row before in all that --on-change looks at; these values are known",
    "rotated": "rows and gaps of older parts, removed as asked",
}


def cause_text(cause: str) -> str:
    """Return what a gap of a cause is, in a few words; empty for an unknown cause."""
    return _CAUSES.get(cause, "")


def finding(trace: Trace) -> str | None:
    """Return the contradiction between the trace's own figures, or None."""
    totals = trace.totals
    if totals is None:
        return None
    if not totals.balanced:
        return f"the balance does not come out: {totals.line()}"
    if totals.stored != trace.rows:
        return (
            f"by the balance {count_of(totals.stored, 'row')} should be stored, the parts hold {trace.rows:,}"
        )
    return None


def state_text(trace: Trace) -> str:
    """Return the end of the capture in words: complete, interrupted, or still running."""
    if trace.unfinished:
        return (
            f"unfinished: still being recorded, or cut off (then `regtap recover {trace.path}` adds the rest)"
        )
    ended = trace.totals.ended if trace.totals else ""
    return {
        "duration": "complete, ended after its duration",
        "samples": "complete, ended after its samples",
        "stopped": "complete, stopped on request",
        "captures": "complete, ended after its captures",
        "full": "ended because the spool was full",
        "fault": "ended by a bus error; everything before it is here",
        "writer": "ended because it could not be written further; everything before that is here",
        "recovered": "cut off, and completed from its spool",
    }.get(ended, f"ended: {ended}")


def mode_text(trace: Trace) -> str:
    """Return how the capture was asked to run."""
    rate = trace.mode.rate_hz
    pace = "as fast as possible (--rate max)" if rate is None else f"paced at {pace_text(rate)}"
    kept = "" if trace.mode.keep_ns is None else f", keep the last {format_duration_ns(trace.mode.keep_ns)}"
    chosen = f"{_limits(trace)}{_changes(trace)}{_trigger(trace)}"
    return f"{pace}; when the spool is full: {trace.mode.on_full}{kept}{chosen}"


def _changes(trace: Trace) -> str:
    mode = trace.mode
    if not mode.on_change:
        return ""
    names = "" if mode.on_change == ("*",) else f" of {', '.join(mode.on_change)}"
    beat = "" if mode.heartbeat_ns is None else f", and a row each {format_duration_ns(mode.heartbeat_ns)}"
    return f"; changes{names} only{beat}"


def _trigger(trace: Trace) -> str:
    asked = trace.mode.trigger
    if asked is None:
        return ""
    before, after = format_duration_ns(asked.pre_ns), format_duration_ns(asked.post_ns)
    quiet = f", holdoff {format_duration_ns(asked.holdoff_ns)}" if asked.holdoff_ns else ""
    return f"; {before} before and {after} after each hit of {asked.expression}{quiet}"


def _limits(trace: Trace) -> str:
    mode = trace.mode
    parts = [] if mode.keep_parts is None else [count_of(mode.keep_parts, "part")]
    sizes = [] if mode.keep_bytes is None else [format_size(mode.keep_bytes)]
    return f"; keep the last {', or '.join([*parts, *sizes])}" if mode.rotates else ""


def pace_text(rate_hz: str) -> str:
    """Return the rate of a Mode in words; one that is no whole number is given as it is."""
    return f"{rate_hz} a second" if "/" in rate_hz else format_rate(float(rate_hz))


def clock_text(trace: Trace) -> str:
    """Return the clock of the trace in words, with its error bound."""
    source, frequency_mhz = trace.clock.source, trace.clock.frequency_hz / 1e6
    return f"{source} at {frequency_mhz:.6f} MHz, times within {trace.error_bound_ns:.0f} ns"


def removed_text(rotated: Rotated) -> str:
    """Return what was given up of a trace's beginning."""
    rows = f"{count_of(rotated.parts, 'older part')} with {count_of(rotated.rows, 'row')}"
    absent = ", ".join(f"{it.count:,} {it.cause}" for it in rotated.absent)
    return f"{rows}{f' ({absent} before)' if absent else ''}, up to {format_duration_ns(rotated.t1_ns)}"
