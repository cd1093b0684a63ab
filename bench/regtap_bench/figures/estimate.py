"""A value with its interval, and the bootstrap behind the interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from regtap.documents.decoding import Within

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

_LEVEL_PERCENT = 95
LARGEST = 1e15  # of a result's figures: eleven days in ns, and far from where floats end
Figure = Annotated[float, Within(-LARGEST, LARGEST)]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its interval at 95 % confidence."""

    value: Figure
    low: Figure
    high: Figure

    def mapped(self, function: Callable[[float], float]) -> Estimate:
        """Return the estimate mapped through a non-decreasing function, such as ratio_of."""
        return Estimate(float(function(self.value)), float(function(self.low)), float(function(self.high)))


def ratio_of(log: float) -> float:
    """Return the ratio of a logarithm, within 1 / LARGEST and LARGEST: one to a cost that may be 0 has no bound."""
    return min(max(math.exp(min(log, math.log(LARGEST))), 1 / LARGEST), LARGEST)


def limits(draws: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return between which values 95 % of a bootstrap's draws lie."""
    tail = (100 - _LEVEL_PERCENT) / 2
    low, high = np.percentile(draws, (tail, 100 - tail))
    return float(low), float(high)


def resampled_medians(
    values: npt.NDArray[np.float64], draw: np.random.Generator, resamples: int
) -> npt.NDArray[np.float64]:
    """Return medians of resampled rounds, drawn in runs of neighbours: disturbances often last several rounds.

    Args:
        values: In the order in which they were taken, shape (R,) or (R, C).
        draw: The source of the random draws.
        resamples: The number of medians.
    """
    count = len(values)
    length = max(1, round(count**0.5))
    starts = draw.integers(0, count, (resamples, -(-count // length)))
    picked = (starts[:, :, None] + np.arange(length)).reshape(resamples, -1)[:, :count] % count
    medians: npt.NDArray[np.float64] = np.median(values[picked].reshape(resamples, -1), axis=1)
    return medians
