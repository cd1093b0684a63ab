"""Analysis of traces: pictures, queries, statistics and exports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regtap_analysis.queries.api import query

__all__ = ["query"]


def __getattr__(name: str) -> Any:
    if name == "query":  # imported when first used: it loads pyarrow
        from regtap_analysis.queries.api import query

        return query
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
