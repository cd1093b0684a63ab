"""The rules of regtap and of other tools, as verdicts on one trial."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from regtap_bench.arms.base import THROUGHPUT, TWIN
from regtap_bench.arms.catalogue import twin_of
from regtap_bench.arms.native_arms import native_arm
from regtap_bench.figures.evaluate import Evaluation
from regtap_bench.figures.verdict import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from regtap_bench.figures.estimate import Estimate
    from regtap_bench.measuring.blocks import Blocks

_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class TrialCase:
    """The data of one trial, for the rules.

    Attributes:
        blocks: Blocks of an arm and its twin.
        arm: The arm's name.
        margin: What regtap wants a difference to exceed, as a share.
    """

    blocks: Blocks
    arm: str
    margin: float

    @cached_property
    def log_ratio(self) -> Estimate:
        """The logarithm of the twin's cost divided by the arm's, computed as in a run of the benchmark."""
        found = evaluation_of(self.blocks, self.arm).log_ratio(TWIN, THROUGHPUT)
        assert found is not None  # noqa: S101 - both were measured
        return found

    @cached_property
    def arm_ns(self) -> npt.NDArray[np.float64]:
        """The arm's blocks in ns an access: the values for other tools."""
        return self._values_ns(self.arm)

    @cached_property
    def twin_ns(self) -> npt.NDArray[np.float64]:
        """The twin's blocks, ns an access."""
        return self._values_ns(TWIN)

    def _values_ns(self, arm: str) -> npt.NDArray[np.float64]:
        series = self.blocks.index(arm, THROUGHPUT)
        assert series is not None, arm  # noqa: S101
        counts = np.array(self.blocks.series[series].counts, dtype=np.float64)
        return np.concatenate([(times / counts).ravel() for times in self.blocks.times_ns(series)])


def evaluation_of(blocks: Blocks, arm: str) -> Evaluation:
    """Return the figures of a trial."""
    return Evaluation(blocks, {arm: native_arm(arm), TWIN: twin_of(arm)}, {}, arm)


def _regtap(case: TrialCase) -> Verdict:
    return judge(case.log_ratio, float(np.log1p(case.margin)))


def _interval(case: TrialCase) -> Verdict:
    return judge(case.log_ratio, 0.0)


def _gate(option: str) -> Callable[[TrialCase], Verdict]:
    """Return pytest-benchmark's --benchmark-compare-fail, which asks only whether the newer is slower."""

    def rule(case: TrialCase) -> Verdict:
        from pytest_benchmark import utils

        parse: Any = utils.parse_compare_fail  # untyped
        arm, twin = (
            {"median": float(np.median(values)), "mean": float(np.mean(values))}
            for values in (case.arm_ns, case.twin_ns)
        )
        return Verdict.SLOWER if parse(option).fails(twin, arm) else Verdict.UNRESOLVED

    return rule


def _pyperf(case: TrialCase) -> Verdict:
    """Return the verdict of `pyperf compare_to`: a two-tailed Student's t-test at 95 %."""
    from pyperf._utils import is_significant  # its command has no other door

    significant, score = is_significant(case.twin_ns.tolist(), case.arm_ns.tolist())
    return _direction(is_different=significant, is_slower=score > 0)


def _mann_whitney(case: TrialCase) -> Verdict:
    from scipy.stats import mannwhitneyu

    found = mannwhitneyu(case.twin_ns, case.arm_ns)
    half = len(case.twin_ns) * len(case.arm_ns) / 2
    return _direction(is_different=found.pvalue < _SIGNIFICANT, is_slower=found.statistic > half)


def _direction(*, is_different: bool, is_slower: bool) -> Verdict:
    if not is_different:
        return Verdict.UNRESOLVED
    return Verdict.SLOWER if is_slower else Verdict.FASTER


REGTAP = "regtap bench"
# pytest-benchmark takes whole percents: 1 % is its finest gate.
RULES: Mapping[str, Callable[[TrialCase], Verdict]] = {
    REGTAP: _regtap,
    "its interval alone, no margin": _interval,
    **{f"pytest-benchmark {gate}": _gate(gate) for gate in ("median:5%", "mean:5%", "median:1%", "mean:1%")},
    "pyperf compare_to (t-test)": _pyperf,
    "Mann-Whitney, p < 0.05": _mann_whitney,
}
