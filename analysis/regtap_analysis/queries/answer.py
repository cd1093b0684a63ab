"""Engines and their answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from regtap.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from regtap_analysis.catalogue.search import LeftOut

BATCH_ROWS = 1 << 16


class QuestionError(InputError):
    """The engine cannot answer a question; the text has the engine's message and the position in the question."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an answer.

    Attributes:
        name: Its name; two columns may have the same.
        is_number: Whether its values are numbers.
    """

    name: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class ArrowRows:
    """The rows of an answer as Arrow batches.

    Attributes:
        schema: The columns.
        batches: The rows, at most BATCH_ROWS at once, made while they are read.
    """

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]


class Answer(ABC):
    """The rows of an answer, made while they are read; they can be read once, in one of two ways."""

    @property
    @abstractmethod
    def columns(self) -> Sequence[Column]:
        """The columns; raises QuestionError if the SQL is wrong."""

    @abstractmethod
    def rows(self) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Yield the rows, several at once; raises QuestionError where the engine gives up."""

    @abstractmethod
    def arrow(self) -> ArrowRows:
        """Return the rows as Arrow batches; raises QuestionError, as the batches do."""

    def table(self) -> pa.Table:
        """Return all rows as an Arrow table, in memory; raises QuestionError."""
        import pyarrow as pa

        found = self.arrow()
        return pa.Table.from_batches(found.batches, found.schema)


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
    """Answers questions about a fixed set of traces.

    Attributes:
        signals: The names of all signals in traces that have rows: registers, and their fields.
    """

    signals: tuple[str, ...]

    def ask(self, question: Question) -> Answer:
        """Return the answer; it ends with the next one. Raises QuestionError where the question is none."""
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
