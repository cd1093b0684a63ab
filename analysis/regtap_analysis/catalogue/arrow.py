"""The tables of a catalogue as Arrow tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from regtap_analysis.catalogue.tables import F64, FLAG, I64, MOMENT, TABLES, TEXT, U64

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_UTC = pa.timestamp("us")
_ARROW = {
    TEXT: pa.string(),
    FLAG: pa.bool_(),
    I64: pa.int64(),
    U64: pa.uint64(),
    F64: pa.float64(),
    MOMENT: _UTC,
}
_NUMPY = {pa.int64(): "i8", pa.uint64(): "u8", pa.float64(): "f8", _UTC: "i8"}
SCHEMAS: Mapping[str, pa.Schema] = {
    name: pa.schema([(column, _ARROW[kind]) for column, kind in columns.items()])
    for name, columns in TABLES.items()
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
