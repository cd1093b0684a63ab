"""Draws a field with named values on its lane: a box for each state, with the state's name if it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap_analysis.plot.caption import printable
from regtap_analysis.plot.lane import draw_nothing
from regtap_analysis.plot.layout import KEY_PX
from regtap_analysis.plot.sheet import DATA, rectangle
from regtap_analysis.plot.text import wrap
from regtap_analysis.signals.states import states_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regtap.registers.model import Field
    from regtap.trace.gaps import Gap
    from regtap_analysis.plot.lane import Lane
    from regtap_analysis.plot.layout import Box
    from regtap_analysis.plot.sheet import Frame, Sheet
    from regtap_analysis.plot.text import Measure
    from regtap_analysis.signals.states import State

# Light ones of Okabe and Ito's palette: a name stays legible on each.
_COLOURS = ("#9AD6C3", "#BFD7EA", "#F3D9A4", "#E7B8D2", "#C9E3F5", "#F0C6A8", "#EDE58F", "#D5D5D5")
STATE_COLOURS = len(_COLOURS)
_MIXED, _EDGE = "#F4F4F4", "#00785A"
_NAME_PT = 7.8
_LOW, _HIGH = 0.1, 0.9  # of the lane's height
_MOST_NAMES = 400
_SPACE_PX = 6
_KEY_PT, _KEY_LEFT_PX, _KEY_SWATCH_PX, _KEY_SPACE_PX, _MORE_PX = 7.0, 4, 12, 14, 80


def draw_states(
    sheet: Sheet, lane: Lane, frame: Frame, place: tuple[int, Sequence[Gap]], measure: Measure
) -> None:
    """Draw the states of a lane.

    Args:
        sheet: The picture.
        lane: A field's lane.
        frame: Its frame.
        place: The time at the left edge, and the gaps in which the field is not known.
        measure: Measures the names.
    """
    first_ns, gaps = place
    field = lane.signal.field
    assert field is not None  # noqa: S101 - only fields have states
    states = states_of(lane.data, gaps)
    if not states:
        draw_nothing(sheet, frame)
        return
    boxes = [_box(state, frame, first_ns) for state in states]
    colours = [_MIXED if it.number is None else colour_of(field, it.number) for it in states]
    sheet.areas(boxes, clip=frame.box, facecolors=colours, edgecolors=_EDGE, linewidths=0.6)
    middle = frame.box.top + frame.box.height / 2
    for state in _named(states, field, frame.box.width / frame.span_ns, measure):
        centre = frame.x((state.start_ns - first_ns + state.stop_ns - first_ns) / 2)
        sheet.text((centre, middle), _label(state, field), DATA, ha="center", size=_NAME_PT)


def key_of(lane: Lane, gaps: Sequence[Gap], px_per_ns: float, measure: Measure) -> dict[str, str]:
    """Return the colour of each state of a lane by its name; nothing if each name stands in a box.

    Args:
        lane: A field's lane.
        gaps: The gaps in which the field is not known.
        px_per_ns: The width of a nanosecond in the picture.
        measure: Measures the names.
    """
    field = lane.signal.field
    assert field is not None  # noqa: S101 - only fields have states
    states = [it for it in states_of(lane.data, gaps) if it.number is not None]
    shown = {_label(it, field) for it in _named(states, field, px_per_ns, measure)}
    numbers = sorted({it.number for it in states if it.number is not None})
    found = {state_name(field, number): colour_of(field, number) for number in numbers}
    return {} if shown >= found.keys() else found


def draw_key(sheet: Sheet, box: Box, key: Mapping[str, str], measure: Measure) -> None:
    """Draw the names of a lane's states below its box, as many as the line has room for."""
    names = [measure.fit(name, _KEY_PT, box.width / 2) for name in key]
    widths = [_KEY_SWATCH_PX + measure.width(name, _KEY_PT) for name in names]
    middle = box.top + box.height + KEY_PX / 2
    places = wrap(widths, box.width - _MORE_PX, _KEY_SPACE_PX)
    for name, colour, placed, width in zip(names, key.values(), places, widths, strict=True):
        left = box.left + _KEY_LEFT_PX + placed.left
        if placed.line:
            break
        swatch = rectangle(left, middle - 4, 8, 8)
        sheet.areas([swatch], facecolor=colour, edgecolor=_EDGE, linewidth=0.6)
        sheet.text((left + _KEY_SWATCH_PX, middle), name, size=_KEY_PT)
        end = left + width
    hidden = sum(placed.line != 0 for placed in places)
    if hidden:
        sheet.text((end + _KEY_SPACE_PX, middle), f"and {hidden} more", size=_KEY_PT)


def colour_number(field: Field, number: int) -> int:
    """Return which of the colours a number of a field has, in every picture: names have theirs in the map's order."""
    named = [it for it in field.values if it.use != "write"]
    others = len(named) if field.otherwise else len(named) + number
    return next((k for k, it in enumerate(named) if it.matches(number)), others) % STATE_COLOURS


def colour_of(field: Field, number: int) -> str:
    """Return the colour of a number of a field."""
    return _COLOURS[colour_number(field, number)]


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
    return "..." if state.number is None else state_name(field, state.number)


def state_name(field: Field, number: int) -> str:
    """Return what a number of a field is called: its name, or the number."""
    return printable(field.name_of(number) or f"{number:#x}")
