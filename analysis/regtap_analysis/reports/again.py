"""The command that records a trace's registers again."""

from __future__ import annotations

import shlex
from fractions import Fraction
from typing import TYPE_CHECKING

from regtap.maps.effects import own_effect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.registers.model import Register
    from regtap.trace.metadata import Mode
    from regtap.trace.reader import Trace

_ENDS = {
    "duration": "after its --duration",
    "samples": "after its --samples",
    "captures": "after its --captures",
}
_RATE_DIGITS = 20  # after the point: two rates, with denominators of at most 10**9, are 10**-18 apart


def again(trace: Trace) -> str:
    """Return a command that records the same registers in the same way; how long is not in a trace."""
    mode = trace.mode
    rate = "max" if mode.rate_hz is None else _decimal(Fraction(mode.rate_hz))
    options = ["-t", trace.target, "-o", "NEW", "--rate", rate, "--on-full", mode.on_full]
    options += [] if mode.keep_ns is None else ["--keep-last", _exact(mode.keep_ns)]
    options += ["--latency"] if mode.latency else []
    options += [*_rotation(mode), *_changes_only(mode), *_trigger(mode)]
    options += ["--allow-side-effects"] if any(own_effect(it) for it in trace.registers) else []
    named = _named_by_a_map(trace)
    registers = [it.name if it in named else f"{it.name}={it.place}:{it.type}" for it in trace.registers]
    return shlex.join(["regtap", "record", *options, *registers])


def again_lines(trace: Trace) -> tuple[str, ...]:
    """Return what to add to the command."""
    named = ", ".join(it.name for it in _named_by_a_map(trace))
    totals = trace.totals
    lines = [f"the fields of {named} are the target's, or those of a --map: add that"] if named else []
    if totals is not None and totals.ended in _ENDS:
        lines.append(f"this capture ended {_ENDS[totals.ended]}; add that")
    return tuple(lines)


def _rotation(mode: Mode) -> list[str]:
    parts = [] if mode.keep_parts is None else ["--keep-parts", f"{mode.keep_parts}"]
    return parts if mode.keep_bytes is None else [*parts, "--keep-size", f"{mode.keep_bytes}B"]


def _changes_only(mode: Mode) -> list[str]:
    if not mode.on_change:
        return []
    names = "" if mode.on_change == ("*",) else f"={','.join(mode.on_change)}"
    beat = [] if mode.heartbeat_ns is None else ["--heartbeat", _exact(mode.heartbeat_ns)]
    return [f"--on-change{names}", *beat]


def _trigger(mode: Mode) -> list[str]:
    asked = mode.trigger
    if asked is None:
        return []
    around = {"pre": asked.pre_ns, "post": asked.post_ns, "holdoff": asked.holdoff_ns}
    times = [part for name, time_ns in around.items() for part in (f"--{name}", _exact(time_ns))]
    return ["--trigger", asked.expression, *times]


def _named_by_a_map(trace: Trace) -> Sequence[Register]:
    """Return the registers whose fields the capture needs: those that are spelled as an address have none."""
    whole = {"*", *(it.name for it in trace.registers)}
    needed = trace.mode.trigger is not None or not whole.issuperset(trace.mode.on_change)
    return [it for it in trace.registers if it.fields] if needed else []


def _decimal(rate_hz: Fraction) -> str:
    """Return a rate in so many digits that just this one is read from them."""
    whole, rest = divmod(round(rate_hz * 10**_RATE_DIGITS), 10**_RATE_DIGITS)
    return f"{whole}.{rest:0{_RATE_DIGITS}}".rstrip("0").rstrip(".")


def _exact(time_ns: int) -> str:
    """Return a length of time in the largest unit in which it is whole."""
    units = (("s", 10**9), ("ms", 10**6), ("us", 10**3))
    name, size = next(((name, size) for name, size in units if time_ns % size == 0), ("ns", 1))
    return f"{time_ns // size}{name}"
