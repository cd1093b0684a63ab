"""The catalogue from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.errors import TraceError
from regtap_analysis.catalogue.filters import Filter, parse_since_ns
from regtap_analysis.catalogue.read import no_traces, read_catalogue
from regtap_analysis.catalogue.search import list_of

if TYPE_CHECKING:
    import pyarrow as pa

    from regtap_analysis.catalogue.search import TracesGiven


def traces(
    folders: TracesGiven,
    *,
    lost: bool = False,
    since: str | None = None,
    host: str | None = None,
) -> pa.Table:
    """List traces, oldest first, as `regtap traces` does; footers alone are read.

    Args:
        folders: Traces, folders that hold traces at any depth, or patterns such as `runs/**`.
        lost: Only traces with samples lost, other than overwritten as asked, or missed.
        since: Only traces begun since then: `2026-11-01`, `2026-11-01T08:30` (UTC), or `36h` ago.
        host: Only traces of hosts of this name, or whose names match this pattern.

    Returns:
        An Arrow table with a row for each trace: the columns of `traces` in a question. `start` is a moment in UTC,
        `start_ns` the same in nanoseconds since 1970; `first_ns` and `last_ns` count from there; `rows`, `lost`,
        `missed` and `unchanged` are numbers of samples; an unknown value is null.

    Raises:
        InputError: A moment or a folder cannot be read as such, or there is no trace at all.
        TraceError: One of the folders is no trace, or a damaged one.
    """
    chosen = Filter(lost, None if since is None else parse_since_ns(since), host)
    catalogue = read_catalogue(list_of(folders))
    if not catalogue.traces:
        raise no_traces(catalogue.left_out)
    if catalogue.left_out:
        raise TraceError(catalogue.left_out[0].reason)
    from regtap_analysis.catalogue.arrow import SCHEMAS, table_of
    from regtap_analysis.catalogue.tables import rows_of

    rows = [row for facts in chosen.choose(catalogue.traces) for row in rows_of("traces", facts)]
    return table_of(rows, SCHEMAS["traces"])
