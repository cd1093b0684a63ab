"""Draws a signal on its lane: each sample if they are few, otherwise a band from smallest to largest value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regtap_analysis.plot.bounds import bounds_of
from regtap_analysis.plot.sheet import Frame
from regtap_analysis.plot.ticks import Axis, value_axis
from regtap_analysis.signals.breaks import Breaks
from regtap_analysis.signals.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import numpy.typing as npt

    from regtap.trace.gaps import Gap
    from regtap_analysis.plot.layout import Box
    from regtap_analysis.plot.sheet import Sheet
    from regtap_analysis.signals.envelope import Indices, Values
    from regtap_analysis.signals.model import Samples, Signal

    Floats = npt.NDArray[np.float64]

# Okabe and Ito's palette: told apart with every kind of colour vision.
_REGISTER_COLOURS = ("#0072B2", "#9CC7E0")
_FIELD_COLOURS = ("#00785A", "#9AD6C3")
_MOST_MARKERS = 200
_FEW_VALUES = 8


@dataclass(frozen=True, slots=True)
class Lane:
    """A signal and its samples or envelope.

    Attributes:
        signal: The signal of the lane.
        data: Its samples or their envelope.
        bounds: Smallest and largest value, or None without samples.
    """

    signal: Signal
    data: Samples | Envelope
    bounds: tuple[int, int] | None

    @property
    def is_bit(self) -> bool:
        """Whether the signal is drawn as a digital waveform."""
        return self.signal.field is not None and self.signal.bits == 1

    def axis(self, height_px: float) -> Axis:
        """Return the value ticks of the lane, given its height in pixels."""
        if self.bounds is None or self.is_bit or self.signal.has_states:
            return Axis(())
        signal, most = self.signal, max(2, int(height_px / 24))
        as_hex = bool(signal.register.fields) and (signal.field is None or height_px < 48)
        return value_axis(*self.bounds, bits=signal.bits, most=most, as_hex=as_hex)


def lane_of(signal: Signal, data: Samples | Envelope) -> Lane:
    """Return a lane with its bounds."""
    return Lane(signal, data, bounds_of(data))


def frame_of(lane: Lane, box: Box, span_ns: int) -> Frame:
    """Return a lane's frame; its values are those above `floor(lane)`, so that 64 bits stay exact."""
    if lane.bounds is None or lane.signal.has_states:
        return Frame(box, span_ns)
    span = 1 if lane.is_bit else lane.bounds[1] - lane.bounds[0]
    margin = span * (0.22 if lane.is_bit else 0.07) or 1.0
    return Frame(box, span_ns, -margin, span + margin)


def draw_lane(sheet: Sheet, lane: Lane, frame: Frame, place: tuple[int, Sequence[Gap]]) -> None:
    """Draw a lane.

    Args:
        sheet: The picture.
        lane: The lane.
        frame: Its frame.
        place: The time at the left edge, and the gaps in which the signal is not known.
    """
    if lane.bounds is None:
        draw_nothing(sheet, frame)
        return
    first_ns, gaps = place
    breaks = Breaks(gaps)
    if isinstance(lane.data, Envelope):
        _draw_envelope(sheet, lane, lane.data, (frame, first_ns, breaks))
    else:
        _draw_samples(sheet, lane, lane.data, (frame, first_ns, breaks))


def draw_nothing(sheet: Sheet, frame: Frame) -> None:
    """Draw a lane without samples."""
    middle = frame.box.left + frame.box.width / 2, frame.box.top + frame.box.height / 2
    sheet.text(middle, "no samples", ha="center", color="#777777", size=10)


def floor(lane: Lane) -> int:
    """Return the value at y = 0."""
    return 0 if lane.bounds is None or lane.is_bit else lane.bounds[0]


def _colours(lane: Lane) -> tuple[str, str]:
    return _REGISTER_COLOURS if lane.signal.field is None else _FIELD_COLOURS


def _heights(values: Values, lane: Lane) -> Floats:
    return (values - values.dtype.type(floor(lane))).astype(np.float64)


def _draw_envelope(sheet: Sheet, lane: Lane, data: Envelope, place: tuple[Frame, int, Breaks]) -> None:
    frame, first_ns, breaks = place
    line, fill = _colours(lane)
    x = frame.x((data.edges_ns - first_ns).astype(np.float64))
    low, high = frame.y(_heights(data.low, lane)), frame.y(_heights(data.high, lane))
    filled = np.flatnonzero(data.count)
    runs = np.split(filled, np.flatnonzero(np.diff(filled) > 1) + 1)
    bands = [_band(x, low, high, run) for run in runs]
    sheet.areas(bands, clip=frame.box, facecolor=fill, edgecolor=line, linewidth=0.9, joinstyle="round")
    stops, starts = np.array([run[-1] for run in runs[:-1]], int), np.array([run[0] for run in runs[1:]], int)
    held = ~breaks.between(data.edges_ns[stops + 1], data.edges_ns[starts])
    last = frame.y(_heights(data.last[stops[held]], lane))
    following = frame.y(_heights(data.first[starts[held]], lane))
    left, right = x[stops[held] + 1], x[starts[held]]
    corners = np.stack([left, last, right, last, right, following], axis=-1).reshape(-1, 3, 2)
    sheet.lines(list(corners), clip=frame.box, colors=line, linewidth=0.6, alpha=0.7)


def _band(x: Floats, low: Floats, high: Floats, run: Indices) -> Floats:
    """Return the outline around a run of neighbouring buckets: along the largest, back along the smallest."""
    edges = x[run[0] : run[-1] + 2]
    return np.concatenate([_steps(edges, high[run]), _steps(edges, low[run])[::-1]])


def _steps(edges: Floats, heights: Floats) -> Floats:
    """Return the corners of a step line: heights[i] from edges[i] to edges[i + 1]."""
    turns = np.concatenate(([0], np.flatnonzero(np.diff(heights)) + 1, [len(heights)]))
    across = np.repeat(edges[turns], 2)[1:-1]
    return np.column_stack([across, np.repeat(heights[turns[:-1]], 2)])


def _draw_samples(sheet: Sheet, lane: Lane, data: Samples, place: tuple[Frame, int, Breaks]) -> None:
    frame, first_ns, breaks = place
    line, _ = _colours(lane)
    x = frame.x((data.times_ns - first_ns).astype(np.float64))
    y = frame.y(_heights(data.values, lane))
    broken = breaks.between(data.times_ns[:-1], data.times_ns[1:])
    at = np.flatnonzero(broken) + 1
    steps = bool(lane.signal.register.fields) or len(np.unique(data.values)) <= _FEW_VALUES
    style: dict[str, Any] = {"drawstyle": "steps-post"} if steps else {}
    sheet.curve(
        np.insert(x, at, x[at - 1]), np.insert(y, at, np.nan), frame.box, color=line, linewidth=1.1, **style
    )
    alone = np.concatenate(([True], broken)) & np.concatenate((broken, [True]))
    dotted = alone if lane.is_bit or len(x) > _MOST_MARKERS else np.full(len(x), True)
    sheet.dots(x[dotted], y[dotted], line, 2.6)
