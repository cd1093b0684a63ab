"""Answers that come as Arrow batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.types as kinds

from regtap_analysis.queries.answer import Answer, ArrowRows, Column

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa


class ArrowAnswer(Answer):
    """An answer of batches.

    Args:
        schema: Its columns.
        batches: Its rows; can be iterated over once.
    """

    def __init__(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        self._found = ArrowRows(schema, batches)

    @property
    def columns(self) -> Sequence[Column]:
        """The columns of the schema."""
        return [Column(field.name, _is_number(field.type)) for field in self._found.schema]

    def rows(self) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Yield the rows of each batch."""
        for batch in self._found.batches:
            yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))

    def arrow(self) -> ArrowRows:
        """Return the rows as they are."""
        return self._found


def _is_number(kind: pa.DataType) -> bool:
    return bool(kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind))
