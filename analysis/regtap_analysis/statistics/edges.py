"""Where a signal takes another value, batch after batch: most of a trace says again what the row before said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from regtap_analysis.signals.envelope import Times, Values
    from regtap_analysis.signals.model import Signal


@dataclass(frozen=True, slots=True)
class Edges:
    """Rows in which a signal differs from the row before; the first row of a trace is one too.

    Attributes:
        times_ns: When, shape (edges,).
        rows: Numbers of the rows in the trace, shape (edges,).
        values: The value from then on, shape (edges,).
    """

    times_ns: Times
    rows: npt.NDArray[np.int64]
    values: Values

    def __len__(self) -> int:
        return len(self.times_ns)

    def pick(self, signal: Signal) -> Edges:
        """Return the same rows with a field's values; neighbours may be equal."""
        return Edges(self.times_ns, self.rows, signal.pick(self.values))


class EdgeFinder:
    """Finds the edges of one signal, over batches."""

    def __init__(self) -> None:
        self._last: Any = None

    def find(self, given: Edges) -> Edges:
        """Return those of some rows that are edges.

        Args:
            given: All rows of a batch, or those of them in which the signal may change.
        """
        values = given.values
        if not len(values):
            return given
        is_edge: npt.NDArray[np.bool_] = np.empty(len(values), np.bool_)
        np.not_equal(values[1:], values[:-1], out=is_edge[1:])
        is_edge[0] = self._last is None or values[0] != self._last
        self._last = values[-1]
        if is_edge.all():
            return given
        at = np.flatnonzero(is_edge)
        return Edges(given.times_ns[at], given.rows[at], values[at])


@dataclass(frozen=True, slots=True)
class Runs:
    """Stretches in which a signal kept one value, and have ended.

    Attributes:
        starts_ns: Time of the first row of each, shape (runs,).
        lengths_ns: Time from there to the first row of the next value.
        rows: The number of rows of each.
        values: The values.
        following: The value that came after each.
    """

    starts_ns: Times
    lengths_ns: Times
    rows: npt.NDArray[np.int64]
    values: Values
    following: Values

    def __len__(self) -> int:
        return len(self.values)


class RunMaker:
    """Makes runs of edges, over batches.

    Attributes:
        open: The edge at which the run began that has not ended; None before the first.
    """

    def __init__(self) -> None:
        self.open: Edges | None = None

    def make(self, edges: Edges) -> Runs:
        """Return the runs that ended at some edges."""
        joined = edges
        if self.open is not None:
            joined = Edges(
                np.concatenate([self.open.times_ns, edges.times_ns]),
                np.concatenate([self.open.rows, edges.rows]),
                np.concatenate([self.open.values, edges.values]),
            )
        if len(joined):
            self.open = Edges(joined.times_ns[-1:], joined.rows[-1:], joined.values[-1:])
        values = joined.values
        return Runs(
            joined.times_ns[:-1], np.diff(joined.times_ns), np.diff(joined.rows), values[:-1], values[1:]
        )
