"""Lists of a catalogue's traces, as lines and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regtap.documents.text import terminal_text
from regtap.units.format import format_duration_ns, format_utc
from regtap_analysis.catalogue.tables import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
_DISPENSABLE = ("REGISTERS", "MARKS", "TARGET", "HOST", "START")  # in this order
_BETWEEN = "  "


@dataclass(frozen=True, slots=True)
class Listing:
    """Traces as a table.

    Attributes:
        lines: A heading, then a line for each trace.
        left_out: Headings of columns for which there was no room.
    """

    lines: tuple[str, ...]
    left_out: tuple[str, ...]


def list_traces(traces: Iterable[TraceFacts], width: int | None = None) -> Listing:
    """Return traces as a table.

    Args:
        traces: The traces, in their order.
        width: Most signs of a line, for which columns may be left out; None: no matter.
    """
    rows = [_HEADINGS, *map(_cells, traces)]
    widths = dict(zip(_HEADINGS, (max(map(len, column)) for column in zip(*rows, strict=True)), strict=True))
    left_out: list[str] = []
    for heading in _DISPENSABLE:
        if width is not None and sum(widths.values()) + len(_BETWEEN) * (len(widths) - 1) > width:
            del widths[heading]
            left_out.append(heading)
    return Listing(
        tuple(_line(dict(zip(_HEADINGS, row, strict=True)), widths) for row in rows), tuple(left_out)
    )


def _line(texts: Mapping[str, str], widths: Mapping[str, int]) -> str:
    placed = (
        texts[heading].rjust(width) if heading in _RIGHT else texts[heading].ljust(width)
        for heading, width in widths.items()
    )
    return _BETWEEN.join(placed).rstrip()


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
    (row,) = rows_of("traces", facts)
    return {
        **row,
        "path": facts.location.path,
        "registers": [register.name for register in facts.registers],
        "start": format_utc(facts.start_ns),
        "marks": [{"t_ns": mark.t_ns, "text": mark.text} for mark in facts.marks],
    }
