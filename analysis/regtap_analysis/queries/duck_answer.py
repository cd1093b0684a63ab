"""Answers of DuckDB."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from regtap_analysis.queries.answer import BATCH_ROWS, Answer, ArrowRows, Column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

    from regtap_analysis.queries.duck_session import DuckSession

_T = TypeVar("_T")
_ROWS = 2048  # as many as DuckDB makes at once
_NUMBER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL\(\d+,\d+\)|DOUBLE|FLOAT|BIGNUM")


class DuckAnswer(Answer):
    """An answer that DuckDB finds while it is read.

    Args:
        session: Where the question is asked.
        text: The question, in DuckDB's SQL.
        parameters: The value of each `$name` in it.
    """

    def __init__(self, session: DuckSession, text: str, parameters: dict[str, Any]) -> None:
        self._session = session
        self._connection = session.connection
        self._text = text
        self._parameters = parameters or None

    @cached_property
    def columns(self) -> Sequence[Column]:
        """The columns; DuckDB begins to find rows."""
        self._run(lambda: self._connection.execute(self._text, self._parameters))
        return [Column(it[0], bool(_NUMBER.fullmatch(str(it[1])))) for it in self._connection.description]

    def rows(self) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Yield the rows as DuckDB finds them; without Arrow and numpy, whose import takes longer than many answers."""
        if not self.columns:
            return
        while rows := self._run(lambda: self._connection.fetchmany(_ROWS)):
            yield rows

    def arrow(self) -> ArrowRows:
        """Return the rows as DuckDB finds them."""
        reader = self._run(
            lambda: self._connection.sql(self._text, params=self._parameters).to_arrow_reader(BATCH_ROWS)
        )
        return ArrowRows(reader.schema, self._batches(reader))

    def _run(self, work: Callable[[], _T]) -> _T:
        return self._session.run(work, self._text)

    def _batches(self, reader: Any) -> Iterator[pa.RecordBatch]:
        while (batch := self._run(lambda: next(reader, None))) is not None:
            yield batch
