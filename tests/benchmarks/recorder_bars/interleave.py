"""Arms of one comparison, run in turn in seeded random order, so that all of them see the same machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of doing the thing that is compared.

    Attributes:
        name: Its name, unique among the arms of a run.
        block: Does it for a short while and returns its cost, in seconds a sample (or a run).
    """

    name: str
    block: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Rounds:
    """What an interleaved run measured; values of one round belong together.

    Attributes:
        seed: Of the order.
        values: For each arm, shape (rounds,): what its blocks returned.
    """

    seed: int
    values: Mapping[str, npt.NDArray[np.float64]]

    def best(self, names: Sequence[str]) -> str:
        """Return which of these arms costs least (by its median)."""
        return min(names, key=lambda name: float(np.median(self.values[name])))

    def median(self, name: str) -> float:
        """Return an arm's median."""
        return float(np.median(self.values[name]))


def interleave(arms: Sequence[Arm], rounds: int, *, seed: int, warmup: int = 1) -> Rounds:
    """Run every arm once a round, in an order that is drawn anew for each round.

    Args:
        arms: What to compare.
        rounds: How often each of them is measured.
        seed: Of the order.
        warmup: Rounds before the first that counts.
    """
    order = np.random.default_rng(seed)
    values = {arm.name: np.empty(rounds) for arm in arms}
    for number in range(-warmup, rounds):
        for at in order.permutation(len(arms)):
            value = arms[at].block()
            if number >= 0:
                values[arms[at].name][number] = value
    return Rounds(seed, values)
