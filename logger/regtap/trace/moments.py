"""Moments of a trace that people name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.units.format import format_duration_ns
from regtap.units.parse import parse_time_ns

if TYPE_CHECKING:
    from regtap.trace.metadata import Mark
    from regtap.trace.reader import Trace

_MOST_NAMED = 8  # marks that a message lists


def find_mark(trace: Trace, text: str) -> Mark:
    """Return the first mark with a text, or else the first one whose text begins with it, such as `trigger`.

    Raises:
        InputError: There is none.
    """
    for mark in trace.marks:
        if mark.text == text:
            return mark
    for mark in trace.marks:
        if text and mark.text.startswith(text):
            return mark
    named = ", ".join(repr(mark.text) for mark in trace.marks[:_MOST_NAMED]) or "no mark"
    raise InputError(f"{trace.path} has no mark {text!r} to align at; it has {named}")


def moment_text(t_ns: int, zero: Mark | None = None) -> str:
    """Return a time of the trace, as format_duration_ns does: after the start, or after a mark.

    Args:
        t_ns: The time, in ns after the start.
        zero: A mark, before which times have a minus; None: the start.
    """
    return format_duration_ns(t_ns if zero is None else t_ns - zero.t_ns)


def parse_moment_ns(text: str, zero: Mark | None) -> int:
    """Return a time of the trace in ns.

    Args:
        text: Such as `1.5s`, after the start; with `zero` after that mark, or with a minus before it.
        zero: A mark, or None.

    Raises:
        InputError: It is no time with a unit, or has a minus without a mark.
    """
    if zero is None:
        return parse_time_ns(text)
    before = text.startswith("-")
    distance_ns = parse_time_ns(text.removeprefix("-"))
    return zero.t_ns + (-distance_ns if before else distance_ns)
