"""The picture of a trace: a lane for each register and field over one time axis, with gaps and marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.colors import to_rgba

from regtap.units.format import count_of
from regtap_analysis.plot import caption
from regtap_analysis.plot.aligned import aligned_axis
from regtap_analysis.plot.lane import draw_lane, floor, frame_of
from regtap_analysis.plot.layout import LINE_PX, MARGIN_PX
from regtap_analysis.plot.legend import SWATCH_PX
from regtap_analysis.plot.plan import INDENT_PX, NAME_PX, plan
from regtap_analysis.plot.sheet import BACK, FAINT, FRONT, GREY, INK, Frame, Sheet, px, rectangle
from regtap_analysis.plot.spans import gap_density, shades
from regtap_analysis.plot.states import draw_key, draw_states
from regtap_analysis.plot.text import SMALL_PT, TEXT_PT
from regtap_analysis.signals.breaks import unknown_in

if TYPE_CHECKING:
    from typing import Any

    from matplotlib.figure import Figure

    from regtap_analysis.plot.lane import Lane
    from regtap_analysis.plot.layout import Box
    from regtap_analysis.plot.plan import Content, Plan
    from regtap_analysis.plot.spans import Density
    from regtap_analysis.plot.ticks import Axis

# Okabe and Ito's palette, which readers with any colour vision can tell apart; its yellow is darker, to show on white.
# Pauses, and gaps that the options ask for, are grey.
_CAUSE_COLOURS = {
    "full": "#D55E00",
    "missed": "#E69F00",
    "throttled": "#8C8C8C",
    "fault": "#CC79A7",
    "writer": "#56B4E9",
    "torn": "#B8A900",
    "overwritten": "#C8C8C8",
    "rotated": "#C8C8C8",
}
_STRIP = "#F4F4F4"
_TITLE_PT = 12.5
_SPINE_PT, _TIME_TICK_PT, _VALUE_TICK_PT, _PAD_PT = 0.7, 3.5, 3.0, 3.0
_MOST_STRONG_MARKS = 20
_SHADE = 0.25  # of gaps, in the lanes


def draw(content: Content) -> Figure:
    """Return the picture; only the metadata of the trace is read.

    Raises:
        InputError: The size is too small for the lanes.
    """
    planned = plan(content)
    layout = planned.layout
    sheet = Sheet(layout.width, layout.height)
    _draw_words(sheet, planned)
    _draw_time_axis(sheet, planned)
    for box, (cause, gaps) in zip(layout.strips, planned.gaps.items(), strict=True):
        density = gap_density(gaps, content.view, int(box.width))
        colour = _CAUSE_COLOURS.get(cause, GREY)
        _draw_strip(sheet, box, (cause, colour), density)
        _shade(sheet, layout.plot, colour, density)
    for lane, axis, box in zip(planned.lanes, planned.axes, layout.lanes, strict=True):
        _draw_names(sheet, planned, lane, box)
        _draw_values(sheet, planned, lane, (axis, box))
    for number, key in planned.keys.items():
        draw_key(sheet, layout.lanes[number], key, planned.measure)
    _draw_marks(sheet, planned)
    return sheet.figure


def _draw_words(sheet: Sheet, planned: Plan) -> None:
    content, layout = planned.content, planned.layout
    trace = content.trace
    sheet.text((MARGIN_PX, MARGIN_PX + 8), caption.title(trace), size=_TITLE_PT, weight="bold")
    sheet.text((MARGIN_PX, MARGIN_PX + 29), caption.subtitle(trace, content.view), size=TEXT_PT)
    for cause, entry, placed in planned.legend:
        left, middle = MARGIN_PX + placed.left, layout.legend_top + LINE_PX * ((placed.line or 0) + 0.5)
        colour = _CAUSE_COLOURS.get(cause, GREY)
        sheet.areas([rectangle(left, middle - 5, 10, 10)], facecolor=colour, linewidth=0)
        sheet.text((left + SWATCH_PX, middle), entry, size=TEXT_PT)
    bottom = layout.height - MARGIN_PX
    small: dict[str, Any] = {"size": SMALL_PT, "color": GREY}
    sheet.text((MARGIN_PX, bottom), _footer(planned), **small)
    sheet.text((layout.width - MARGIN_PX, bottom), caption.start_time(trace), ha="right", **small)


def _footer(planned: Plan) -> str:
    text = caption.resolution(planned.content.reading, planned.content.buckets)
    unnamed = sum(placed.line is None for *_, placed in planned.marks)
    return (
        f"{text} · no room for the names of {unnamed} of {count_of(len(planned.marks), 'mark')}"
        if unnamed
        else text
    )


def _draw_time_axis(sheet: Sheet, planned: Plan) -> None:
    """Draw the time axis below all lanes, and its grid behind them."""
    view, plot = planned.content.view, planned.layout.plot
    axis = aligned_axis(view, planned.content.zero, max(2, int(plot.width / 90)))
    frame = Frame(plot, view.span_ns)
    bottom, tick = plot.top + plot.height, px(_TIME_TICK_PT)
    places = [frame.x(place - view.first_ns) for place, _ in axis.ticks]
    sheet.lines([[(x, plot.top), (x, bottom)] for x in places], BACK, colors=FAINT, linewidths=_SPINE_PT)
    sheet.lines([[(x, bottom), (x, bottom + tick)] for x in places], BACK, colors=GREY, linewidths=0.8)
    spine = [(plot.left, bottom), (plot.left + plot.width, bottom)]
    sheet.lines([spine], BACK, colors=GREY, linewidths=_SPINE_PT, capstyle="projecting")
    top = bottom + tick + px(_PAD_PT)
    for x, (_, label) in zip(places, axis.ticks, strict=True):
        sheet.text((x, top), label, ha="center", va="top", size=SMALL_PT)
    below = top + px(SMALL_PT + _PAD_PT)
    sheet.text((plot.left + plot.width / 2, below), axis.label, ha="center", va="top", size=TEXT_PT)


def _draw_strip(sheet: Sheet, box: Box, named: tuple[str, str], density: Density) -> None:
    """Draw the strip of one cause above the lanes: the more of the time is gaps, the darker."""
    cause, colour = named
    sheet.areas([rectangle(box.left, box.top, box.width, box.height)], BACK, facecolor=_STRIP, linewidth=0)
    seen, wide = density.nonzero()[0], box.width / len(density)
    colours = [to_rgba(colour, 0.6 + 0.4 * float(density[column])) for column in seen]
    outlines = [rectangle(box.left + column * wide, box.top, wide, box.height) for column in seen]
    sheet.areas(outlines, BACK, box, facecolors=colours, edgecolors=colours, linewidths=0.5)
    place = (box.left - 7, box.top + box.height / 2)
    sheet.text(place, cause, ha="right", size=SMALL_PT - 0.6, color=GREY)


def _shade(sheet: Sheet, plot: Box, colour: str, density: Density) -> None:
    """Shade the gaps of one cause on the lanes."""
    found = shades(density)
    outlines = [
        rectangle(plot.left + left * plot.width, plot.top, (right - left) * plot.width, plot.height)
        for left, right, _ in found
    ]
    colours = [to_rgba(colour, _SHADE * strength) for *_, strength in found]
    sheet.areas(outlines, BACK, plot, facecolors=colours, edgecolors=colours, linewidth=0.6)


def _draw_names(sheet: Sheet, planned: Plan, lane: Lane, box: Box) -> None:
    signal, measure = lane.signal, planned.measure
    others = [it.signal.name for it in planned.lanes]
    middle = box.top + box.height / 2
    if signal.field is not None:
        left, bits = float(MARGIN_PX + INDENT_PX), f"[{signal.field.span}]"
        most_px = NAME_PX - INDENT_PX - measure.width(bits, SMALL_PT) - 5
        name = measure.fit_name(signal.name, others, (TEXT_PT, most_px))
        sheet.text((left, middle), name, size=TEXT_PT)
        left += measure.width(name, TEXT_PT) + 5
        sheet.text((left, middle), bits, size=SMALL_PT, color=GREY)
        return
    name = measure.fit_name(signal.name, others, (TEXT_PT, NAME_PX), "bold")
    sheet.text((MARGIN_PX, middle - 7), name, size=TEXT_PT, weight="bold")
    sheet.text((MARGIN_PX, middle + 8), caption.place_text(signal.register), size=SMALL_PT, color=GREY)


def _draw_values(sheet: Sheet, planned: Plan, lane: Lane, place: tuple[Axis, Box]) -> None:
    axis, box = place
    content = planned.content
    frame = frame_of(lane, box, content.view.span_ns)
    around = content.view.first_ns, unknown_in(content.trace, lane.signal)
    if lane.signal.has_states:
        draw_states(sheet, lane, frame, around, planned.measure)
    else:
        draw_lane(sheet, lane, frame, around)
    heights = [frame.y(float(value - floor(lane))) for value, _ in axis.ticks]
    tick = px(_VALUE_TICK_PT)
    sheet.lines([[(box.left - tick, y), (box.left, y)] for y in heights], colors=GREY, linewidths=0.8)
    for y, (_, label) in zip(heights, axis.ticks, strict=True):
        left = box.left - tick - px(_PAD_PT)
        sheet.text((left, y), label, ha="right", va="center_baseline", size=SMALL_PT)
    spine = [(box.left, box.top), (box.left, box.top + box.height)]
    sheet.lines([spine], colors=GREY, linewidths=_SPINE_PT, capstyle="projecting")


def _draw_marks(sheet: Sheet, planned: Plan) -> None:
    layout, view = planned.layout, planned.content.view
    plot = layout.plot
    columns: set[int] = set()  # a column has one line, however many marks
    for mark, name, placed in planned.marks:
        place = (mark.t_ns - view.first_ns) / view.span_ns
        columns.add(round(place * plot.width))
        if placed.line is not None:
            middle = layout.marks_top + LINE_PX * (placed.line + 0.5)
            sheet.text((plot.left + placed.left, middle), name, size=SMALL_PT)
    ends = (plot.top + plot.height, plot.top)
    lines = [[(plot.left + column, y) for y in ends] for column in sorted(columns)]
    strength = 0.75 if len(lines) <= _MOST_STRONG_MARKS else 0.25
    sheet.lines(lines, FRONT, plot, colors=INK, linewidths=0.8, linestyles=(0, (4, 2)), alpha=strength)
