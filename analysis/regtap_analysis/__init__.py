"""Analysis of traces: pictures, queries, statistics and exports."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regtap_analysis.catalogue.api import traces
    from regtap_analysis.queries.api import query
    from regtap_analysis.reports.api import report
    from regtap_analysis.statistics.api import stats

__all__ = ["query", "report", "stats", "traces"]

_HOMES = {
    "query": "regtap_analysis.queries.api",
    "report": "regtap_analysis.reports.api",
    "stats": "regtap_analysis.statistics.api",
    "traces": "regtap_analysis.catalogue.api",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:  # imported when first used: they load numpy and pyarrow
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
