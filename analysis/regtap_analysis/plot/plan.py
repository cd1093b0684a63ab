"""The plan of a picture, made before anything is drawn: legend, marks, lanes, and the widths of their texts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from regtap_analysis.plot import caption
from regtap_analysis.plot.lane import lane_of
from regtap_analysis.plot.layout import Layout, Rows, lay_out
from regtap_analysis.plot.legend import legend_of
from regtap_analysis.plot.states import key_of
from regtap_analysis.plot.text import SMALL_PT, TEXT_PT, Measure, Placed, place_names
from regtap_analysis.signals.breaks import unknown_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regtap.trace.gaps import Gap
    from regtap.trace.metadata import Mark
    from regtap.trace.reader import Trace
    from regtap_analysis.plot.lane import Lane
    from regtap_analysis.plot.ticks import Axis
    from regtap_analysis.signals.model import Reading, Signal, View

NAME_PX, INDENT_PX = 150.0, 12
_MARK_PX, _MARK_LINES = 170.0, 3
_MOST_NAMES = 500  # of marks, that are measured: far more than find room


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a picture.

    Attributes:
        trace: For the words, gaps and marks.
        view: The stretch of time shown.
        reading: The data that was read of it.
        buckets: Into how many columns it was read.
        size: Width and height in pixels; height None takes what the lanes need.
        zero: The mark from which the axis counts time; None: the start of the trace.
    """

    trace: Trace
    view: View
    reading: Reading
    buckets: int
    size: tuple[int, int | None]
    zero: Mark | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The decisions.

    Attributes:
        content: The content of the picture.
        measure: Measures its words.
        layout: The layout of the picture.
        lanes: The signals with their bounds.
        axes: The value ticks of each lane.
        gaps: The gaps of each cause that occurs, in the order of the legend and the strips.
        legend: Cause, words and place of each legend entry.
        marks: The marks in the view with their names, cut to fit, and where those go.
        keys: By the number of a lane: the colours of its states by their names, where boxes have no room for these.
    """

    content: Content
    measure: Measure
    layout: Layout
    lanes: tuple[Lane, ...]
    axes: tuple[Axis, ...]
    gaps: dict[str, list[Gap]]
    legend: tuple[tuple[str, str, Placed], ...]
    marks: tuple[tuple[Mark, str, Placed], ...]
    keys: Mapping[int, Mapping[str, str]]


def plan(content: Content) -> Plan:
    """Decide.

    Raises:
        InputError: The size is too small for the lanes.
    """
    measure = Measure()
    trace = content.trace
    lanes = tuple(lane_of(signal, data) for signal, data in content.reading.signals.items())
    signals = [lane.signal for lane in lanes]
    legend = legend_of(trace, measure, content.size[0])
    rows = Rows(legend=max((placed.line or 0 for *_, placed in legend), default=-1) + 1, strips=len(legend))
    draft = lay_out(signals, rows, 0, content.size)  # heights do not depend on the width of labels
    axes = tuple(lane.axis(box.height) for lane, box in zip(lanes, draft.lanes, strict=True))
    label_px = _label_width(signals, axes, measure)
    marks = _mark_names(content, measure, draft.plot.width - label_px)
    rows = Rows(rows.legend, max((placed.line or 0 for *_, placed in marks), default=-1) + 1, rows.strips)
    layout = lay_out(signals, rows, label_px, content.size)
    keys = _keys(content, measure, lanes, layout.plot.width)
    layout = lay_out(signals, replace(rows, keys=frozenset(keys)), label_px, content.size)
    gaps = {
        summary.cause: [gap for gap in trace.gaps if gap.cause == summary.cause]
        for summary in trace.gap_summary
        if not summary.holds
    }
    return Plan(content, measure, layout, lanes, axes, gaps, legend, marks, keys)


def _keys(
    content: Content, measure: Measure, lanes: Sequence[Lane], width: float
) -> dict[int, dict[str, str]]:
    """Return the keys of lanes; none in a picture of a given height, which has no lines for them."""
    if content.size[1] is not None:
        return {}
    px_per_ns = width / content.view.span_ns
    keys = {
        number: key_of(lane, unknown_in(content.trace, lane.signal), px_per_ns, measure)
        for number, lane in enumerate(lanes)
        if lane.signal.has_states
    }
    return {number: key for number, key in keys.items() if key}


def _mark_names(content: Content, measure: Measure, width: float) -> tuple[tuple[Mark, str, Placed], ...]:
    view = content.view
    marks = [mark for mark in content.trace.marks if view.first_ns <= mark.t_ns < view.stop_ns]
    marks.sort(key=lambda mark: mark.t_ns)
    anchors = [(mark.t_ns - view.first_ns) / view.span_ns * width for mark in marks]
    named = _apart(anchors, width / _MOST_NAMES)
    names = [""] * len(marks)

    def width_of(number: int) -> float:
        at = named[number]
        names[at] = measure.fit(caption.printable(marks[at].text), SMALL_PT, _MARK_PX)
        return measure.width(names[at], SMALL_PT)

    places = [Placed(anchor, None) for anchor in anchors]
    placed = place_names([anchors[at] for at in named], width_of, width, _MARK_LINES)
    for at, place in zip(named, placed, strict=True):
        places[at] = place
    return tuple(zip(marks, names, places, strict=True))


def _apart(anchors: Sequence[float], least_px: float) -> list[int]:
    """Return the marks that get a name: all if they are few, otherwise those with some distance between them."""
    if len(anchors) <= _MOST_NAMES:
        return list(range(len(anchors)))
    chosen: list[int] = []
    for at, anchor in enumerate(anchors):
        if not chosen or anchor - anchors[chosen[-1]] >= least_px:
            chosen.append(at)
    return chosen


def _label_width(signals: list[Signal], axes: tuple[Axis, ...], measure: Measure) -> float:
    names = max(_name_width(signal, measure) for signal in signals)
    labels = [label for axis in axes for _, label in axis.ticks]
    return names + max((measure.width(label, SMALL_PT) for label in labels), default=0.0) + 26


def _name_width(signal: Signal, measure: Measure) -> float:
    if signal.field:
        bits = measure.width(f"[{signal.field.span}]", SMALL_PT)
        return min(INDENT_PX + measure.width(signal.name, TEXT_PT) + 5 + bits, NAME_PX)
    below = measure.width(caption.place_text(signal.register), SMALL_PT)
    return min(max(measure.width(signal.name, TEXT_PT, "bold"), below), NAME_PX)
