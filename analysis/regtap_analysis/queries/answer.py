"""Engines and their answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from regtap.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from regtap_analysis.catalogue.search import LeftOut

BATCH_ROWS = 1 << 16


class QuestionError(InputError):
    """The engine cannot answer a question; the text has the engine's message and the position in the question."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of an answer, made batch by batch while they are read.

    Attributes:
        schema: Its columns.
        batches: Its rows; can be iterated over once.
    """

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]

    def table(self) -> pa.Table:
        """Return all rows, in memory."""
        import pyarrow as pa

        return pa.Table.from_batches(self.batches, self.schema)


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the values of its parameters.

    Attributes:
        sql: One SELECT, in DuckDB's SQL.
        parameters: The value of each `$name` in it.
    """

    sql: str
    parameters: Mapping[str, int | float | str] = field(default_factory=dict)


class Engine(Protocol):
    """Answers questions about a fixed set of traces."""

    def ask(self, question: Question) -> Answer:
        """Return the answer; raises QuestionError if the SQL is wrong."""
        ...

    def close(self) -> None:
        """Free all resources; open answers end."""
        ...


@dataclass(frozen=True, slots=True)
class OpenedEngine:
    """An engine and its traces.

    Attributes:
        engine: Answers questions about them.
        traces: How many there are.
        left_out: Folders that were named and are not among them.
    """

    engine: Engine
    traces: int
    left_out: tuple[LeftOut, ...]
