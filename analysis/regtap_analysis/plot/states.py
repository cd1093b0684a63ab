"""Draws a field with named values on its lane: a box for each state, with the state's name if it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap_analysis.plot.caption import printable
from regtap_analysis.plot.lane import draw_nothing
from regtap_analysis.plot.sheet import DATA, rectangle
from regtap_analysis.signals.states import states_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.registers.model import Field
    from regtap.trace.gaps import Gap
    from regtap_analysis.plot.lane import Lane
    from regtap_analysis.plot.sheet import Frame, Sheet
    from regtap_analysis.plot.text import Measure
    from regtap_analysis.signals.states import State

# Light ones of Okabe and Ito's palette: a name stays legible on each.
_COLOURS = ("#9AD6C3", "#BFD7EA", "#F3D9A4", "#E7B8D2", "#C9E3F5", "#F0C6A8", "#EDE58F", "#D5D5D5")
_MIXED, _EDGE = "#F4F4F4", "#00785A"
_NAME_PT = 7.8
_LOW, _HIGH = 0.1, 0.9  # of the lane's height
_MOST_NAMES = 400
_SPACE_PX = 6


def draw_states(
    sheet: Sheet, lane: Lane, frame: Frame, place: tuple[int, Sequence[Gap]], measure: Measure
) -> None:
    """Draw the states of a lane.

    Args:
        sheet: The picture.
        lane: A field's lane.
        frame: Its frame.
        place: The time at the left edge, and the gaps of the trace.
        measure: Measures the names.
    """
    first_ns, gaps = place
    field = lane.signal.field
    assert field is not None  # noqa: S101 - only fields have states
    states = states_of(lane.data, gaps)
    if not states:
        draw_nothing(sheet, frame)
        return
    numbers = sorted({it.number for it in states if it.number is not None})
    order = {number: k for k, number in enumerate(numbers)}
    boxes = [_box(state, frame, first_ns) for state in states]
    colours = [_MIXED if it.number is None else _COLOURS[order[it.number] % len(_COLOURS)] for it in states]
    sheet.areas(boxes, clip=frame.box, facecolors=colours, edgecolors=_EDGE, linewidths=0.6)
    middle = frame.box.top + frame.box.height / 2
    for state in _named(states, field, frame.box.width / frame.span_ns, measure):
        centre = frame.x((state.start_ns - first_ns + state.stop_ns - first_ns) / 2)
        sheet.text((centre, middle), _label(state, field), DATA, ha="center", size=_NAME_PT)


def _box(state: State, frame: Frame, first_ns: int) -> list[tuple[float, float]]:
    """Return the corners of a state's box; a box is at least a pixel wide."""
    left, right = frame.x(state.start_ns - first_ns), frame.x(state.stop_ns - first_ns)
    top = frame.y(_HIGH)
    return rectangle(left, top, max(right - left, 1.0), frame.y(_LOW) - top)


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
