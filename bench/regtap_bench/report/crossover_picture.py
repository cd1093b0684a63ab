"""The picture of the costs of reading many bytes at once: a curve for each way, and the crossings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from regtap.units.format import format_size
from regtap_bench.arms.bulk_arms import BULK_SIZES
from regtap_bench.report import figures_text as say
from regtap_bench.report.crossover_text import crossover_lines
from regtap_bench.report.svg import (
    FAINT_INK,
    GRID,
    LEGEND_LINE_IN,
    PAPER,
    SIZE_IN,
    STYLE,
    Picture,
    curve_style,
    to_svg,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regtap_bench.figures.estimate import Estimate
    from regtap_bench.figures.result import Cost, Result

    # Sizes and what they cost, increasing.
    Curve = list[tuple[int, Cost]]

_MARKERS = "osD"
_MARK = 4.5
_LABEL_HEIGHTS = (1.0, 1.06)  # so that neighbours do not overlap
_CAPTION = (
    "The cost of reading a whole block, on logarithmic axes; bands are intervals at 95 %, hollow marks upper bounds "
    "(below 10 ns the loop cannot be told from the read). Single loads go word by word into a buffer, as a driver's "
    "loop would; memcpy and pread choose their own widths, which is why no device is read by them here."
)


def crossover_picture(result: Result) -> Picture | None:
    """Return the picture, or None if nothing was measured."""
    curves: dict[str, Curve] = {}
    for point in result.crossover:
        if point.cost is not None:
            curves.setdefault(point.way, []).append((point.size_bytes, point.cost))
    if not curves:
        return None
    words = [*(_words(way, curve) for way, curve in curves.items()), *crossover_lines(result)]
    with mpl.rc_context(STYLE):
        svg = to_svg(_figure(curves, result), "crossover")
    return Picture("What reading many bytes at once costs", svg, f"{'; '.join(words)}.", _CAPTION)


def _figure(curves: Mapping[str, Curve], result: Result) -> Figure:
    width, height = SIZE_IN
    figure = Figure(figsize=(width, height + LEGEND_LINE_IN), layout="constrained")
    axes = figure.add_subplot()
    for at, (way, curve) in enumerate(curves.items()):
        _draw_curve(axes, at, way, curve)
    equals = [equal for crossing in result.crossings for equal in crossing.equal_bytes]
    for at, equal in enumerate(sorted(equals, key=lambda it: it.value)):
        _draw_crossing(axes, equal, _LABEL_HEIGHTS[at % len(_LABEL_HEIGHTS)])
    axes.set(xscale="log", yscale="log", xlabel="bytes at once", ylabel="ns for all of them")
    axes.xaxis.set_major_locator(FixedLocator([size for size in BULK_SIZES if size.bit_length() % 3 == 0]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: format_size(round(size))))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(visible=True, color=GRID, linewidth=0.6)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _draw_curve(axes: Any, at: int, way: str, curve: Curve) -> None:
    style, marker = curve_style(at), {"marker": _MARKERS[at % len(_MARKERS)], "markersize": _MARK}
    sizes = [size for size, _ in curve]
    axes.plot(sizes, [_shown(cost) for _, cost in curve], label=way, **marker, **style)
    bounds = [(size, _shown(cost)) for size, cost in curve if cost.is_bound]
    hollow = {"color": style["color"], "markerfacecolor": PAPER, "linestyle": "none"}
    axes.plot([size for size, _ in bounds], [ns for _, ns in bounds], **marker, **hollow)
    low, high = [cost.ns.low for _, cost in curve], [cost.ns.high for _, cost in curve]
    axes.fill_between(sizes, low, high, color=style["color"], alpha=0.25, linewidth=0)


def _draw_crossing(axes: Any, equal: Estimate, height: float) -> None:
    axes.axvspan(equal.low, equal.high, color=FAINT_INK, alpha=0.25, linewidth=0)
    axes.axvline(equal.value, color=FAINT_INK, linewidth=0.8, linestyle="dotted")
    place = {"xy": (equal.value, height), "xycoords": ("data", "axes fraction")}
    axes.annotate(format_size(round(equal.value)), **place, ha="center", va="bottom", fontsize=9)


def _shown(cost: Cost) -> float:
    return cost.ns.high if cost.is_bound else cost.ns.value


def _words(way: str, curve: Curve) -> str:
    picked = dict([curve[0], curve[len(curve) // 2], curve[-1]])
    costs = [f"{_cost_words(cost)} for {format_size(size)}" for size, cost in picked.items()]
    return f"{way}: {', '.join(costs)}"


def _cost_words(cost: Cost) -> str:
    return f"at most {say.digits_up(cost.ns.high)} ns" if cost.is_bound else f"{say.digits(cost.ns.value)} ns"
