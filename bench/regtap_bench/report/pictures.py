"""The figures of report.html that are drawn: curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from regtap_bench.arms.base import THROUGHPUT
from regtap_bench.arms.catalogue import LOAD, PREAD
from regtap_bench.report.crossover_picture import crossover_picture
from regtap_bench.report.svg import FAINT_INK, SIZE_IN, STYLE, Picture, curve_style, to_svg

if TYPE_CHECKING:
    from regtap_bench.figures.result import Cost, Result

_SHOWN_PERCENT = 20.0  # above the cost, and half of it below


def pictures(result: Result) -> tuple[Picture, ...]:
    """Return the figures of a run."""
    with mpl.rc_context(STYLE):
        made = crossover_picture(result), _stability(result)
    return tuple(picture for picture in made if picture is not None)


def _stability(result: Result) -> Picture:
    figure = Figure(figsize=SIZE_IN, layout="constrained")
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
            axes.plot(places, 100 * (process / middle - 1), label=label, **curve_style(at))
            offset += len(process) + 1
        low, high = (100 * (float(np.quantile(everything, part)) / middle - 1) for part in (0.05, 0.95))
        words.append(f"{arm}: nine of ten stretches within {low:+.1f} and {high:+.1f} % of its median")
    axes.axhline(0, color=FAINT_INK, linewidth=0.6)
    axes.set(ylabel="% off its own median", xlabel="the processes, one after the other", xticks=[])
    axes.set_ylim(-_SHOWN_PERCENT / 2, _SHOWN_PERCENT)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return Picture(
        "How steady the machine was",
        to_svg(figure, "stability"),
        "; ".join(words) + ".",
        "Medians of stretches of rounds; each unbroken line is one process. What moves both arms alike cancels in "
        "their ratio.",
    )


def _measured(result: Result) -> list[tuple[str, Cost]]:
    """Return the costs of the arms measured back to back."""
    rows = [row for row in result.rows if row.kind != "control"]
    return [(row.arm, cost) for row in rows if (cost := row.cost(THROUGHPUT)) is not None]
