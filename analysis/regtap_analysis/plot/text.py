"""Fits texts into a picture: widths of texts, positions of names of marks and of legend entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from regtap_analysis.plot.layout import DPI

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

TEXT_PT, SMALL_PT = 9.0, 7.8
_MOST_LETTERS = 400  # that are measured: more than fit any place


@dataclass(frozen=True, slots=True)
class Placed:
    """The position of a text: its left edge in pixels and its line; None: it does not fit."""

    left: float
    line: int | None


class Measure:
    """Measures text in the pictures' font."""

    def __init__(self) -> None:
        canvas: Any = FigureCanvasAgg(Figure(dpi=DPI))
        self._renderer = canvas.get_renderer()

    def width(self, text: str, points: float, weight: str = "normal") -> float:
        """Return the width of a line of text in pixels; for a long line, of its beginning."""
        properties = FontProperties(size=points, weight=weight)
        return float(
            self._renderer.get_text_width_height_descent(text[:_MOST_LETTERS], properties, ismath=False)[0]
        )

    def fit(self, text: str, points: float, most_px: float, weight: str = "normal") -> str:
        """Return the text, shortened with an ellipsis if it is wider than most_px."""
        if len(text) <= _MOST_LETTERS and self.width(text, points, weight) <= most_px:
            return text
        fits, too_many = 0, min(len(text), _MOST_LETTERS)
        while too_many - fits > 1:
            middle = (fits + too_many) // 2
            if self.width(f"{text[:middle]}…", points, weight) <= most_px:
                fits = middle
            else:
                too_many = middle
        return f"{text[:fits]}…"


def wrap(widths: Sequence[float], line_px: float, space_px: float) -> list[Placed]:
    """Place entries one after the other, on as many lines as needed."""
    placed: list[Placed] = []
    left, line = 0.0, 0
    for width in widths:
        if left and left + width > line_px:
            left, line = 0.0, line + 1
        placed.append(Placed(left, line))
        left += width + space_px
    return placed


def place_names(
    anchors: Sequence[float], width_of: Callable[[int], float], line_px: float, lines: int
) -> list[Placed]:
    """Place names at their anchors without overlaps.

    Args:
        anchors: The wanted left edge of each text, increasing, in pixels.
        width_of: Returns how wide a name is, by its number; asked only where there may be room.
        line_px: Width of a line; a name that would stand out at its end is moved left.
        lines: The number of lines.
    """
    ends = [float("-inf")] * lines
    placed: list[Placed] = []
    for number, anchor in enumerate(anchors):
        if anchor <= min(ends):
            placed.append(Placed(anchor, None))
            continue
        width = width_of(number)
        left = max(min(anchor, line_px - width), 0.0)
        line = next((line for line, end in enumerate(ends) if left > end), None)
        if line is not None:
            ends[line] = left + width + 8
        placed.append(Placed(left, line))
    return placed
