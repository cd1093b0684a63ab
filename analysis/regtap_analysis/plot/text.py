"""Fitting words into a picture: how wide they are, and where names of marks and legend entries go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from regtap_analysis.plot.layout import DPI

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


@dataclass(frozen=True, slots=True)
class Placed:
    """A word's place: its left edge in pixels, and its line, or None where it does not fit."""

    left: float
    line: int | None


class Measure:
    """Measures text in the pictures' font."""

    def __init__(self) -> None:
        canvas: Any = FigureCanvasAgg(Figure(dpi=DPI))
        self._renderer = canvas.get_renderer()

    def width(self, text: str, points: float, weight: str = "normal") -> float:
        """Return the width of a line of text in pixels."""
        properties = FontProperties(size=points, weight=weight)
        return float(self._renderer.get_text_width_height_descent(text, properties, ismath=False)[0])

    def fit(self, text: str, points: float, most_px: float, weight: str = "normal") -> str:
        """Return the text, cut with an ellipsis where it is wider than most_px."""
        if self.width(text, points, weight) <= most_px:
            return text
        kept = text
        while kept and self.width(f"{kept}…", points, weight) > most_px:
            kept = kept[:-1]
        return f"{kept}…"


def wrap(widths: Sequence[float], line_px: float, space_px: float) -> list[Placed]:
    """Place entries one after the other on as many lines as they need."""
    placed: list[Placed] = []
    left, line = 0.0, 0
    for width in widths:
        if left and left + width > line_px:
            left, line = 0.0, line + 1
        placed.append(Placed(left, line))
        left += width + space_px
    return placed


def place_names(
    anchors: Sequence[float], widths: Sequence[float], line_px: float, lines: int
) -> list[Placed]:
    """Place names at their anchors so that none overlaps another.

    Args:
        anchors: Where each one wants its left edge, increasing, in pixels.
        widths: How wide each is.
        line_px: Width of a line; a name that would stand out at its end is moved left.
        lines: How many lines there are.
    """
    ends = [float("-inf")] * lines
    placed: list[Placed] = []
    for anchor, width in zip(anchors, widths, strict=True):
        left = max(min(anchor, line_px - width), 0.0)
        line = next((line for line, end in enumerate(ends) if left > end), None)
        if line is not None:
            ends[line] = left + width + 8
        placed.append(Placed(left, line))
    return placed
