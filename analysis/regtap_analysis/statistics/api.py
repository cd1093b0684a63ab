"""Sums over traces from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap_analysis.queries.api import opened_traces
from regtap_analysis.statistics.questions import StatsOptions, ask_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from regtap.maps.load import MapsGiven
    from regtap_analysis.catalogue.search import TracesGiven


def stats(
    traces: TracesGiven,
    questions: Sequence[str] = (),
    registers: Sequence[str] = (),
    engine: str = "duckdb",
    maps: MapsGiven = None,
) -> dict[str, pa.Table]:
    """Sum traces up, each and all together, as `regtap stats` does.

    Args:
        traces: One or several traces, folders of traces, or patterns such as `runs/**`.
        questions: Some of `intervals`, `signals`, `states`, `transitions` and `percentiles`; empty for all.
        registers: Only signals of these registers; empty for all.
        engine: `duckdb`, `spark` or `spark=MASTER`.
        maps: Describe registers of traces that were recorded without them; None: those of REGTAP_MAP.

    Returns:
        An Arrow table for each question, by its name. The first column is `trace`; of several traces, rows of the
        trace `(all)` follow. Intervals, and columns whose names end in `_ns`, are nanoseconds; values are as the
        registers hold them; percentiles are exact (p999: 99.9 %).

    Raises:
        InputError: There is no such question or engine, or no trace at all.
        TraceError: One of the folders is no trace, or a damaged one.
        RefusedError: The engine is not installed, or does not start.
    """
    options = StatsOptions(_several(questions), _several(registers))
    with opened_traces(traces, engine, maps) as opened:
        return {name: answer.table() for name, answer in ask_all(opened.engine, options, opened.traces)}


def _several(names: Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
