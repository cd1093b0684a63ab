"""From timed blocks to costs, ratios and verdicts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from regtap_bench.arms.base import EMPTY, PYTHON_EMPTY, THROUGHPUT, TWIN
from regtap_bench.figures.estimate import ratio_of
from regtap_bench.figures.resampling import center, differences, log_ratios, middle
from regtap_bench.figures.result import PERCENTS, STRETCHES, Cost, Row
from regtap_bench.figures.verdict import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    from regtap_bench.arms.base import AccessArm
    from regtap_bench.figures.estimate import Estimate
    from regtap_bench.measuring.blocks import Blocks, Rounds
    from regtap_bench.measuring.probe import Probe

# Below this cost the loop cannot be told from the access. Arbitrary: some 30 cycles at 3 GHz, in which a processor
# runs instructions of both at once.
LEAST_NET_NS = 10.0


@dataclass(frozen=True)
class Evaluation:
    """The figures of one run.

    Attributes:
        blocks: The timed blocks.
        arms: Descriptions of the arms, by name.
        probes: The facts about each arm, by name.
        baseline: The one that the others are compared with.
    """

    blocks: Blocks
    arms: Mapping[str, AccessArm]
    probes: Mapping[str, Probe]
    baseline: str
    _net: dict[tuple[str, str], tuple[Rounds, float] | None] = field(default_factory=dict)

    def rows(self, margin: float) -> tuple[Row, ...]:
        """Return a row for each arm.

        Args:
            margin: The share that a difference must exceed.
        """
        return tuple(self.row(arm, margin) for arm in self.arms.values())

    def net_ns(self, arm: str, measure: str) -> tuple[Rounds, float] | None:
        """Return (an arm's cost by each block, the cost of the loop that was subtracted); None: it was not measured."""
        if (arm, measure) not in self._net:
            self._net[arm, measure] = self._compute_net_ns(arm, measure)
        return self._net[arm, measure]

    def _compute_net_ns(self, arm: str, measure: str) -> tuple[Rounds, float] | None:
        series = self.blocks.index(arm, measure)
        if series is None:
            return None
        costs = self.blocks.costs_ns(series)
        loop = self._loop_of(arm, measure)
        if loop is None:
            return costs, 0.0
        net = differences(costs, loop)
        return (net, middle(loop)) if middle(net) >= LEAST_NET_NS else (costs, 0.0)

    def _is_bound(self, arm: str, measure: str) -> bool:
        """Return whether loop and access cannot be told apart: they may overlap, so their sum is an upper bound."""
        found = self.net_ns(arm, measure)
        if found is None:
            return True
        rounds, loop_ns = found
        return middle(rounds) < LEAST_NET_NS or (loop_ns == 0.0 and self._loop_of(arm, measure) is not None)

    def log_ratio(self, arm: str, measure: str) -> Estimate | None:
        """Return the logarithm of an arm's cost divided by the baseline's, or None if either was not measured."""
        found, base = self.net_ns(arm, measure), self.net_ns(self.baseline, measure)
        return None if found is None or base is None else center(log_ratios(found[0], base[0]))

    @cached_property
    def twins(self) -> dict[str, Estimate]:
        """The A/A twin's log-ratio, by measure."""
        ratios = {measure: self.log_ratio(TWIN, measure) for measure in self.arms[TWIN].measures}
        return {measure: ratio for measure, ratio in ratios.items() if ratio is not None}

    @cached_property
    def _baseline_is_bound(self) -> bool:
        """Whether the cost of the baseline is only a bound: nothing can be divided by it then."""
        return self._is_bound(self.baseline, THROUGHPUT)

    def _loop_of(self, arm: str, measure: str) -> Rounds | None:
        """Return the cost of the loop around an arm; None for a control, whose cost includes the loop."""
        kind, is_twin = self.arms[arm].kind, arm == TWIN
        if kind == "control" and not is_twin:
            return None
        series = self.blocks.index(PYTHON_EMPTY if kind == "python" else EMPTY, measure)
        return None if series is None else self.blocks.costs_ns(series)

    def row(self, arm: AccessArm, margin: float) -> Row:
        """Return an arm's row; see rows()."""
        probe = self.probes[arm.name]
        if probe.refused:
            return Row(arm.name, arm.description, arm.kind, refused=probe.refused)
        costs = {measure: self.cost(arm, measure) for measure in arm.measures}
        row = Row(
            arm.name,
            arm.description,
            arm.kind,
            costs=costs,
            system_calls=probe.system_calls,
            uncounted=probe.uncounted,
        )
        compared = (arm.kind != "control" and arm.name != self.baseline) or arm.name == TWIN
        ratio = self.log_ratio(arm.name, THROUGHPUT) if compared else None
        if ratio is None:
            return row
        if self._baseline_is_bound and arm.name != TWIN:
            verdict = Verdict.UNRESOLVED if costs[THROUGHPUT].is_bound else Verdict.SLOWER
            return replace(row, difference_ns=self._difference(arm.name), verdict=verdict.value)
        return replace(
            row,
            ratio=ratio.mapped(ratio_of),
            ratio_is_bound=costs[THROUGHPUT].is_bound,
            difference_ns=self._difference(arm.name),
            verdict=judge(ratio, float(np.log1p(margin))).value,
        )

    def _difference(self, arm: str) -> Estimate | None:
        found, base = self.net_ns(arm, THROUGHPUT), self.net_ns(self.baseline, THROUGHPUT)
        return None if found is None or base is None else center(differences(found[0], base[0]))

    def cost(self, arm: AccessArm, measure: str) -> Cost:
        """Return the cost of an arm in one of its measures."""
        found = self.net_ns(arm.name, measure)
        series = self.blocks.index(arm.name, measure)
        assert found is not None, arm.name  # noqa: S101 - it was not refused, hence measured
        assert series is not None, arm.name  # noqa: S101
        net, loop_ns = found
        ns = center(net)
        disturbed = np.concatenate(self.blocks.disturbed(series))
        quiet = np.concatenate(self.blocks.costs_ns(series))[~disturbed]
        known = [it for it in self.blocks.intercepts_ns(series) if it is not None]
        intercept = float(np.median(known)) if known else None
        shortest = float(np.median(np.concatenate(self.blocks.times_ns(series))[:, 0]))
        is_access = arm.kind != "control" or arm.name == TWIN
        return Cost(
            ns=ns,
            is_bound=is_access and self._is_bound(arm.name, measure),
            loop_ns=loop_ns,
            intercept_ns=intercept,
            overhead_share=None if intercept is None else intercept / shortest,
            bend=self.blocks.bend(series),
            counts=self.blocks.series[series].counts,
            rounds=len(disturbed),
            disturbed_share=float(disturbed.mean()),
            quantiles_ns=_rounded(np.percentile(np.concatenate(self.blocks.costs_ns(series)), PERCENTS)),
            stretches_ns=tuple(_stretches(process) for process in net),
            disturbances={
                cause: float(np.concatenate(tags).mean())
                for cause, tags in self.blocks.disturbances(series).items()
            },
            undisturbed_ns=float(np.median(quiet)) if len(quiet) else None,
        )


def _stretches(rounds: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """Return the median of each stretch of a process's rounds."""
    parts = np.array_split(rounds, min(STRETCHES, len(rounds)))
    return _rounded([np.median(part) for part in parts])


def _rounded(values: Iterable[float]) -> tuple[float, ...]:
    """Return six digits of each, a thousand times finer than any of them is known."""
    return tuple(float(f"{value:.6g}") for value in values)
