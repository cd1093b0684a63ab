"""Draws a field with named values on its lane: a box for each state, with the state's name if it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.collections import PolyCollection

from regtap_analysis.plot.caption import printable
from regtap_analysis.signals.states import states_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from regtap.registers.model import Field
    from regtap.trace.gaps import Gap
    from regtap_analysis.plot.lane import Lane
    from regtap_analysis.plot.text import Measure
    from regtap_analysis.signals.model import View
    from regtap_analysis.signals.states import State

# Light ones of Okabe and Ito's palette: a name stays legible on each.
_COLOURS = ("#9AD6C3", "#BFD7EA", "#F3D9A4", "#E7B8D2", "#C9E3F5", "#F0C6A8", "#EDE58F", "#D5D5D5")
_MIXED, _EDGE, _INK = "#F4F4F4", "#00785A", "#1A1A1A"
_NAME_PT = 7.8
_LOW, _HIGH = 0.1, 0.9  # of the lane's height
_MOST_NAMES = 400
_SPACE_PX = 6


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
