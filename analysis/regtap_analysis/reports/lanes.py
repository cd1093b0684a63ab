"""The picture of a trace as elements of the page: lanes that take its width, its colours and its letters.

What is drawn is what `regtap plot` draws: the same reading, states, gaps and ticks. Places are in 1,000 by 100 units,
which the page stretches to the lane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regtap.units.format import count_of
from regtap_analysis.plot.aligned import aligned_axis
from regtap_analysis.plot.bounds import bounds_of
from regtap_analysis.plot.caption import place_text, printable
from regtap_analysis.plot.spans import gap_density, shades
from regtap_analysis.plot.states import colour_number, state_name
from regtap_analysis.signals.breaks import Breaks, unknown_in
from regtap_analysis.signals.envelope import Envelope
from regtap_analysis.signals.model import View, signals_of, whole_view
from regtap_analysis.signals.pyramid import read_signals
from regtap_analysis.signals.states import states_of
from regtap_bench.page.scales import Tick

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from regtap.trace.metadata import Mark
    from regtap.trace.reader import Trace
    from regtap_analysis.signals.model import Reading, Samples, Signal
    from regtap_analysis.signals.states import State

    Floats = npt.NDArray[np.float64]

MOST_LANES = 60
_BUCKETS = 900  # about the pixels of a lane on a wide screen
_WIDTH, _TOP, _HEIGHT = 1000.0, 6.0, 88.0
_LEAST_NAMED = 4.0  # per cent of the width that a state's name needs
_LETTER = 2.0  # per cent of a phone's width that each of its letters takes
_MOST_NAMES = 12  # of a lane's states, in words or in its key
_MOST_FLAGS = 20
_GAP_COLUMNS = 500


@dataclass(frozen=True, slots=True)
class StateBox:
    """A stretch of one state; places in per cent of the lane.

    Attributes:
        left: The left edge.
        width: The width.
        colour: Number of its colour; -1: several values.
        name: Its value's name, where there is room for it.
    """

    left: float
    width: float
    colour: int
    name: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One signal.

    Attributes:
        name: Name of the signal.
        where: Type and address, or bits.
        span: Smallest and largest value in words.
        kind: `register`, `field`, `bit` or `states`.
        band: SVG path of the area between smallest and largest value; empty where there is none.
        line: SVG path of lines.
        dots: SVG path of samples that no line reaches.
        boxes: States.
        alternative: The lane in words.
        key: Colours and names of the states, where boxes have no room for the names.
    """

    name: str
    where: str
    span: str
    kind: str
    band: str
    line: str
    dots: str
    boxes: tuple[StateBox, ...]
    alternative: str
    key: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Strip:
    """The gaps of one cause: places in per cent, and how dense they are from 0 to 1."""

    cause: str
    places: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class LanePicture:
    """The whole picture.

    Attributes:
        lanes: From top to bottom.
        strips: Gaps above the lanes, a strip for each cause.
        shades: Gaps that are shaded in all lanes: cause, left and width in per cent, strength up to 1.
        flags: Numbers of marks with their place in per cent.
        ticks: Ticks of the axis of time.
        axis: The quantity of the axis.
        caption: An explanation for the reader.
    """

    lanes: tuple[Lane, ...]
    strips: tuple[Strip, ...]
    shades: tuple[tuple[str, float, float, float], ...]
    flags: tuple[tuple[int, float], ...]
    ticks: tuple[Tick, ...]
    axis: str
    caption: str


def lane_picture(trace: Trace, registers: Sequence[str] = (), zero: Mark | None = None) -> LanePicture:
    """Read a trace once more, for its picture; few rows are decoded.

    Args:
        trace: The trace.
        registers: Names of the registers shown; empty: all.
        zero: The mark from which the axis counts time; None: the start of the trace.
    """
    view = _roomy(whole_view(trace), trace.rows)
    signals = signals_of(trace, registers)
    reading = read_signals(trace, signals[:MOST_LANES], view, _BUCKETS)
    strips = [
        (it.cause, gap_density([gap for gap in trace.gaps if gap.cause == it.cause], view, _GAP_COLUMNS))
        for it in trace.gap_summary
        if not it.holds
    ]
    axis = aligned_axis(view, zero, 9)
    return LanePicture(
        tuple(_lane(signal, data, view, trace) for signal, data in reading.signals.items()),
        tuple(Strip(cause, tuple(_dense(density))) for cause, density in strips),
        tuple(shade for cause, density in strips for shade in _shades(cause, density)),
        tuple(_flags(trace, view)),
        tuple(
            Tick(100 * (place - view.first_ns) / view.span_ns, label, is_minor=number % 2 == 1)
            for number, (place, label) in enumerate(axis.ticks)
        ),
        axis.label,
        _caption(reading, len(signals)),
    )


def _roomy(view: View, rows: int) -> View:
    """Return a view with some room around it where single samples are drawn: those at its ends show in full."""
    margin = view.span_ns // 100 + 1 if rows <= _BUCKETS else 0
    return View(view.first_ns - margin, view.stop_ns + margin)


def _caption(reading: Reading, signals: int) -> str:
    drawn = (
        f"Every sample is drawn, {reading.rows:,} in all."
        if reading.rows <= _BUCKETS
        else f"Each of {_BUCKETS} columns spans from the smallest to the largest of its samples, about "
        f"{reading.rows // _BUCKETS:,}: a single odd sample shows."
    )
    left = signals - len(reading.signals)
    return f"{drawn} There is no room for {count_of(left, 'lane')} more." if left else drawn


def _lane(signal: Signal, data: Samples | Envelope, view: View, trace: Trace) -> Lane:
    bounds = bounds_of(data)
    field, register = signal.field, signal.register
    where = place_text(register) if field is None else f"[{field.span}]"
    if signal.has_states:
        return _lane_of_states(signal, where, states_of(data, unknown_in(trace, signal)), view)
    kind = "register" if field is None else "bit" if field.bits == 1 else "field"
    if bounds is None:
        return Lane(printable(signal.name), where, "no samples", kind, "", "", "", (), "no samples")
    low, high = bounds
    scale = _Scale(view, low, max(high, 1) if kind == "bit" else high)
    breaks = Breaks(unknown_in(trace, signal))
    if isinstance(data, Envelope):
        band, line, dots = *_envelope_paths(data, scale, breaks), ""
    else:
        band, line, dots = "", *_sample_paths(data, scale, breaks)
    span = "" if kind == "bit" else _number(low) if low == high else f"{_number(low)} … {_number(high)}"
    words = f"{printable(signal.name)}: from {low:,} to {high:,}"
    return Lane(printable(signal.name), where, span, kind, band, line, dots, (), words)


def _lane_of_states(signal: Signal, where: str, states: Sequence[State], view: View) -> Lane:
    name, boxes = printable(signal.name), tuple(_boxes(signal, states, view))
    named = [it for it in dict.fromkeys(_name(signal, state) for state in states) if it]
    words = f"{name} takes: {', '.join(named[:_MOST_NAMES])}"
    return Lane(name, where, "", "states", "", "", "", boxes, words, tuple(_key(signal, states, boxes)))


def _key(signal: Signal, states: Sequence[State], boxes: Sequence[StateBox]) -> Iterator[tuple[int, str]]:
    """Yield colours and names of the states, unless each name has room in a box."""
    colours = {
        _name(signal, state): box.colour for state, box in zip(states, boxes, strict=True) if box.colour >= 0
    }
    shown = {box.name for box in boxes if box.width >= _LETTER * (len(box.name) + 1)}
    if shown >= colours.keys():
        return
    yield from ((colour, name) for name, colour in list(colours.items())[:_MOST_NAMES])
    if len(colours) > _MOST_NAMES:
        yield -1, f"and {len(colours) - _MOST_NAMES} more"


def _number(value: int) -> str:
    return f"{value:,}" if value < 10**7 else f"{value:#x}"


class _Scale:
    """Turns times and values into places."""

    def __init__(self, view: View, low: int, high: int) -> None:
        self._view, self._low, self._span = view, low, max(high - low, 1)
        self._flat = high == low

    def x(self, times_ns: npt.NDArray[np.int64]) -> Floats:
        return (times_ns - self._view.first_ns).astype(np.float64) * (_WIDTH / self._view.span_ns)

    def y(self, values: npt.NDArray[np.unsignedinteger]) -> Floats:
        above = (values - values.dtype.type(self._low)).astype(np.float64)  # 64 bits stay exact
        share = above / self._span if not self._flat else above + 0.5
        return _TOP + _HEIGHT * (1 - share)


def _envelope_paths(data: Envelope, scale: _Scale, breaks: Breaks) -> tuple[str, str]:
    """Return the band along the filled buckets, and lines where a value holds over empty ones."""
    x = scale.x(data.edges_ns)
    low, high = scale.y(data.low), scale.y(data.high)
    filled = np.flatnonzero(data.count)
    runs = np.split(filled, np.flatnonzero(np.diff(filled) > 1) + 1)
    band = "".join(
        f"M{_steps(x[run[0] : run[-1] + 2], high[run])}L{_steps(x[run[0] : run[-1] + 2], low[run], is_back=True)}Z"
        for run in runs
    )
    stops = np.array([run[-1] for run in runs[:-1]], int)
    starts = np.array([run[0] for run in runs[1:]], int)
    held = ~breaks.between(data.edges_ns[stops + 1], data.edges_ns[starts])
    last, following = scale.y(data.last), scale.y(data.first)
    line = "".join(
        f"M{x[stop + 1]:.1f} {last[stop]:.1f}H{x[start]:.1f}V{following[start]:.1f}"
        for stop, start in zip(stops[held], starts[held], strict=True)
    )
    return band, line


def _steps(edges: Floats, heights: Floats, *, is_back: bool = False) -> str:
    """Return the corners of a line that holds heights[i] from edges[i] to edges[i + 1], as SVG's commands."""
    turns = np.flatnonzero(np.diff(heights)) + 1
    starts = np.concatenate(([0], turns))
    x = np.concatenate((edges[starts], edges[-1:]))
    y = heights[starts]
    if is_back:
        x, y = x[::-1], y[::-1]
    corners = "".join(f"V{b:.1f}H{a:.1f}" for a, b in zip(x[1:], y, strict=True))
    return f"{x[0]:.1f} {y[0]:.1f}{corners}"


def _sample_paths(data: Samples, scale: _Scale, breaks: Breaks) -> tuple[str, str]:
    """Return the lines along samples, and dots for those that stand alone between gaps."""
    x, y = scale.x(data.times_ns), scale.y(data.values)
    broken = np.append(breaks.between(data.times_ns[:-1], data.times_ns[1:]), True)
    lines: list[str] = []
    dots: list[str] = []
    is_open = False
    for row in range(len(x)):
        if is_open:
            lines.append(f"H{x[row]:.1f}V{y[row]:.1f}")
        else:
            (dots if broken[row] else lines).append(f"M{x[row]:.1f} {y[row]:.1f}h.5")
        is_open = not broken[row]
    return "".join(lines), "".join(dots)


def _boxes(signal: Signal, states: Sequence[State], view: View) -> Iterator[StateBox]:
    field = signal.field
    for state in states:
        left = 100 * (state.start_ns - view.first_ns) / view.span_ns
        width = max(100 * (state.stop_ns - state.start_ns) / view.span_ns, 0.1)
        colour = -1 if state.number is None or field is None else colour_number(field, state.number)
        yield StateBox(left, width, colour, _name(signal, state) if width >= _LEAST_NAMED else "")


def _name(signal: Signal, state: State) -> str:
    if state.number is None or signal.field is None:
        return ""
    return state_name(signal.field, state.number)


def _dense(density: Floats) -> Iterator[tuple[float, float, float]]:
    """Yield the columns with gaps, neighbours of about the same density joined."""
    levels = np.ceil(density * 4).astype(int)
    cuts = np.flatnonzero(np.diff(levels)) + 1
    for run in np.split(np.arange(len(levels)), cuts):
        if levels[run[0]]:
            share = 100 / len(levels)
            yield run[0] * share, len(run) * share, levels[run[0]] / 4


def _shades(cause: str, density: Floats) -> Iterator[tuple[str, float, float, float]]:
    for left, right, strength in shades(density):
        yield cause, 100 * left, 100 * (right - left), strength


def _flags(trace: Trace, view: View) -> Iterator[tuple[int, float]]:
    if len(trace.marks) <= _MOST_FLAGS:
        for number, mark in enumerate(trace.marks, 1):
            yield number, 100 * (mark.t_ns - view.first_ns) / view.span_ns
