"""The share of trials in which each rule called the arms different, with exact binomial intervals, and the bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap_bench.characteristics.plan import CONDITIONS, EFFECTS, SAME
from regtap_bench.characteristics.rules import REGTAP, RULES
from regtap_bench.figures.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regtap_bench.characteristics.judging import Judgement

COLUMNS = (SAME, *EFFECTS)
_LEVEL = 0.95
_MOST_FALSE, _LEAST_SEEN = 0.01, 0.95  # the bars; arbitrary
_SMALL = "+0.5 %"  # the effect that has a bar


@dataclass(frozen=True, slots=True)
class Cell:
    """The share of one kind of trials in which a rule called the arms different.

    Attributes:
        condition: Condition of the machine.
        rule: Its name.
        effect: The injected slowdown.
        trials: The number of trials.
        called: Those called different: in either direction where the arms are equal, else slower.
        wrong_way: Those called faster although slowed down.
        low: Lower bound of the share that was called, at 95 % confidence (Clopper and Pearson).
        high: The same.
    """

    condition: str
    rule: str
    effect: str
    trials: int
    called: int
    wrong_way: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Trials called different, as a share of all."""
        return self.called / self.trials

    def __str__(self) -> str:
        return f"{100 * self.share:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]"


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: the limit for one figure, and the outcome.

    Attributes:
        text: The figure, in words.
        share: The measured share.
        limit: The limit of the bar.
        met: Whether it was reached.
    """

    text: str
    share: float
    limit: float
    met: bool


def cells_of(judgement: Judgement) -> list[Cell]:
    """Return a cell for each condition, rule and effect of which there are trials."""
    found = (
        _cell(judgement, condition, rule, effect.name)
        for condition in CONDITIONS
        for rule in RULES
        for effect in COLUMNS
    )
    return [cell for cell in found if cell is not None]


def bars_of(cells: Iterable[Cell]) -> list[Bar]:
    """Return the bars for regtap's own rule, with their outcomes."""
    bars = []
    for cell in cells:
        where = f"{cell.condition}: {cell.effect}"
        if cell.rule == REGTAP and cell.effect == SAME.name:
            bars.append(Bar(f"{where} called different", cell.share, _MOST_FALSE, cell.share <= _MOST_FALSE))
        elif cell.rule == REGTAP and cell.effect == _SMALL:
            bars.append(Bar(f"{where} seen", cell.share, _LEAST_SEEN, cell.share >= _LEAST_SEEN))
    return bars


def _cell(judgement: Judgement, condition: str, rule: str, effect: str) -> Cell | None:
    from scipy.stats import binomtest

    said = judgement.verdicts(condition, effect, rule)
    if not said:
        return None
    is_same = effect == SAME.name
    called = said[Verdict.SLOWER] + (said[Verdict.FASTER] if is_same else 0)
    interval = binomtest(called, said.total()).proportion_ci(_LEVEL, method="exact")
    wrong_way = 0 if is_same else said[Verdict.FASTER]
    low, high = float(interval.low), float(interval.high)
    return Cell(condition, rule, effect, said.total(), called, wrong_way, low, high)
