"""The catalogue as tables: `traces`, `registers`, `fields`, `gaps` and `marks`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from regtap_analysis.catalogue.facts import TraceFacts

# Types as each engine has its own names for them. A moment is one of CLOCK_REALTIME, in microseconds.
TEXT, FLAG, I64, U64, F64, MOMENT = "text", "flag", "int64", "uint64", "float64", "moment"
TABLES: Mapping[str, Mapping[str, str]] = {
    "traces": {
        "trace": TEXT,
        "host": TEXT,
        "machine": TEXT,
        "kernel": TEXT,
        "target": TEXT,
        "registers": TEXT,
        "start": MOMENT,
        "start_ns": I64,
        "first_ns": I64,
        "last_ns": I64,
        "length_ns": I64,
        "rows": I64,
        "lost": I64,
        "missed": I64,
        "unchanged": I64,
        "rotated": I64,
        "throttled_ns": I64,
        "ended": TEXT,
        "unfinished": FLAG,
        "marks": I64,
        "gaps": I64,
        "rate_hz": TEXT,
        "on_full": TEXT,
        "parts": I64,
        "size_bytes": I64,
        "error_bound_ns": F64,
    },
    "registers": {
        "trace": TEXT,
        "register": TEXT,
        "address": U64,
        "type": TEXT,
        "min": U64,
        "max": U64,
        "read_effect": TEXT,
        "description": TEXT,
    },
    "fields": {
        "trace": TEXT,
        "register": TEXT,
        "field": TEXT,
        "lsb": I64,
        "bits": I64,
        "description": TEXT,
    },
    "gaps": {
        "trace": TEXT,
        "cause": TEXT,
        "t0_ns": I64,
        "t1_ns": I64,
        "count": I64,
        "first_index": I64,
        "rows": I64,
        "absent_ns": I64,
    },
    "marks": {"trace": TEXT, "t_ns": I64, "text": TEXT},
}


def rows_of(name: str, facts: TraceFacts) -> list[dict[str, Any]]:
    """Return a trace's rows of a table, its columns by their names in the order of TABLES; a moment in microseconds."""
    return list(_ROWS[name](facts))


def _trace_rows(facts: TraceFacts) -> Iterator[dict[str, Any]]:
    yield {
        "trace": facts.name,
        "host": facts.host,
        "machine": facts.machine,
        "kernel": facts.kernel,
        "target": facts.target,
        "registers": " ".join(register.name for register in facts.registers),
        "start": facts.start_ns // 1000,
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
        "ended": facts.ended,
        "unfinished": facts.ended is None,
        "marks": len(facts.marks),
        "gaps": len(facts.gaps),
        "rate_hz": facts.rate_hz,
        "on_full": facts.on_full,
        "parts": facts.parts,
        "size_bytes": facts.size_bytes,
        "error_bound_ns": facts.error_bound_ns,
    }


def _register_rows(facts: TraceFacts) -> Iterator[dict[str, Any]]:
    for register in facts.registers:
        low, high = facts.ranges.get(register.name, (None, None))
        yield {
            "trace": facts.name,
            "register": register.name,
            "address": register.address,
            "type": register.type,
            "min": low,
            "max": high,
            "read_effect": register.read_effect,
            "description": register.description,
        }


def _field_rows(facts: TraceFacts) -> Iterator[dict[str, Any]]:
    for register in facts.registers:
        for field in register.fields:
            yield {
                "trace": facts.name,
                "register": register.name,
                "field": field.name,
                "lsb": field.lsb,
                "bits": field.bits,
                "description": field.description,
            }


def _gap_rows(facts: TraceFacts) -> Iterator[dict[str, Any]]:
    for gap in facts.gaps:
        yield {
            "trace": facts.name,
            "cause": gap.cause,
            "t0_ns": gap.t0_ns,
            "t1_ns": gap.t1_ns,
            "count": gap.count,
            "first_index": gap.first_index,
            "rows": gap.rows,
            "absent_ns": gap.absent_ns,
        }


def _mark_rows(facts: TraceFacts) -> Iterator[dict[str, Any]]:
    for mark in facts.marks:
        yield {"trace": facts.name, "t_ns": mark.t_ns, "text": mark.text}


_ROWS = {
    "traces": _trace_rows,
    "registers": _register_rows,
    "fields": _field_rows,
    "gaps": _gap_rows,
    "marks": _mark_rows,
}
