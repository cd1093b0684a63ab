"""The catalogue as Arrow tables: `traces`, `registers`, `fields`, `gaps` and `marks`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from regtap_analysis.catalogue.facts import TraceFacts

_UTC = pa.timestamp("us")  # CLOCK_REALTIME; to the nanosecond in start_ns
_NUMPY = {pa.int64(): "i8", pa.uint64(): "u8", pa.float64(): "f8", _UTC: "i8"}
SCHEMAS: Mapping[str, pa.Schema] = {
    "traces": pa.schema(
        [
            ("trace", pa.string()),
            ("host", pa.string()),
            ("machine", pa.string()),
            ("kernel", pa.string()),
            ("target", pa.string()),
            ("registers", pa.string()),
            ("start", _UTC),
            ("start_ns", pa.int64()),
            ("first_ns", pa.int64()),
            ("last_ns", pa.int64()),
            ("length_ns", pa.int64()),
            ("rows", pa.int64()),
            ("lost", pa.int64()),
            ("missed", pa.int64()),
            ("unchanged", pa.int64()),
            ("rotated", pa.int64()),
            ("throttled_ns", pa.int64()),
            ("ended", pa.string()),
            ("unfinished", pa.bool_()),
            ("marks", pa.int64()),
            ("gaps", pa.int64()),
            ("rate_hz", pa.string()),
            ("on_full", pa.string()),
            ("parts", pa.int64()),
            ("size_bytes", pa.int64()),
            ("error_bound_ns", pa.float64()),
        ]
    ),
    "registers": pa.schema(
        [
            ("trace", pa.string()),
            ("register", pa.string()),
            ("address", pa.uint64()),
            ("type", pa.string()),
            ("min", pa.uint64()),
            ("max", pa.uint64()),
            ("read_effect", pa.string()),
            ("description", pa.string()),
        ]
    ),
    "fields": pa.schema(
        [
            ("trace", pa.string()),
            ("register", pa.string()),
            ("field", pa.string()),
            ("lsb", pa.int64()),
            ("bits", pa.int64()),
            ("description", pa.string()),
        ]
    ),
    "gaps": pa.schema(
        [
            ("trace", pa.string()),
            ("cause", pa.string()),
            ("t0_ns", pa.int64()),
            ("t1_ns", pa.int64()),
            ("count", pa.int64()),
            ("first_index", pa.int64()),
            ("rows", pa.int64()),
            ("absent_ns", pa.int64()),
        ]
    ),
    "marks": pa.schema([("trace", pa.string()), ("t_ns", pa.int64()), ("text", pa.string())]),
}


def arrow_tables(traces: Iterable[TraceFacts]) -> dict[str, pa.Table]:
    """Return each table by its name."""
    known = tuple(traces)
    return {
        name: table_of([row for facts in known for row in rows_of(name, facts)], schema)
        for name, schema in SCHEMAS.items()
    }


def table_of(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Return rows as a table; the types are those of SCHEMAS."""
    return pa.Table.from_arrays(
        [_array([row[field.name] for row in rows], field.type) for field in schema], schema=schema
    )


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return values, None for an absent one, as an array made of buffers.

    pyarrow.array() imports pandas, where that is installed, to see whether it was given something of it: that takes
    as long as all the rest of a short question.
    """
    is_known = np.array([value is not None for value in values], bool)
    validity = None if is_known.all() else pa.py_buffer(np.packbits(is_known, bitorder="little"))
    if kind == pa.string():
        texts = [(value or "").encode() for value in values]
        offsets = np.zeros(len(texts) + 1, np.int32)
        np.cumsum([len(text) for text in texts], out=offsets[1:])
        data = [offsets, b"".join(texts)]
    elif kind == pa.bool_():
        data = [np.packbits(np.array([bool(value) for value in values], bool), bitorder="little")]
    else:
        data = [np.array([0 if value is None else value for value in values], _NUMPY[kind])]
    return pa.Array.from_buffers(kind, len(values), [validity, *map(pa.py_buffer, data)])


def rows_of(name: str, facts: TraceFacts) -> list[dict[str, Any]]:
    """Return a trace's rows of a table."""
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
