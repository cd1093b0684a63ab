"""The layout of a picture, in pixels from its top left corner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap_analysis.signals.model import Signal

DPI = 100  # a size in pixels is a size in hundredths of an inch
WIDTH_PX = 1200
MOST_HEIGHT_PX = 20_000  # of 1,200 pixels each: 96 MB
_LEAST_HEIGHT_PX = 360
_LEAST_SCALE = 0.3  # of the natural lane height; less is unreadable
MARGIN_PX, LINE_PX = 16, 17
_TITLE, _AXIS, _FOOTER = 46, 38, 18
_STRIP, _AIR = 11, 7
_REGISTER_LANE, _PARENT_LANE, _FIELD_LANE, _BIT_LANE, _STATE_LANE = 110, 64, 38, 22, 26
_REGISTER_SPACE, _FIELD_SPACE = 16, 5
KEY_PX = 15  # of the line below a lane that names its states


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, y downwards."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Rows:
    """How many lines of each kind stand above the lanes, and which lanes have a line of names below."""

    legend: int = 0
    marks: int = 0
    strips: int = 0
    keys: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole picture.

    Attributes:
        width: Width of the picture.
        height: Height of the picture.
        plot: The box that all lanes and strips share.
        legend_top: Top of the first legend line.
        marks_top: Top of the first line of mark names.
        strips: One box for each cause of gaps.
        lanes: One box for each signal.
    """

    width: int
    height: int
    plot: Box
    legend_top: float
    marks_top: float
    strips: tuple[Box, ...]
    lanes: tuple[Box, ...]


def lay_out(signals: Sequence[Signal], rows: Rows, label_px: float, size: tuple[int, int | None]) -> Layout:
    """Return a layout.

    Args:
        signals: One lane each.
        rows: Lines above the lanes.
        label_px: Width of the names and tick labels left of the lanes.
        size: Width and height of the picture; height None takes what the lanes need.

    Raises:
        InputError: The height is too small for so many lanes, or the width for their labels.
    """
    width, height = size
    words = MARGIN_PX + _TITLE + LINE_PX * (rows.legend + rows.marks) + (_AIR if rows.legend else 0)
    above = words + _STRIP * rows.strips
    below = _AXIS + _FOOTER + MARGIN_PX
    lanes = sum(lane_height(signal) for signal in signals)
    spaces = sum(_space(signal) for signal in signals) + KEY_PX * len(rows.keys)
    height = height or max(round(above + below + lanes + spaces), _LEAST_HEIGHT_PX)
    if height > MOST_HEIGHT_PX:
        raise InputError(
            f"{len(signals)} lanes make a picture of {height} pixels; choose some with --register"
        )
    scale = (height - above - below - spaces) / lanes
    plot_width = width - 2 * MARGIN_PX - label_px
    if scale < _LEAST_SCALE or plot_width < 200:
        raise InputError(
            f"{width}x{height} is too small for {len(signals)} lanes; enlarge it, or choose with --register"
        )
    left, legend_top = MARGIN_PX + label_px, float(MARGIN_PX + _TITLE)
    marks_top = words - LINE_PX * rows.marks
    strips = tuple(Box(left, words + _STRIP * row, plot_width, _STRIP - 2) for row in range(rows.strips))
    boxes = _stack(signals, Box(left, above, plot_width, 0), scale, rows.keys)
    last_key = KEY_PX * (len(signals) - 1 in rows.keys)
    plot = Box(left, words, plot_width, boxes[-1].top + boxes[-1].height + last_key - words)
    return Layout(width, height, plot, legend_top, marks_top, strips, boxes)


def _stack(signals: Sequence[Signal], first: Box, scale: float, keys: frozenset[int]) -> tuple[Box, ...]:
    boxes, top = [], first.top
    for number, signal in enumerate(signals):
        top += _space(signal)
        boxes.append(Box(first.left, top, first.width, lane_height(signal) * scale))
        top += boxes[-1].height + KEY_PX * (number in keys)
    return tuple(boxes)


def lane_height(signal: Signal) -> int:
    """Return the preferred height of a signal's lane, in pixels."""
    if signal.has_states:
        return _STATE_LANE
    if signal.field is not None:
        return _BIT_LANE if signal.bits == 1 else _FIELD_LANE
    return _PARENT_LANE if signal.register.fields else _REGISTER_LANE


def _space(signal: Signal) -> int:
    return _REGISTER_SPACE if signal.field is None else _FIELD_SPACE
