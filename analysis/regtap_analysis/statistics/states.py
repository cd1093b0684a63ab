"""Time in each value of a signal that has few, and from which value to which it goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from regtap_analysis.statistics.distribution import Distribution
from regtap_analysis.statistics.figures import MOST_STATES, StateFigures, Transition

if TYPE_CHECKING:
    import numpy.typing as npt

    from regtap_analysis.statistics.edges import Runs

_LIMIT = 1 << 12  # of the lengths that are told apart for each state


@dataclass(slots=True)
class _State:
    """The sums for one value of a signal."""

    visits: int = 0
    whole: int = 0
    rows: int = 0
    total_ns: int = 0
    lengths: Distribution = field(default_factory=lambda: Distribution(_LIMIT))

    def add(self, lengths_ns: npt.NDArray[np.int64], rows: int) -> None:
        self.visits += len(lengths_ns)
        self.rows += rows
        self.total_ns += int(lengths_ns.sum())


class StateCounter:
    """Counts runs by value, and changes by pair of values."""

    def __init__(self) -> None:
        self._values: list[int] = []  # by their number, in the order in which they came
        self._states: list[_State] = []
        self._sorted: npt.NDArray[Any] | None = None
        self._numbers: npt.NDArray[np.intp] = np.empty(0, np.intp)  # of the sorted values
        self._pairs = np.zeros(MOST_STATES**2, np.int64)
        self._firsts_ns: dict[int, int] = {}

    def add(self, runs: Runs) -> bool:
        """Add runs, at least one; return False if the signal has too many values, and is to be counted no more."""
        if not self._learn(runs.values) or not self._learn(runs.following[-1:]):
            return False
        before = self._numbers_of(runs.values)
        after = np.append(before[1:], self._numbers_of(runs.following[-1:]))
        self._count_pairs(before * MOST_STATES + after, runs)
        order = np.argsort(before.astype(np.uint8), kind="stable")
        cuts = np.flatnonzero(np.diff(before[order])) + 1
        for group in np.split(order, cuts):
            state = self._states[before[group[0]]]
            state.add(runs.lengths_ns[group], int(runs.rows[group].sum()))
            whole = group[runs.is_whole[group]]
            state.whole += len(whole)
            state.lengths.add(runs.lengths_ns[whole])
        return True

    def add_last(self, value: int, length_ns: int, rows: int) -> None:
        """Add the run that the trace ends in."""
        if value not in self._values:
            self._append(value)
        self._states[self._values.index(value)].add(np.array([length_ns]), rows)

    def figures(self) -> tuple[tuple[StateFigures, ...], tuple[Transition, ...]]:
        """Return the states by value, and the transitions by value before and after."""
        found = sorted(zip(self._values, self._states, strict=True), key=lambda it: it[0])
        states = (
            StateFigures(value, it.visits, it.whole, it.rows, it.total_ns, it.lengths) for value, it in found
        )
        pairs = np.flatnonzero(self._pairs).tolist()
        changes = [
            Transition(
                self._values[pair // MOST_STATES],
                self._values[pair % MOST_STATES],
                int(self._pairs[pair]),
                self._firsts_ns[pair],
            )
            for pair in pairs
        ]
        return tuple(states), tuple(sorted(changes, key=lambda it: (it.before, it.value)))

    def _count_pairs(self, pairs: npt.NDArray[np.intp], runs: Runs) -> None:
        counts = np.bincount(pairs, minlength=len(self._pairs))
        for pair in np.flatnonzero((counts > 0) & (self._pairs == 0)).tolist():
            row = int((pairs == pair).argmax())
            self._firsts_ns[pair] = int(runs.starts_ns[row] + runs.lengths_ns[row])
        self._pairs += counts

    def _learn(self, values: npt.NDArray[Any]) -> bool:
        """Give each new value a number; return False if there are too many."""
        unknown = values
        if self._sorted is not None:
            places = np.minimum(self._sorted.searchsorted(values), len(self._sorted) - 1)
            unknown = values[self._sorted[places] != values]
        if not len(unknown):
            return True
        new = np.unique(unknown)
        if len(self._values) + len(new) > MOST_STATES:
            return False
        for value in new.tolist():
            self._append(value)
        self._numbers = np.argsort(np.array(self._values, values.dtype))
        self._sorted = np.array(self._values, values.dtype)[self._numbers]
        return True

    def _append(self, value: int) -> None:
        self._values.append(value)
        self._states.append(_State())

    def _numbers_of(self, values: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
        assert self._sorted is not None  # noqa: S101 - they were learnt
        return self._numbers[self._sorted.searchsorted(values)]
