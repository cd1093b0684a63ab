"""Lists of a catalogue's traces, as lines and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regtap.documents.text import terminal_text
from regtap.units.format import format_duration_ns, format_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from regtap_analysis.catalogue.facts import TraceFacts

_HEADINGS = (
    "TRACE",
    "HOST",
    "TARGET",
    "START",
    "LENGTH",
    "ROWS",
    "LOST",
    "MISSED",
    "ENDED",
    "MARKS",
    "REGISTERS",
)
_RIGHT = ("LENGTH", "ROWS", "LOST", "MISSED", "MARKS")


def table_lines(traces: Iterable[TraceFacts]) -> Iterator[str]:
    """Yield a heading, then a line for each trace."""
    rows = [_HEADINGS, *map(_cells, traces)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        placed = [
            text.rjust(width) if heading in _RIGHT else text.ljust(width)
            for text, width, heading in zip(row, widths, _HEADINGS, strict=True)
        ]
        yield "  ".join(placed).rstrip()


def _cells(facts: TraceFacts) -> tuple[str, ...]:
    length = "-" if facts.length_ns is None else format_duration_ns(facts.length_ns)
    texts = (
        facts.name,
        facts.host,
        facts.target,
        format_utc(facts.start_ns)[:19],
        length,
        f"{facts.rows:,}",
        f"{facts.lost:,}",
        f"{facts.missed:,}",
        facts.ended or "unfinished",
        f"{len(facts.marks):,}",
        " ".join(register.name for register in facts.registers),
    )
    return tuple(terminal_text(text) or "-" for text in texts)


def as_document(facts: TraceFacts) -> dict[str, Any]:
    """Return a trace for `regtap traces --json`; times in ns, `null` for an unknown value."""
    return {
        "trace": facts.name,
        "path": facts.location.path,
        "host": facts.host,
        "machine": facts.machine,
        "kernel": facts.kernel,
        "target": facts.target,
        "registers": [register.name for register in facts.registers],
        "start": format_utc(facts.start_ns),
        "start_ns": facts.start_ns,
        "first_ns": facts.first_ns,
        "last_ns": facts.last_ns,
        "length_ns": facts.length_ns,
        "rows": facts.rows,
        "lost": facts.lost,
        "missed": facts.missed,
        "unchanged": facts.unchanged,
        "rotated": facts.rotated,
        "throttled_ns": facts.throttled_ns,
        "rate_hz": facts.rate_hz,
        "on_full": facts.on_full,
        "ended": facts.ended,
        "unfinished": facts.ended is None,
        "gaps": len(facts.gaps),
        "marks": [{"t_ns": mark.t_ns, "text": mark.text} for mark in facts.marks],
        "parts": facts.parts,
        "size_bytes": facts.size_bytes,
    }
