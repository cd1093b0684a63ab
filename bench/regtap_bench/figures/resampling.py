"""Estimates over fresh processes and their rounds, with intervals from a bootstrap over both.

The value is the median over processes of each process's median: a process that fared differently (another layout
of its memory, a noisy neighbour) moves it little, and with five of them the interval reaches about from the lowest
to the highest. Within a process whole runs of neighbouring rounds are drawn, since what disturbs one often disturbs
the next.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from regtap_bench.figures.estimate import Estimate, limits, resampled_medians

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

_RESAMPLES = 399  # arbitrary: about ten of them lie beyond each limit of 95 %
_SEED = 20_261  # arbitrary, but fixed: the same data give the same interval


def center(rounds: Sequence[npt.NDArray[np.float64]]) -> Estimate:
    """Return the centre of the processes' values.

    Args:
        rounds: One array a process, in the order in which it measured: shape (R,) or (R, C), R may differ.
    """
    value = float(np.median(centers(rounds)))
    return Estimate(value, *limits(_resampled(rounds, np.random.default_rng(_SEED))))


def change(before: Sequence[npt.NDArray[np.float64]], after: Sequence[npt.NDArray[np.float64]]) -> Estimate:
    """Return the difference of the centres of two independent runs, `after` minus `before`.

    Each run's draws are seeded by its own values: swapping the runs mirrors the interval exactly, and the same values
    on both sides differ by nothing.
    """
    draws = []
    for rounds in (before, after):
        seed = zlib.crc32(b"".join(process.tobytes() for process in rounds))
        draws.append(_resampled(rounds, np.random.default_rng(seed)))
    first, second = (float(np.median(centers(rounds))) for rounds in (before, after))
    return Estimate(second - first, *limits(draws[1] - draws[0]))


def log_ratios(
    of: Sequence[npt.NDArray[np.float64]], to: Sequence[npt.NDArray[np.float64]]
) -> list[npt.NDArray[np.float64]]:
    """Return the logarithms of the ratios `of` / `to` by round, in the shapes of both."""
    return differences(logarithms(of), logarithms(to))


def differences(
    of: Sequence[npt.NDArray[np.float64]], to: Sequence[npt.NDArray[np.float64]]
) -> list[npt.NDArray[np.float64]]:
    """Return the differences `of` - `to` by round."""
    return [a - b for a, b in zip(of, to, strict=True)]


def logarithms(rounds: Sequence[npt.NDArray[np.float64]]) -> list[npt.NDArray[np.float64]]:
    """Return the logarithms of the values.

    A value that is not above zero, which a disturbed round may give, counts as the smallest there is: a median
    asks only on which side it lies.
    """
    tiny = np.finfo(np.float64).tiny
    return [np.log(np.maximum(process, tiny)) for process in rounds]


def centers(rounds: Sequence[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """Return each process's median."""
    return np.array([np.median(process) for process in rounds])


def middle(rounds: Sequence[npt.NDArray[np.float64]]) -> float:
    """Return the median of the values of all processes together."""
    return float(np.median(np.concatenate(rounds)))


def _resampled(
    rounds: Sequence[npt.NDArray[np.float64]], draw: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return bootstrap replicates of the centre, of shape (_RESAMPLES,).

    Processes are drawn anew, and runs of rounds within each.
    """
    medians = np.stack([resampled_medians(process, draw, _RESAMPLES) for process in rounds])
    shape = (len(rounds), _RESAMPLES)
    chosen = medians[draw.integers(0, len(rounds), shape), draw.integers(0, _RESAMPLES, shape)]
    drawn: npt.NDArray[np.float64] = np.median(chosen, axis=0)
    return drawn
