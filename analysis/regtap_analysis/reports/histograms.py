"""Histograms of times and of values, for the page."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING

import numpy as np

from regtap.units.format import count_of, format_duration_ns
from regtap_analysis.plot.ticks import value_axis
from regtap_bench.page.charts import Bar, Histogram
from regtap_bench.page.scales import Tick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from regtap_analysis.statistics.distribution import Distribution
    from regtap_analysis.statistics.figures import SignalFigures

    Floats = npt.NDArray[np.float64]

_RANGES = 60
_LINEAR_UP_TO = 4  # largest to smallest; beyond, the axis is logarithmic
_LEAST_PERCENT = 1.5  # of the height: a single occurrence shows
_MOST_TICKS = 6
_LEAST_TIMES = 10  # fewer are in the table


def duration_histogram(title: str, times: Distribution, axis: str) -> Histogram | None:
    """Return how often times between two moments occurred; None where there are few, or all are equal.

    Args:
        title: The title of the chart.
        times: In ns.
        axis: The quantity of the axis.
    """
    if times.least is None or times.most is None or times.least == times.most or times.count < _LEAST_TIMES:
        return None
    least, most = max(times.least, 1), max(times.most, 2)
    is_linear = most <= _LINEAR_UP_TO * least
    place = _linear(least, most) if is_linear else _logarithmic(least, most)
    edges = (
        np.linspace(least, most + 1, _RANGES + 1) if is_linear else np.geomspace(least, most + 1, _RANGES + 1)
    )
    whole = np.unique(np.ceil(edges).astype(np.uint64))  # times are whole ns: no range without one
    numbers, counts = times.items()
    at = np.clip(np.searchsorted(whole, numbers, side="right") - 1, 0, len(whole) - 2)
    rows = np.bincount(at, counts, len(whole) - 1).astype(np.float64)
    half, ends = times.percentile(500), (times.least, times.most)
    words = (
        f"{title}: from {format_duration_ns(ends[0])} to {format_duration_ns(ends[1])}, half of them up to \
{format_duration_ns(half or 0)}"
    )
    return Histogram(
        title,
        tuple(_bars(place(whole.astype(np.float64)), rows)),
        tuple(_time_ticks(least, most, place)),
        f"{axis}{'' if is_linear else ', logarithmic'}",
        f"tallest: {int(rows.max()):,}",
        words,
    )


def value_histogram(figures: SignalFigures, name: str) -> Histogram | None:
    """Return how many rows hold each value; of a trace that stores changes only, for how long each was held.

    None where that says nothing: a counter, states, fields side by side.

    Args:
        figures: Of the signal.
        name: The signal's name in the title.
    """
    has_fields = figures.signal.field is None and bool(figures.signal.register.fields)
    if figures.states is not None or figures.is_counter or has_fields:
        return None
    found = figures.histogram
    filled = np.flatnonzero(found.weights)
    if not len(filled):
        return None
    title = f"{name}, {'time' if found.is_time else 'rows'} by value"
    rows = found.weights[filled[0] : filled[-1] + 1]
    tallest = int(rows.max())
    first = found.low + int(filled[0]) * found.width
    span = len(rows) * found.width
    places = np.linspace(0, 100, len(rows) + 1)
    axis = value_axis(figures.least, figures.most, bits=figures.signal.bits, most=_MOST_TICKS)
    ticks = [
        Tick(100 * (value - first + 0.5) / span, label)
        for value, label in axis.ticks
        if first <= value < first + span
    ]
    largest = first + int(rows.argmax()) * found.width
    return Histogram(
        title,
        tuple(_bars(places, rows.astype(np.float64), is_linear=True)),
        tuple(ticks),
        "value"
        if found.width == 1
        else f"value, in ranges of {found.width:,}"
        if found.width < 10**6
        else "value, in ranges",
        f"tallest: {format_duration_ns(tallest) if found.is_time else count_of(tallest, 'row')}",
        f"{title}: from {figures.least:,} to {figures.most:,}, most often about {largest:,}",
    )


def _bars(places: Floats, rows: Floats, *, is_linear: bool = False) -> Iterator[Bar]:
    """Yield the bars that are not empty; places are the edges of all of them, in per cent."""
    most = float(rows.max())
    for number in np.flatnonzero(rows).tolist():
        share = rows[number] / most if is_linear else log10(1 + rows[number]) / log10(1 + most)
        left, right = float(places[number]), float(places[number + 1])
        yield Bar(left, max(right - left - 0.15, 0.3), max(100 * float(share), _LEAST_PERCENT))


def _linear(least: int, most: int) -> Callable[[Floats], Floats]:
    return lambda times: np.clip(100 * (times - least) / (most + 1 - least), 0, 100)


def _logarithmic(least: int, most: int) -> Callable[[Floats], Floats]:
    low, span = log10(least), log10(most + 1) - log10(least)
    return lambda times: np.clip(100 * (np.log10(np.maximum(times, least)) - low) / span, 0, 100)


def _time_ticks(least: int, most: int, place: Callable[[Floats], Floats]) -> Iterator[Tick]:
    for time in _round_times(least, most):
        yield Tick(float(place(np.array([float(time)]))[0]), format_duration_ns(time))


def _round_times(least: int, most: int) -> Sequence[int]:
    """Return a few round times in between."""
    if most <= _LINEAR_UP_TO * least:
        step = next(step for step in _steps(1) if (most - least) // step < _MOST_TICKS)
        return range(-(-least // step) * step, most + 1, step)
    for digits in ((1, 2, 5), (1,)):
        found = [digit * 10**power for power in range(len(str(most)) + 1) for digit in digits]
        inside = [time for time in found if least <= time <= most]
        if len(inside) <= _MOST_TICKS:
            return inside
    return inside[:: -(-len(inside) // _MOST_TICKS)]


def _steps(first: int) -> Iterator[int]:
    while True:
        yield from (first, 2 * first, 5 * first)
        first *= 10
