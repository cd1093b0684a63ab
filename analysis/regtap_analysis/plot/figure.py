"""The picture of a trace: a lane for each register and field over one time axis, with gaps and marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from regtap.units.format import count_of
from regtap_analysis.plot import caption
from regtap_analysis.plot.aligned import aligned_axis
from regtap_analysis.plot.lane import draw_lane, floor
from regtap_analysis.plot.layout import DPI, LINE_PX, MARGIN_PX, Box
from regtap_analysis.plot.plan import INDENT_PX, NAME_PX, SMALL_PT, TEXT_PT, bits_text, place_text, plan
from regtap_analysis.plot.spans import gap_density, spans
from regtap_analysis.plot.states import draw_states

if TYPE_CHECKING:
    from typing import Any

    from matplotlib.axes import Axes

    from regtap_analysis.plot.lane import Lane
    from regtap_analysis.plot.layout import Layout
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
_INK, _GREY, _FAINT = "#1A1A1A", "#666666", "#E6E6E6"
_TITLE_PT = 12.5
_MOST_STRONG_MARKS = 20
# Beyond these the lanes would drown in stripes; the strips above them show every gap.
_MOST_SHADES, _MOST_SHADED = 60, 0.4


def draw(content: Content) -> Figure:
    """Return the picture; only the metadata of the trace is read.

    Raises:
        InputError: The size is too small for the lanes.
    """
    planned = plan(content)
    layout = planned.layout
    figure = Figure(figsize=(layout.width / DPI, layout.height / DPI), dpi=DPI)
    _draw_words(figure, planned)
    backdrop = _draw_backdrop(figure, planned)
    for box, (cause, gaps) in zip(layout.strips, planned.gaps.items(), strict=True):
        density = gap_density(gaps, content.view, int(box.width))
        colour = _CAUSE_COLOURS.get(cause, _GREY)
        _draw_strip(figure, layout, (box, cause, colour), density)
        _shade(backdrop, colour, density)
    for lane, axis, box in zip(planned.lanes, planned.axes, layout.lanes, strict=True):
        _draw_names(figure, planned, lane, box)
        _draw_values(figure, planned, lane, (axis, box))
    _draw_marks(figure, planned)
    return figure


def _draw_words(figure: Figure, planned: Plan) -> None:
    content, layout = planned.content, planned.layout
    trace = content.trace
    _text(figure, layout, (MARGIN_PX, MARGIN_PX + 8), caption.title(trace), size=_TITLE_PT, weight="bold")
    _text(figure, layout, (MARGIN_PX, MARGIN_PX + 29), caption.subtitle(trace, content.view), size=TEXT_PT)
    for cause, entry, placed in planned.legend:
        left, middle = MARGIN_PX + placed.left, layout.legend_top + LINE_PX * ((placed.line or 0) + 0.5)
        swatch = _axes(figure, layout, Box(left, middle - 5, 10, 10))
        swatch.patch.set(visible=True, facecolor=_CAUSE_COLOURS.get(cause, _GREY))
        _text(figure, layout, (left + 16, middle), entry, size=TEXT_PT)
    bottom = layout.height - MARGIN_PX
    small: dict[str, Any] = {"size": SMALL_PT, "color": _GREY}
    _text(figure, layout, (MARGIN_PX, bottom), _footer(planned), **small)
    right = layout.width - MARGIN_PX
    _text(figure, layout, (right, bottom), caption.start_time(trace), ha="right", **small)


def _footer(planned: Plan) -> str:
    text = caption.resolution(planned.content.reading, planned.content.buckets)
    unnamed = sum(placed.line is None for *_, placed in planned.marks)
    return (
        f"{text} · no room for the names of {unnamed} of {count_of(len(planned.marks), 'mark')}"
        if unnamed
        else text
    )


def _draw_backdrop(figure: Figure, planned: Plan) -> Axes:
    """Draw the time axis with its grid behind all lanes; x and y are fractions."""
    view, plot = planned.content.view, planned.layout.plot
    backdrop = _axes(figure, planned.layout, plot)
    axis = aligned_axis(planned.content.view, planned.content.zero, max(2, int(plot.width / 90)))
    places = [(place - view.first_ns) / view.span_ns for place, _ in axis.ticks]
    grid = [[(place, 0), (place, 1)] for place in places]
    backdrop.add_collection(LineCollection(grid, colors=_FAINT, linewidths=0.7, zorder=0.5), autolim=False)
    backdrop.set_xticks(places, [label for _, label in axis.ticks])
    backdrop.tick_params(axis="x", labelsize=SMALL_PT, length=3.5, color=_GREY, labelcolor=_INK, pad=3)
    backdrop.spines["bottom"].set_visible(True)
    backdrop.spines["bottom"].set(linewidth=0.7, color=_GREY)
    backdrop.set_xlabel(axis.label, fontsize=TEXT_PT, labelpad=3)
    return backdrop


def _draw_strip(figure: Figure, layout: Layout, name: tuple[Box, str, str], density: Density) -> None:
    """Draw the strip of one cause above the lanes: the more of the time is gaps, the darker."""
    box, cause, colour = name
    axes = _axes(figure, layout, box)
    seen = density.nonzero()[0]
    columns = len(density)
    edges = [(column / columns, (column + 1) / columns) for column in seen]
    colours = [to_rgba(colour, 0.6 + 0.4 * float(density[column])) for column in seen]
    axes.add_collection(
        PolyCollection(
            [_upright(*edge) for edge in edges], facecolors=colours, edgecolors=colours, linewidths=0.5
        ),
        autolim=False,
    )
    axes.patch.set(visible=True, facecolor="#F4F4F4")
    place = (box.left - 7, box.top + box.height / 2)
    _text(figure, layout, place, cause, ha="right", size=SMALL_PT - 0.6, color=_GREY)


def _shade(backdrop: Axes, colour: str, density: Density) -> None:
    """Shade the gaps of one cause on the lanes, if the shades stay readable."""
    stretches = spans(density)
    if len(stretches) <= _MOST_SHADES and (density > 0).mean() <= _MOST_SHADED:
        shades = PolyCollection(
            [_upright(*stretch) for stretch in stretches],
            facecolor=colour,
            edgecolor=colour,
            linewidth=0.6,
            alpha=0.25,
        )
        backdrop.add_collection(shades, autolim=False)


def _upright(left: float, right: float) -> list[tuple[float, float]]:
    return [(left, 0), (left, 1), (right, 1), (right, 0)]


def _draw_names(figure: Figure, planned: Plan, lane: Lane, box: Box) -> None:
    signal, layout, measure = lane.signal, planned.layout, planned.measure
    middle = box.top + box.height / 2
    if signal.field is not None:
        left, bits = float(MARGIN_PX + INDENT_PX), bits_text(signal.field)
        name = measure.fit(signal.name, TEXT_PT, NAME_PX - INDENT_PX - measure.width(bits, SMALL_PT) - 5)
        _text(figure, layout, (left, middle), name, size=TEXT_PT)
        left += measure.width(name, TEXT_PT) + 5
        _text(figure, layout, (left, middle), bits, size=SMALL_PT, color=_GREY)
        return
    name = measure.fit(signal.name, TEXT_PT, NAME_PX, "bold")
    _text(figure, layout, (MARGIN_PX, middle - 7), name, size=TEXT_PT, weight="bold")
    _text(figure, layout, (MARGIN_PX, middle + 8), place_text(signal), size=SMALL_PT, color=_GREY)


def _draw_values(figure: Figure, planned: Plan, lane: Lane, place: tuple[Axis, Box]) -> None:
    axis, box = place
    view = planned.content.view
    axes = _axes(figure, planned.layout, box)
    axes.set_xlim(0, view.span_ns)
    if lane.signal.has_states:
        draw_states(axes, lane, view, planned.content.trace.gaps, planned.measure)
    else:
        draw_lane(axes, lane, view.first_ns, planned.content.trace.gaps)
    axes.set_yticks(
        [float(value - floor(lane)) for value, _ in axis.ticks], [label for _, label in axis.ticks]
    )
    axes.tick_params(axis="y", labelsize=SMALL_PT, length=3, color=_GREY, labelcolor=_INK, pad=3)
    axes.spines["left"].set_visible(True)
    axes.spines["left"].set(linewidth=0.7, color=_GREY)


def _draw_marks(figure: Figure, planned: Plan) -> None:
    layout, view = planned.layout, planned.content.view
    front = _axes(figure, layout, layout.plot)
    columns: set[int] = set()  # a column has one line, however many marks
    for mark, name, placed in planned.marks:
        place = (mark.t_ns - view.first_ns) / view.span_ns
        columns.add(round(place * layout.plot.width))
        if placed.line is not None:
            middle = layout.marks_top + LINE_PX * (placed.line + 0.5)
            _text(figure, layout, (layout.plot.left + placed.left, middle), name, size=SMALL_PT)
    lines = [[(column / layout.plot.width, end) for end in (0, 1)] for column in sorted(columns)]
    strength = 0.75 if len(lines) <= _MOST_STRONG_MARKS else 0.25
    dashes = LineCollection(lines, colors=_INK, linewidths=0.8, linestyles=(0, (4, 2)), alpha=strength)
    front.add_collection(dashes, autolim=False)


def _text(figure: Figure, layout: Layout, place: tuple[float, float], text: str, **style: Any) -> None:
    x, y = place
    style = {"color": _INK, "va": "center", **style}
    figure.text(x / layout.width, 1 - y / layout.height, caption.printable(text), parse_math=False, **style)


def _axes(figure: Figure, layout: Layout, box: Box) -> Axes:
    """Return bare axes over a box: no ticks, no frame, x and y from 0 to 1."""
    left, bottom = box.left / layout.width, 1 - (box.top + box.height) / layout.height
    axes = figure.add_axes((left, bottom, box.width / layout.width, box.height / layout.height))
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[])
    axes.patch.set_visible(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes
