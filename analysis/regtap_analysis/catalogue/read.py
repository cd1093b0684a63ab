"""Reading the footers of many traces."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from regtap.errors import InputError, RegtapError, TraceError
from regtap.maps.lookup import NO_MAPS
from regtap_analysis.catalogue.facts import TraceFacts, read_facts
from regtap_analysis.catalogue.search import LeftOut, TraceLocation, find_traces
from regtap_analysis.catalogue.threads import map_threaded

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from regtap.maps.lookup import Maps

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


def read_catalogue(arguments: Sequence[str | os.PathLike[str]], maps: Maps = NO_MAPS) -> Catalogue:
    """Return what the traces that the arguments lead to say about themselves.

    A folder that cannot be read as a trace is in `left_out` and stops nothing.

    Args:
        arguments: As find_traces takes them.
        maps: Describe registers of traces that were recorded without these maps.
    """
    search = find_traces(arguments)
    read = map_threaded(partial(facts_or_reason, maps=maps), search.locations, _THREADS)
    traces = tuple(facts for facts in read if isinstance(facts, TraceFacts))
    damaged = tuple(reason for reason in read if isinstance(reason, LeftOut))
    return Catalogue(traces, search.left_out + damaged)


def facts_or_reason(location: TraceLocation, maps: Maps = NO_MAPS) -> TraceFacts | LeftOut:
    """Return what a trace, described by maps, says about itself, or why it cannot be read."""
    try:
        return read_facts(location, maps)
    except RegtapError as error:
        return LeftOut(location.name, str(error).replace(location.path, location.name))


def no_traces(left_out: Sequence[LeftOut]) -> RegtapError:
    """Return the error for a collection without readable traces."""
    if not left_out:
        return InputError("no trace is named")
    more = f" (and {len(left_out) - 1:,} more without a trace)" if len(left_out) > 1 else ""
    return TraceError(f"{left_out[0].reason}{more}")
