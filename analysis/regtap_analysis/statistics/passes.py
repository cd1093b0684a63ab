"""The sums of one pass over the rows of a trace: row intervals, and one signal's values, states and changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from regtap_analysis.statistics.distribution import Distribution
from regtap_analysis.statistics.edges import EdgeFinder, Edges, RunMaker, Runs
from regtap_analysis.statistics.figures import LongInterval, SignalFigures, ValueHistogram
from regtap_analysis.statistics.states import StateCounter

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from regtap.trace.gaps import Gap
    from regtap_analysis.signals.envelope import Times
    from regtap_analysis.signals.model import Signal

MOST_LONG = 20  # intervals that are listed
_MOST_RANGES_LOG2 = 7  # of a histogram of values


class IntervalPass:
    """Adds up the times from row to row.

    Args:
        gaps: Gaps of the trace. An interval whose middle lies in one of the cause `unchanged` says nothing of the
            loop: samples were taken in it, and only counted.

    Attributes:
        intervals: The other intervals, in ns.
        held: How many such intervals there were.
    """

    def __init__(self, gaps: Sequence[Gap]) -> None:
        self.intervals = Distribution()
        self.held = 0
        self._gaps = gaps
        holds = sorted((2 * gap.t0_ns, 2 * gap.t1_ns) for gap in gaps if gap.holds)
        self._held_from2, self._held_to2 = np.array(holds, np.int64).reshape(-1, 2).T
        self._last: Times = np.empty(0, np.int64)
        self._longest: list[tuple[int, int]] = []  # lengths and times, longest first

    def add(self, times_ns: Times) -> None:
        """Add the next rows; raises ValueError if their times go back."""
        joined = np.concatenate([self._last, times_ns])
        self._last = times_ns[-1:]
        steps = np.diff(joined)
        if not len(steps):
            return
        if steps.min() < 0:
            raise ValueError("its times are not in order")
        is_steady = ~self._holds(joined[1:] + joined[:-1])
        self.held += len(steps) - int(np.count_nonzero(is_steady))
        self.intervals.add(steps[is_steady])
        self._keep_longest(steps[is_steady], joined[1:][is_steady])

    def longest(self) -> tuple[LongInterval, ...]:
        """Return the longest intervals, longest first, each with the cause of the first gap that overlaps it.

        The cause is empty where none does; gaps of unchanged samples do not count. Where an interval was left out for
        such a gap, other gaps in it are listed by themselves: no sample was taken in them.
        """
        holes = [gap for gap in self._gaps if not gap.holds]
        starts = np.array([gap.t0_ns for gap in holes], np.int64)
        stops = np.array([gap.t1_ns for gap in holes], np.int64)
        shown = np.zeros(len(holes), np.bool_)
        listed = []
        for length, t_ns in self._longest:
            inside = np.flatnonzero((starts < t_ns) & (stops > t_ns - length))
            shown[inside] = True
            listed.append(LongInterval(t_ns, length, holes[int(inside[0])].cause if len(inside) else ""))
        if self.held:
            alone = [gap for gap, is_shown in zip(holes, shown, strict=True) if not is_shown and not gap.rows]
            listed += [LongInterval(gap.t1_ns, gap.t1_ns - gap.t0_ns, gap.cause) for gap in alone]
        return tuple(sorted(listed, key=lambda it: (-it.interval_ns, it.t_ns))[:MOST_LONG])

    def _holds(self, middles2: Times) -> npt.NDArray[np.bool_]:
        """Return which middles of intervals, doubled, lie in a gap of unchanged samples; such gaps do not overlap."""
        if not len(self._held_from2):
            return np.zeros(len(middles2), np.bool_)
        at = np.searchsorted(self._held_from2, middles2, side="right") - 1
        return (at >= 0) & (middles2 < self._held_to2[np.maximum(at, 0)])

    def _keep_longest(self, steps: Times, times_ns: Times) -> None:
        least = self._longest[-1][0] if len(self._longest) == MOST_LONG else -1
        at = np.flatnonzero(steps > least)
        if not len(at):
            return
        if len(at) > MOST_LONG:
            at = at[np.argsort(-steps[at], kind="stable")[:MOST_LONG]]
        found = [*self._longest, *zip(steps[at].tolist(), times_ns[at].tolist(), strict=True)]
        self._longest = sorted(found, key=lambda it: (-it[0], it[1]))[:MOST_LONG]


class SignalPass:
    """Adds up one signal.

    Args:
        signal: The signal.
        bounds: Smallest and largest value that its histogram is made for.
        by_time: Whether the histogram weighs values by the time that they held; otherwise by rows.
    """

    def __init__(self, signal: Signal, bounds: tuple[int, int], *, by_time: bool = False) -> None:
        self.signal = signal
        self._by_time = by_time
        low, high = bounds
        self._shift = max(0, (high - low).bit_length() - _MOST_RANGES_LOG2)
        self._low = low
        self._histogram = np.zeros(((high - low) >> self._shift) + 1, np.int64)
        self._edges, self._runs = EdgeFinder(), RunMaker()
        self._states: StateCounter | None = StateCounter()
        self._intervals = Distribution()
        self._bounds: tuple[int, int] | None = None
        self._first: int | None = None
        self._changes = self._rises = 0
        self._advance = 0.0

    def add(self, rows: Edges) -> None:
        """Add the next rows in which the register changes."""
        edges = self._edges.find(rows.pick(self.signal))
        if not len(edges):
            return
        low, high = int(edges.values.min()), int(edges.values.max())
        known = self._bounds or (low, high)
        self._bounds = min(low, known[0]), max(high, known[1])
        self._add_runs(self._runs.make(edges))
        if self._first is None:
            self._first = int(edges.values[0])

    def finish(self, last_ns: int, rows: int) -> SignalFigures | None:
        """Return the figures of the signal; None without rows.

        Args:
            last_ns: Time of the last row.
            rows: How many rows there were.
        """
        open_run = self._runs.open
        if open_run is None or self._bounds is None or self._first is None:
            return None
        last = int(open_run.values[0])
        length_ns, held = last_ns - int(open_run.times_ns[0]), rows - int(open_run.rows[0])
        self._weigh(open_run.values, np.array([length_ns if self._by_time else held]))
        if self._states is not None:
            self._states.add_last(last, length_ns, held)
        states = None if self._states is None else self._states.figures()
        return SignalFigures(
            signal=self.signal,
            least=self._bounds[0],
            most=self._bounds[1],
            first=self._first,
            last=last,
            changes=self._changes,
            rises=self._rises,
            advance=self._advance,
            intervals=self._intervals,
            histogram=ValueHistogram(self._low, 1 << self._shift, self._histogram, self._by_time),
            states=None if states is None else states[0],
            transitions=None if states is None else states[1],
        )

    def _add_runs(self, runs: Runs) -> None:
        if not len(runs):
            return
        self._changes += len(runs)
        self._rises += int(np.count_nonzero(runs.following > runs.values))
        unsigned: Any = runs.values.dtype.type
        steps = (runs.following - runs.values) & unsigned((1 << self.signal.bits) - 1)
        self._advance += float(steps.sum(dtype=np.float64))
        self._intervals.add(runs.lengths_ns[runs.is_whole])
        self._weigh(runs.values, runs.lengths_ns if self._by_time else runs.rows)
        if self._states is not None and not self._states.add(runs):
            self._states = None

    def _weigh(self, values: Any, weights: npt.NDArray[np.int64]) -> None:
        """Add weights by value; a value outside of the bounds that were announced goes to the last range."""
        unsigned = values.dtype.type
        ranges = (values - unsigned(self._low)) >> unsigned(self._shift)
        last = len(self._histogram) - 1
        places = np.minimum(ranges.astype(np.uint64), np.uint64(last)).astype(np.intp)
        known = None if weights.max() == weights.min() == 1 else weights
        self._histogram += np.bincount(places, known, last + 1).astype(np.int64)
