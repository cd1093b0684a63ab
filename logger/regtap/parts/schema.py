"""The Arrow schema of a part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from regtap.trace.metadata import LATENCY_COLUMN, TIME_COLUMN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.registers.model import Register


def schema_of(registers: Sequence[Register], *, latency: bool) -> pa.Schema:
    """Return a trace's columns; non-nullable: definition levels cost a quarter of the writer's time."""
    fields = [pa.field(TIME_COLUMN, pa.int64(), nullable=False)]
    fields += [
        pa.field(register.name, pa.type_for_alias(register.dtype), nullable=False) for register in registers
    ]
    if latency:
        fields.append(pa.field(LATENCY_COLUMN, pa.uint32(), nullable=False))
    return pa.schema(fields)
