"""The charts that show every way at once: what each costs, and how its blocks are spread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.units.format import format_duration_ns
from regtap_bench.arms.base import THROUGHPUT
from regtap_bench.page.charts import Dot, DotChart, DotGroup
from regtap_bench.page.scales import LogScale
from regtap_bench.report import figures_text as say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from regtap_bench.figures.result import Cost, Result, Row

_GROUPS = {
    "native": "Native code",
    "memory": "Plain RAM, for comparison",
    "python": "Python",
    "process": "Whole processes",
}
_LEAST_NS = 1e-3
_PYTHON = "python: "  # the heading says it already


def cost_chart(result: Result) -> DotChart | None:
    """Return what each way costs, with its interval; None if nothing was measured."""
    measured = [_bounds(cost) for cost in _costs(result)]
    if not measured:
        return None
    scale = LogScale(min(low for low, _ in measured), max(high for _, high in measured), _power_of_ten)

    def dot(row: Row, cost: Cost) -> Dot:
        low, high = (scale.percent(value) for value in _bounds(cost))
        at = scale.percent(_shown(cost))
        return Dot(
            _label(row),
            f"{say.cost_text(cost)} ns",
            at,
            0.0 if cost.is_bound else low,
            high,
            None,
            cost.is_bound,
        )

    return DotChart(
        "What each way costs",
        "time of an access, back to back",
        scale.ticks,
        _groups(result, dot),
        "A dot is the cost of one access, the line through it its interval at 95 %, on a logarithmic axis. A hollow "
        "dot is an upper bound: below 10 ns the loop cannot be told from the access.",
    )


def spread_chart(result: Result) -> DotChart | None:
    """Return how the blocks of each way are spread, the loop not subtracted; None if nothing was measured."""
    seen = [value for cost in _costs(result) for value in cost.quantiles_ns[5:96] if value > 0]
    if not seen:
        return None
    scale = LogScale(min(seen), max(seen), _power_of_ten)

    def dot(row: Row, cost: Cost) -> Dot:
        low, inner, middle, outer, high = (cost.quantiles_ns[percent] for percent in (5, 25, 50, 75, 95))
        text = f"{say.digits(middle)} ns, nine of ten {say.digits(low)} to {say.digits(high)}"
        box = (scale.percent(inner), scale.percent(outer))
        return Dot(_label(row), text, scale.percent(middle), scale.percent(low), scale.percent(high), box)

    return DotChart(
        "How the costs are spread",
        "time of an access, of a block",
        scale.ticks,
        _groups(result, dot),
        "Every block of the run, back to back, the loop not subtracted: the dot is the median, half of the blocks lie "
        "in the bar, nine of ten on the line.",
    )


def _groups(result: Result, dot: Callable[[Row, Cost], Dot]) -> tuple[DotGroup, ...]:
    rows = [row for row in result.rows if row.kind in _GROUPS]
    groups = (
        DotGroup(heading, tuple(_dots((row for row in rows if row.kind == kind), dot)))
        for kind, heading in _GROUPS.items()
    )
    return tuple(group for group in groups if group.dots)


def _dots(rows: Iterable[Row], dot: Callable[[Row, Cost], Dot]) -> Iterable[Dot]:
    for row in rows:
        cost = row.cost(THROUGHPUT)
        if cost is not None:
            yield dot(row, cost)
        elif row.refused:
            yield Dot(_label(row), f"not here: {row.refused}")


def _label(row: Row) -> str:
    return row.arm.removeprefix(_PYTHON)


def _costs(result: Result) -> list[Cost]:
    rows = [row for row in result.rows if row.kind in _GROUPS]
    return [cost for row in rows if (cost := row.cost(THROUGHPUT)) is not None]


def _bounds(cost: Cost) -> tuple[float, float]:
    """Return the interval; an end of 0 or below has no place on a logarithmic axis, and stands at what is above it."""
    high = max(cost.ns.high, _LEAST_NS)
    return (cost.ns.low if cost.ns.low > 0 else high), high


def _power_of_ten(power: int) -> str:
    """Return a power of ten of nanoseconds as a time."""
    return format_duration_ns(10**power) if power >= 0 else f"{10.0**power:.{-power}f} ns"


def _shown(cost: Cost) -> float:
    return cost.ns.high if cost.is_bound else cost.ns.value
