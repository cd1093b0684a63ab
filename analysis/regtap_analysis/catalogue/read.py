"""Reading the footers of many traces."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import InputError, RegtapError, TraceError
from regtap_analysis.catalogue.facts import TraceFacts, read_facts
from regtap_analysis.catalogue.search import LeftOut, TraceLocation, find_traces

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

_THREADS = 4  # a cold disk is waited for by several; the rest is Python's, on one core


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The facts of a collection's traces.

    Attributes:
        traces: One entry for each trace that could be read.
        left_out: Folders that are no trace, and traces that are damaged.
    """

    traces: tuple[TraceFacts, ...]
    left_out: tuple[LeftOut, ...]


def read_catalogue(arguments: Sequence[str | os.PathLike[str]]) -> Catalogue:
    """Return the facts of all traces in folders or patterns; see find_traces().

    A folder that cannot be read as a trace is in `left_out` and stops nothing.
    """
    search = find_traces(arguments)
    with ThreadPoolExecutor(min(_THREADS, len(search.locations) or 1)) as threads:
        read = list(threads.map(facts_or_reason, search.locations))
    traces = tuple(facts for facts in read if isinstance(facts, TraceFacts))
    damaged = tuple(reason for reason in read if isinstance(reason, LeftOut))
    return Catalogue(traces, search.left_out + damaged)


def facts_or_reason(location: TraceLocation) -> TraceFacts | LeftOut:
    """Return the facts of a trace, or the reason why it cannot be read."""
    try:
        return read_facts(location)
    except RegtapError as error:
        return LeftOut(location.name, str(error))


def no_traces(left_out: Sequence[LeftOut]) -> RegtapError:
    """Return the error for a collection without readable traces."""
    if not left_out:
        return InputError("no trace is named")
    more = f" (and {len(left_out) - 1} more that are no traces)" if len(left_out) > 1 else ""
    return TraceError(f"{left_out[0].reason}{more}")
