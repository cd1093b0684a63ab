"""The costs of reading many bytes at once, and the sizes at which the cheapest way changes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, groupby, pairwise
from typing import TYPE_CHECKING

import numpy as np

from regtap_bench.arms.base import THROUGHPUT
from regtap_bench.arms.bulk_arms import BULK_WAYS, BulkArm
from regtap_bench.figures.estimate import Estimate
from regtap_bench.figures.evaluate import LEAST_NET_NS
from regtap_bench.figures.resampling import center, log_ratios, middle
from regtap_bench.figures.result import CheaperRange, Crossing, CrossoverPoint
from regtap_bench.figures.verdict import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from regtap_bench.figures.evaluate import Evaluation

_RESOLVED = (Verdict.FASTER, Verdict.SLOWER)


@dataclass(frozen=True, slots=True)
class SizeComparison:
    """Two ways at one size.

    Attributes:
        size_bytes: The size.
        log_ratio: Logarithm of the first way's cost over the second's.
        verdict: Verdict of the first way.
    """

    size_bytes: int
    log_ratio: Estimate
    verdict: Verdict


def crossover_points(evaluation: Evaluation) -> tuple[CrossoverPoint, ...]:
    """Return a point for each bulk arm, measured or not.

    Args:
        evaluation: Figures of those arms; others are passed over.
    """
    return tuple(_point(evaluation, arm) for arm in _bulk_arms(evaluation))


def find_crossings(evaluation: Evaluation, margin: float) -> tuple[Crossing, ...]:
    """Return the crossing of each two ways; empty if fewer than two ways were measured.

    Args:
        evaluation: Figures of the arms that read many bytes; others are passed over.
        margin: The share that a difference must exceed.
    """
    measured = [arm for arm in _bulk_arms(evaluation) if evaluation.net_ns(arm.name, THROUGHPUT) is not None]
    by_way = {way: {arm.size_bytes: arm for arm in measured if arm.way == way} for way in BULK_WAYS}
    found = []
    for one, other in combinations(BULK_WAYS, 2):
        sizes = sorted(by_way[one].keys() & by_way[other].keys())
        compared = [_compare(evaluation, by_way[one][size], by_way[other][size], margin) for size in sizes]
        if compared:
            found.append(crossing_of(one, other, compared))
    return tuple(found)


def crossing_of(one: str, other: str, compared: Sequence[SizeComparison]) -> Crossing:
    """Return the sizes at which each of two ways costs less.

    Args:
        one: The first way.
        other: The second.
        compared: By increasing size.
    """
    resolved = [at for at, it in enumerate(compared) if it.verdict in _RESOLVED]
    runs = [list(run) for _, run in groupby(resolved, key=lambda at: compared[at].verdict)]
    ranges = tuple(
        CheaperRange(
            one if compared[run[0]].verdict is Verdict.FASTER else other,
            compared[run[0]].size_bytes,
            compared[run[-1]].size_bytes,
        )
        for run in runs
    )
    equal = tuple(_equal_bytes(compared[before[-1] : after[0] + 1]) for before, after in pairwise(runs))
    return Crossing(one, other, ranges, equal)


def _bulk_arms(evaluation: Evaluation) -> list[BulkArm]:
    return [arm for arm in evaluation.arms.values() if isinstance(arm, BulkArm)]


def _point(evaluation: Evaluation, arm: BulkArm) -> CrossoverPoint:
    probe = evaluation.probes[arm.name]
    if probe.refused:
        return CrossoverPoint(arm.way, arm.size_bytes, refused=probe.refused)
    cost = evaluation.cost(arm, THROUGHPUT)
    return CrossoverPoint(arm.way, arm.size_bytes, cost, system_calls=probe.system_calls)


def _compare(evaluation: Evaluation, one: BulkArm, other: BulkArm, margin: float) -> SizeComparison:
    first, second = (evaluation.net_ns(arm.name, THROUGHPUT) for arm in (one, other))
    assert first is not None, one.name  # noqa: S101 - the caller looked
    assert second is not None, other.name  # noqa: S101
    ratio = center(log_ratios(first[0], second[0]))
    largest = max(middle(costs) for costs, _ in (first, second))
    # Where both are bounds, what differs may be their loops.
    verdict = judge(ratio, float(np.log1p(margin))) if largest >= LEAST_NET_NS else Verdict.UNRESOLVED
    return SizeComparison(one.size_bytes, ratio, verdict)


def _equal_bytes(compared: Sequence[SizeComparison]) -> Estimate:
    """Return the size at which two curves cross, by linear interpolation on logarithmic axes.

    The interval reaches from where the bounds of the log-ratios first allow a crossing to where they last do.

    Args:
        compared: From the last size with one verdict to the first with the other.
    """
    sizes = np.log2([it.size_bytes for it in compared])
    sign = 1 if compared[0].verdict is Verdict.FASTER else -1
    lines = np.array([(it.log_ratio.low, it.log_ratio.value, it.log_ratio.high) for it in compared]).T
    low, value, high = lines if sign > 0 else -lines[::-1]
    first, last = _zeros(sizes, high)[0], _zeros(sizes, low)[-1]
    return Estimate(*(float(2**at) for at in (_zeros(sizes, value)[0], first, last)))


def _zeros(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> list[float]:
    """Return the values of x at which the broken line through (x, y) rises through 0."""
    rising = [k for k in range(len(x) - 1) if y[k] < 0 <= y[k + 1]]
    return [float(x[k] - y[k] * (x[k + 1] - x[k]) / (y[k + 1] - y[k])) for k in rising]
