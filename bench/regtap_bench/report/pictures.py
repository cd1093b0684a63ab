"""The figures of report.html, as SVG to be put into the page: they scale with it, and open offline."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from regtap_bench.arms.base import THROUGHPUT
from regtap_bench.arms.catalogue import LOAD, PREAD
from regtap_bench.figures.result import PERCENTS
from regtap_bench.report import figures_text as say

if TYPE_CHECKING:
    from regtap_bench.figures.result import Cost, Result

# Okabe and Ito's palette, told apart with every kind of colour vision; the dashes tell the second round apart.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES = ("solid", "dashed", "dotted", "dashdot")
_STYLE: Any = {
    "svg.fonttype": "none",  # words stay words: small, sharp, and to be searched for
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_SIZE_IN = (6.0, 3.6)
_LEGEND_LINE_IN = 0.21
_SHOWN = 98  # quantiles, from 0 to 97 %: the rest is what an interruption took
_SHOWN_PERCENT = 20.0  # above the cost, and half of it below


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure with its words.

    Attributes:
        title: Its heading.
        svg: Markup; contains nothing that was typed by a user.
        alternative: What it shows, for whoever does not see it.
        caption: How to read it.
    """

    title: str
    svg: str
    alternative: str
    caption: str


def pictures(result: Result) -> tuple[Picture, ...]:
    """Return the figures of a run."""
    with mpl.rc_context(_STYLE):
        return _distributions(result), _stability(result)


def _distributions(result: Result) -> Picture:
    measured = _measured(result)
    width, height = _SIZE_IN
    figure = Figure(figsize=(width, height + _LEGEND_LINE_IN * (len(measured) // 2)), layout="constrained")
    axes = figure.add_subplot()
    words = []
    shares = np.array(PERCENTS[:_SHOWN]) / 100
    for at, (arm, cost) in enumerate(measured):
        quantiles = np.array(cost.quantiles_ns[:_SHOWN])
        seen = quantiles > 0  # the axis is a logarithm
        axes.plot(quantiles[seen], shares[seen], label=arm, **_look(at))
        low, middle, high = (say.digits(cost.quantiles_ns[percent]) for percent in (5, 50, 95))
        words.append(f"{arm}: {middle} ns, nine of ten blocks between {low} and {high}")
    axes.set(
        xscale="log", xlabel="ns an access (of a block)", ylabel="share of blocks at or below", ylim=(0, 1)
    )
    axes.xaxis.set_major_formatter(lambda ns, _: f"{ns:,g}")
    axes.grid(visible=True, color="#E0E0E0", linewidth=0.6)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return Picture(
        "How the costs are distributed",
        _svg(figure, "distributions"),
        "; ".join(words) + ".",
        "Every block of the run, back to back, the loop not subtracted. The steeper a line, the steadier the arm; "
        "a step is a second way of behaving. What lies above 97 % is left out.",
    )


def _stability(result: Result) -> Picture:
    figure = Figure(figsize=_SIZE_IN, layout="constrained")
    axes = figure.add_subplot()
    words = []
    arms = [(arm, cost) for arm, cost in _measured(result) if arm in (PREAD, LOAD)]
    for at, (arm, cost) in enumerate(arms):
        stretches = [np.array(process) for process in cost.stretches_ns]
        everything = np.concatenate(stretches)
        middle = float(np.median(everything))
        offset = 0
        for number, process in enumerate(stretches):
            places = offset + np.arange(len(process))
            label = arm if number == 0 else None
            axes.plot(places, 100 * (process / middle - 1), label=label, **_look(at))
            offset += len(process) + 1
        low, high = (100 * (float(np.quantile(everything, part)) / middle - 1) for part in (0.05, 0.95))
        words.append(f"{arm}: nine of ten stretches within {low:+.1f} and {high:+.1f} % of its median")
    axes.axhline(0, color="#808080", linewidth=0.6)
    axes.set(ylabel="% off its own median", xlabel="the processes, one after the other", xticks=[])
    axes.set_ylim(-_SHOWN_PERCENT / 2, _SHOWN_PERCENT)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return Picture(
        "How steady the machine was",
        _svg(figure, "stability"),
        "; ".join(words) + ".",
        "Medians of stretches of rounds; each unbroken line is one process. What moves both arms alike cancels in "
        "their ratio.",
    )


def _measured(result: Result) -> list[tuple[str, Cost]]:
    """Return the costs of the arms that were measured back to back."""
    rows = [row for row in result.rows if row.kind != "control"]
    return [(row.arm, cost) for row in rows if (cost := row.cost(THROUGHPUT)) is not None]


def _look(at: int) -> dict[str, Any]:
    colour, dash = _COLOURS[at % len(_COLOURS)], _DASHES[at // len(_COLOURS) % len(_DASHES)]
    return {"color": colour, "linestyle": dash, "linewidth": 1.6}


def _svg(figure: Figure, name: str) -> str:
    """Return the markup without the header, as wide as its place; names inside are those of this figure only."""
    buffer = io.StringIO()
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata=metadata)
    markup = buffer.getvalue()
    markup = markup[markup.index("<svg") :]
    markup = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", markup, count=1)
    markup = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", markup, count=1)
    markup = re.sub(r"<metadata>.*?</metadata>", "", markup, flags=re.DOTALL)
    names = re.compile(r'(id="|href="#|url\(#)')
    return names.sub(rf"\g<1>{name}-", markup.replace("<svg", '<svg aria-hidden="true"', 1))
