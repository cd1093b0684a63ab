"""The estimates of the injected effects, and the circumstances of the trials."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean, median, stdev
from typing import TYPE_CHECKING

from regtap_bench.characteristics.counting import COLUMNS
from regtap_bench.characteristics.plan import CONDITIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regtap_bench.characteristics.judging import Judgement


@dataclass(frozen=True, slots=True)
class EffectEstimate:
    """The estimate of one injected effect by regtap; all numbers are shares.

    Attributes:
        condition: Condition of the machine.
        effect: Its name.
        injected: The injected slowdown.
        mean: Mean of what was measured.
        sd: Standard deviation of a single trial.
        worst: The farthest that one of them was off.
    """

    condition: str
    effect: str
    injected: float
    mean: float
    sd: float
    worst: float


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The circumstances of the trials of one condition, as medians.

    Attributes:
        condition: Condition of the machine.
        trials: The number of trials.
        rounds: Number of rounds of a trial, all processes together.
        seconds: Duration of measuring.
        wall_s: With the start of the processes.
        others_percent: CPU time that others took, of all there was.
        steal_percent: CPU time that the hypervisor took.
    """

    condition: str
    trials: int
    rounds: float
    seconds: float
    wall_s: float
    others_percent: float
    steal_percent: float


def effect_estimates(judgement: Judgement) -> Iterator[EffectEstimate]:
    """Yield the estimate of each effect with at least two trials."""
    for condition in CONDITIONS:
        for effect in COLUMNS:
            trials = [it for it in judgement.trials if (it.condition, it.effect) == (condition, effect.name)]
            shares = [it.ratio - 1 for it in trials]
            if len(shares) > 1:
                worst = max(abs(share - effect.share) for share in shares)
                yield EffectEstimate(condition, effect.name, effect.share, mean(shares), stdev(shares), worst)


def circumstances_of(judgement: Judgement) -> Iterator[Circumstances]:
    """Yield the circumstances of the trials of each condition."""
    for condition in CONDITIONS:
        facts = [it.facts for it in judgement.trials if it.condition == condition]
        if facts:
            yield Circumstances(
                condition,
                len(facts),
                *(median(it[name] for it in facts) for name in ("rounds", "seconds", "wall_s")),
                *(median(it["load"][name] for it in facts) for name in ("others_percent", "steal_percent")),
            )
