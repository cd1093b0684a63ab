"""Questions from Python."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from regtap.errors import TraceError
from regtap.maps.load import MapsGiven, given_maps
from regtap_analysis.catalogue.search import list_of
from regtap_analysis.queries.answer import Question
from regtap_analysis.queries.engines import open_engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from regtap_analysis.catalogue.search import TracesGiven
    from regtap_analysis.queries.answer import OpenedEngine


def query(
    traces: TracesGiven,
    sql: str,
    parameters: Mapping[str, int | float | str] | None = None,
    engine: str = "duckdb",
    maps: MapsGiven = None,
) -> pa.Table:
    """Ask one question about traces; `regtap query --help` and the reference list the tables.

    Args:
        traces: One or several traces, folders of traces, or patterns such as `runs/**`.
        sql: One SELECT in DuckDB's SQL.
        parameters: The value of each `$name` in it.
        engine: `duckdb`, `spark` or `spark=MASTER`.
        maps: Describe registers of traces that were recorded without them; None: those of REGTAP_MAP.

    Returns:
        The answer, in memory: a column for each of the SELECT's. Columns whose names end in `_ns` are int64
        nanoseconds, registers and values unsigned integers of their own width (Spark: of the next larger signed one;
        64 bits are decimals), sums of integers decimal128(38, 0). `duckdb.from_arrow` makes a DuckDB relation of it.

    Raises:
        InputError: There is no such engine, or no trace at all.
        QuestionError: The SQL is wrong; the text has the engine's message.
        TraceError: One of the folders is no trace, or a damaged one.
        RefusedError: The engine is not installed, or does not start.
    """
    with opened_traces(traces, engine, maps) as opened:
        return opened.engine.ask(Question(sql, parameters or {})).table()


@contextmanager
def opened_traces(traces: TracesGiven, engine: str, maps: MapsGiven) -> Iterator[OpenedEngine]:
    """Open an engine on all of some traces, for the block; the arguments and errors are those of query()."""
    opened = open_engine(list_of(traces), engine, maps=given_maps(maps))
    try:
        if opened.left_out:
            raise TraceError(opened.left_out[0].reason)
        yield opened
    finally:
        opened.engine.close()
