"""Chooses the engine: DuckDB in this process, or Spark on a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.maps.lookup import NO_MAPS
from regtap_analysis.catalogue.read import no_traces, read_catalogue
from regtap_analysis.queries.answer import OpenedEngine
from regtap_analysis.queries.duck import DuckEngine

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from regtap.maps.lookup import Maps
    from regtap_analysis.queries.duck_session import DuckOptions


def open_engine(
    arguments: Sequence[str | os.PathLike[str]],
    engine: str = "duckdb",
    options: DuckOptions | None = None,
    maps: Maps = NO_MAPS,
) -> OpenedEngine:
    """Open an engine on all traces in folders or patterns.

    Args:
        arguments: Traces, folders of traces, patterns; see find_traces.
        engine: `duckdb`, `spark`, or `spark=MASTER` with a master's address, `local[2]` or `sc://...`.
        options: Limits of DuckDB's resources.
        maps: Describe registers of traces that were recorded without these maps.

    Raises:
        InputError: There is no such engine, or no trace at all.
        RefusedError: The engine is not installed, or does not start.
    """
    name, _, master = engine.partition("=")
    if name == "spark":
        from regtap_analysis.queries.spark import open_spark

        return open_spark(arguments, master or "local[*]", maps)
    if engine != "duckdb":
        raise InputError(f"unknown engine {engine!r}; use duckdb, spark or spark=MASTER")
    catalogue = read_catalogue(arguments, maps)
    if not catalogue.traces:
        raise no_traces(catalogue.left_out)
    return OpenedEngine(DuckEngine(catalogue.traces, options), len(catalogue.traces), catalogue.left_out)
