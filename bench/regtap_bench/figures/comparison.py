"""The comparison of two runs: arms with a change of cost beyond the scatter of identical code.

An arm's cost in a run is the median over its processes, as everywhere. The interval of the ratio comes from a
bootstrap over the processes of both runs, then over stretches of rounds in each. That alone would promise too much:
a loop settles in one of several states (of branch predictors, of where its memory lies), 1 to 5 % apart, that hold
for a process, or for all those of some minutes. So a difference has also to exceed the arm's margin, the largest of:

- the margins of the two runs;
- how far the empty loop and the timer, which no change of a target can touch, moved between the runs;
- how far fresh processes of one run lie from its centre, for this arm, and for half of all arms.

An arm is equivalent only inside the margin that all arms share, that is without its own processes' scatter: what
scatters by a quarter is never called the same.

The verdict is on the cost itself. Beside the run's own baseline the machine's speed of the day cancels, and the ratio
of that is given too; but a dearer baseline would then make every other arm look cheaper, and never show itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from regtap.errors import InputError
from regtap_bench.arms.base import EMPTY, PYTHON_EMPTY, THROUGHPUT, TIMER
from regtap_bench.figures.estimate import Estimate, ratio_of
from regtap_bench.figures.resampling import centers, change, differences, logarithms
from regtap_bench.figures.verdict import Verdict, judge

if TYPE_CHECKING:
    import numpy.typing as npt

    from regtap_bench.figures.result import Cost, Result, Row

_CONTROLS = (EMPTY, TIMER)


@dataclass(frozen=True, slots=True)
class Change:
    """One arm in one measure, in both runs.

    Attributes:
        arm: Its name.
        measure: `throughput` or `latency`.
        before: Its cost in the first run.
        after: Its cost in the second.
        ratio: The second cost over the first; None where one of them is a bound.
        beside_baseline: The same after each was divided by its own run's baseline, stretch by stretch; None for the
            baseline, for arms with rounds of their own, and where that is not to be had.
        limit: Where one of the two costs is a bound: the ratio is at least (slower) or at most (faster) this.
        margin: The share that a difference must exceed.
        verdict: On `ratio`, or on what the bounds leave open.
    """

    arm: str
    measure: str
    before: Cost
    after: Cost
    ratio: Estimate | None = None
    beside_baseline: Estimate | None = None
    limit: float | None = None
    margin: float = 0.0
    verdict: Verdict = Verdict.UNRESOLVED


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs.

    Attributes:
        before: The first.
        after: The second.
        changes: Every arm that both have measured, in the order of the first.
        only_before: Arms that only the first has measured.
        only_after: Arms that only the second has measured.
    """

    before: Result
    after: Result
    changes: tuple[Change, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]

    @property
    def regressed(self) -> bool:
        """Whether an arm became slower."""
        return any(it.verdict == Verdict.SLOWER for it in self.changes)


def compare(before: Result, after: Result) -> Comparison:
    """Compare two runs; whether they are alike is for unlike() to say.

    Raises:
        InputError: A run is INVALID.
    """
    for run, name in ((before, "first"), (after, "second")):
        _check_valid(run, name)
    first, second = _measured(before), _measured(after)
    both = [arm for arm in first if arm in second]
    changes = [
        _ratios(Change(arm, measure, cost, other), before, after)
        for arm in both
        for measure, cost in (first[arm].costs or {}).items()
        if (other := second[arm].cost(measure)) is not None
    ]
    judged = partial(_judged, before=before, after=after, common=_common_margin(before, after, changes))
    return Comparison(
        before,
        after,
        tuple(judged(it) for it in changes),
        tuple(arm for arm in first if arm not in second),
        tuple(arm for arm in second if arm not in first),
    )


def _check_valid(run: Result, name: str) -> None:
    failed = "; ".join(f"{check.name}: {check.text}" for check in run.checks if not check.passed)
    if failed:
        raise InputError(
            f"the {name} run is INVALID, so nothing can be compared with it ({failed}); measure again"
        )


def _measured(run: Result) -> dict[str, Row]:
    return {row.arm: row for row in run.rows if row.kind != "control" and not row.refused}


def _ratios(it: Change, before: Result, after: Result) -> Change:
    if it.before.is_bound or it.after.is_bound:
        return it
    first, second = _log_ns(it.before), _log_ns(it.after)
    ratio = change(first, second).mapped(ratio_of)
    value = it.after.ns.value / it.before.ns.value  # what a reader who divides expects
    ratio = Estimate(value, min(value, ratio.low), max(value, ratio.high))
    bases = [_baseline(run, it) for run in (before, after)]
    if bases[0] is None or bases[1] is None or before.baseline != after.baseline:
        return replace(it, ratio=ratio)
    beside = change(differences(first, bases[0]), differences(second, bases[1]))
    return replace(it, ratio=ratio, beside_baseline=beside.mapped(ratio_of))


def _baseline(run: Result, it: Change) -> list[npt.NDArray[np.float64]] | None:
    """Return the baseline of an arm in its run; None for the baseline itself, and without common rounds."""
    row, own = run.row(run.baseline), run.row(it.arm)
    if row is None or own is None or own.own_rounds or it.arm == run.baseline:
        return None
    cost = row.cost(it.measure)
    return None if cost is None or cost.is_bound else _log_ns(cost)


def _log_ns(cost: Cost) -> list[npt.NDArray[np.float64]]:
    """Return the logarithm of the cost, by process and stretch."""
    return logarithms([np.array(process) for process in cost.stretches_ns])


def _common_margin(before: Result, after: Result, changes: list[Change]) -> float:
    """Return the margin common to all arms, as a logarithm."""
    spreads = [_spread(it) for it in changes if it.ratio is not None]
    moved = [_moved(name, before, after) for name in _CONTROLS]
    margins = [float(np.log1p(run.margin.value)) for run in (before, after)]
    return max(*margins, *moved, float(np.median(spreads)) if spreads else 0.0)


def _moved(control: str, before: Result, after: Result) -> float:
    costs = [row.cost(THROUGHPUT) for run in (before, after) if (row := run.row(control)) is not None]
    values = [cost.ns.value for cost in costs if cost is not None and cost.ns.value > 0]
    return abs(float(np.log(values[1] / values[0]))) if len(values) == 2 else 0.0


def _spread(it: Change) -> float:
    """Return how far the processes of one run lie from its centre, at most, as a logarithm."""
    found = 0.0
    for cost in (it.before, it.after):
        each = centers(_log_ns(cost))
        found = max(found, float(np.abs(each - np.median(each)).max()))
    return found


def _judged(it: Change, before: Result, after: Result, common: float) -> Change:
    if it.ratio is None:
        return _judged_by_bounds(it, before, after, common)
    margin = max(common, _spread(it))
    log = it.ratio.mapped(np.log)
    verdict = judge(log, margin)
    if verdict == Verdict.EQUIVALENT and judge(log, common) != Verdict.EQUIVALENT:
        verdict = Verdict.UNRESOLVED  # its processes are too far apart to say so
    return replace(it, margin=float(np.expm1(margin)), verdict=verdict)


def _judged_by_bounds(it: Change, before: Result, after: Result, margin: float) -> Change:
    """Judge costs of which one is only a bound: only costs without any overlap differ."""
    first, second = (_limits(it, cost, run) for cost, run in ((it.before, before), (it.after, after)))
    it, factor = replace(it, margin=float(np.expm1(margin))), float(np.exp(margin))
    if second[0] > first[1] * factor:
        return replace(it, limit=second[0] / first[1], verdict=Verdict.SLOWER)
    if first[0] > second[1] * factor:
        return replace(it, limit=second[1] / first[0], verdict=Verdict.FASTER)
    return it


def _limits(it: Change, cost: Cost, run: Result) -> tuple[float, float]:
    """Return between which limits the access itself lies, in ns.

    Loop and access overlap at best, and add up at worst: together they cost at least the access, and at most the sum.
    """
    if not cost.is_bound:
        return cost.ns.low, cost.ns.high
    row = run.row(it.arm)
    loop = run.row(PYTHON_EMPTY if row is not None and row.kind == "python" else EMPTY)
    alone = loop.cost(it.measure) if loop is not None else None
    return (cost.ns.low - alone.ns.high if alone is not None else 0.0), cost.ns.high
