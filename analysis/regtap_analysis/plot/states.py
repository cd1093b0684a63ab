"""Draws a field with named values on its lane: a box for each state, with the state's name if it fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.collections import PolyCollection

from regtap_analysis.plot.caption import printable
from regtap_analysis.plot.lane import Breaks
from regtap_analysis.signals.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from regtap.registers.model import Field
    from regtap.trace.gaps import Gap
    from regtap_analysis.plot.lane import Lane
    from regtap_analysis.plot.text import Measure
    from regtap_analysis.signals.model import Samples, View

# Light ones of Okabe and Ito's palette: a name stays legible on each.
_COLOURS = ("#9AD6C3", "#BFD7EA", "#F3D9A4", "#E7B8D2", "#C9E3F5", "#F0C6A8", "#EDE58F", "#D5D5D5")
_MIXED, _EDGE, _INK = "#F4F4F4", "#00785A", "#1A1A1A"
_NAME_PT = 7.8
_LOW, _HIGH = 0.1, 0.9  # of the lane's height
_MOST_NAMES = 400
_SPACE_PX = 6


@dataclass(frozen=True, slots=True)
class State:
    """A stretch of time with one value of a field.

    Attributes:
        start_ns: Its begin.
        stop_ns: Its end.
        number: What the field held; None: several numbers, in less time than the picture can show.
    """

    start_ns: int
    stop_ns: int
    number: int | None


def states_of(data: Samples | Envelope, gaps: Sequence[Gap]) -> list[State]:
    """Return the states of a lane in the order of time; a gap ends a state.

    Args:
        data: Every sample, or buckets of time.
        gaps: Where nothing is known.
    """
    if isinstance(data, Envelope):
        filled = np.flatnonzero(data.count)
        starts, stops = data.edges_ns[filled], data.edges_ns[filled + 1]
        uniform = data.low[filled] == data.high[filled]
        numbers = [int(low) if same else None for low, same in zip(data.low[filled], uniform, strict=True)]
    else:
        starts = stops = data.times_ns
        numbers = [int(value) for value in data.values]
    if not numbers:
        return []
    broken = Breaks(gaps).between(stops[:-1], starts[1:])
    return _merged(starts.tolist(), stops.tolist(), numbers, broken.tolist())


def _merged(
    starts: list[int], stops: list[int], numbers: list[int | None], broken: list[bool]
) -> list[State]:
    """Join neighbours of one number; a state lasts until the next one begins, unless a gap lies between."""
    found: list[State] = []
    first = 0
    for index in range(1, len(numbers) + 1):
        is_end = index == len(numbers)
        if not is_end and not broken[index - 1] and numbers[index] == numbers[first]:
            continue
        stop_ns = stops[index - 1] if is_end or broken[index - 1] else starts[index]
        found.append(State(starts[first], stop_ns, numbers[first]))
        first = index
    return found


def draw_states(axes: Axes, lane: Lane, view: View, gaps: Sequence[Gap], measure: Measure) -> None:
    """Draw the states of a lane; x is ns after the view's start."""
    field = lane.signal.field
    assert field is not None  # noqa: S101 - only fields have states
    axes.set_ylim(0, 1)
    states = states_of(lane.data, gaps)
    if not states:
        axes.text(0.5, 0.5, "no samples", transform=axes.transAxes, ha="center", va="center", color="#777777")
        return
    order = {
        number: k for k, number in enumerate(sorted({it.number for it in states if it.number is not None}))
    }
    px = axes.bbox.width / view.span_ns
    boxes = [_box(state, view, 1 / px) for state in states]
    colours = [_MIXED if it.number is None else _COLOURS[order[it.number] % len(_COLOURS)] for it in states]
    axes.add_collection(
        PolyCollection(boxes, facecolors=colours, edgecolors=_EDGE, linewidths=0.6), autolim=False
    )
    for state in _named(states, field, px, measure):
        middle = (state.start_ns + state.stop_ns) / 2 - view.first_ns
        text = _label(state, field)
        axes.text(middle, 0.5, text, ha="center", va="center", size=_NAME_PT, color=_INK, parse_math=False)


def _box(state: State, view: View, least: float) -> list[tuple[float, float]]:
    """Return the corners of a state's box; a box is at least a pixel wide."""
    left = state.start_ns - view.first_ns
    right = max(state.stop_ns - view.first_ns, left + least)
    return [(left, _LOW), (left, _HIGH), (right, _HIGH), (right, _LOW)]


def _named(states: Sequence[State], field: Field, px: float, measure: Measure) -> list[State]:
    """Return the states with room for their name in the box; none if there are too many boxes to be read."""
    if len(states) > _MOST_NAMES:
        states = sorted(states, key=lambda it: it.start_ns - it.stop_ns)[:_MOST_NAMES]
    wide = [it for it in states if (it.stop_ns - it.start_ns) * px > _SPACE_PX]
    return [
        it
        for it in wide
        if measure.width(_label(it, field), _NAME_PT) + _SPACE_PX <= (it.stop_ns - it.start_ns) * px
    ]


def _label(state: State, field: Field) -> str:
    if state.number is None:
        return "..."
    return printable(field.name_of(state.number) or f"{state.number:#x}")
