"""Where a signal takes another value, batch after batch: most of a trace says again what the row before said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from regtap.trace.gaps import Gap
    from regtap_analysis.signals.envelope import Times, Values
    from regtap_analysis.signals.model import Signal


@dataclass(frozen=True, slots=True)
class Edges:
    """Rows in which a signal differs from the row before; the first row of a trace is one too.

    Attributes:
        times_ns: When, shape (edges,).
        rows: Numbers of the rows in the trace, shape (edges,).
        values: The value from then on, shape (edges,).
        is_seen: Whether no sample is missing right before, so that the change was seen, shape (edges,).
    """

    times_ns: Times
    rows: npt.NDArray[np.int64]
    values: Values
    is_seen: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.times_ns)

    def pick(self, signal: Signal) -> Edges:
        """Return the same rows with a field's values; neighbours may be equal."""
        return replace(self, values=signal.pick(self.values))

    def at(self, places: npt.NDArray[np.intp] | slice) -> Edges:
        """Return some of them."""
        return Edges(self.times_ns[places], self.rows[places], self.values[places], self.is_seen[places])

    def followed_by(self, later: Edges) -> Edges:
        """Return these and later ones."""
        return Edges(
            np.concatenate([self.times_ns, later.times_ns]),
            np.concatenate([self.rows, later.rows]),
            np.concatenate([self.values, later.values]),
            np.concatenate([self.is_seen, later.is_seen]),
        )


class SeenRows:
    """Tells which rows follow right after the row before, with no sample missing in between; batch after batch.

    A gap counts by its middle: its ends may be a ns away from the rows' times. A gap with rows inside stands for many
    short ones whose places are not known, and does not count.

    Args:
        gaps: Gaps of the trace.
    """

    def __init__(self, gaps: Sequence[Gap]) -> None:
        middles2 = [gap.t0_ns + gap.t1_ns for gap in gaps if not gap.holds and not gap.rows]
        self._middles2 = np.sort(np.array(middles2, np.int64))
        self._last2: int | None = None  # the time of the row before the batch, doubled

    def of(self, times_ns: Times) -> npt.NDArray[np.bool_]:
        """Return whether each of the next rows is such a row, shape (rows,); the trace's first row is not."""
        times2 = 2 * times_ns
        is_seen = np.ones(len(times_ns), np.bool_)
        if self._last2 is None:
            is_seen[:1] = False
            self._last2 = int(times2[0])
        first, stop = self._middles2.searchsorted((self._last2, times2[-1]))
        is_seen[times2.searchsorted(self._middles2[first:stop], side="right")] = False
        self._last2 = int(times2[-1])
        return is_seen


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
        return given.at(np.flatnonzero(is_edge))


@dataclass(frozen=True, slots=True)
class Runs:
    """Stretches in which a signal kept one value, and have ended.

    Attributes:
        starts_ns: Time of the first row of each, shape (runs,).
        lengths_ns: Time from there to the first row of the next value.
        rows: The number of rows of each.
        values: The values.
        following: The value that came after each.
        is_whole: Whether both ends of each were seen.
    """

    starts_ns: Times
    lengths_ns: Times
    rows: npt.NDArray[np.int64]
    values: Values
    following: Values
    is_whole: npt.NDArray[np.bool_]

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
        joined = edges if self.open is None else self.open.followed_by(edges)
        if len(joined):
            self.open = joined.at(slice(-1, None))
        values, is_seen = joined.values, joined.is_seen
        return Runs(
            joined.times_ns[:-1],
            np.diff(joined.times_ns),
            np.diff(joined.rows),
            values[:-1],
            values[1:],
            is_seen[:-1] & is_seen[1:],
        )
