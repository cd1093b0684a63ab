"""Questions from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.errors import TraceError
from regtap.maps.load import MapsGiven, given_maps
from regtap_analysis.queries.answer import Question
from regtap_analysis.queries.engines import open_engine

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    import pyarrow as pa


def query(
    traces: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    sql: str,
    parameters: Mapping[str, int | float | str] | None = None,
    engine: str = "duckdb",
    maps: MapsGiven = None,
) -> pa.Table:
    """Ask one question about traces; `regtap query --help` and the reference list the tables.

    Args:
        traces: One or several traces, folders of traces, or patterns.
        sql: One SELECT in DuckDB's SQL.
        parameters: The value of each `$name` in it.
        engine: `duckdb`, `spark` or `spark=MASTER`.
        maps: Describe registers of traces that were recorded without them; None: those of REGTAP_MAP.

    Returns:
        The answer, in memory. `duckdb.from_arrow` makes a DuckDB relation of it.

    Raises:
        QuestionError: The SQL is wrong; the text has the engine's message.
        TraceError: One of the folders is no trace, or a damaged one.
        RefusedError: The engine is not installed, or does not start.
    """
    named = [traces] if isinstance(traces, str) or hasattr(traces, "__fspath__") else list(traces)
    opened = open_engine(named, engine, maps=given_maps(maps))
    try:
        if opened.left_out:
            raise TraceError(opened.left_out[0].reason)
        return opened.engine.ask(Question(sql, parameters or {})).table()
    finally:
        opened.engine.close()
