"""Fits texts into a picture: widths of texts, positions of names of marks and of legend entries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from regtap_analysis.plot.layout import DPI

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

TEXT_PT, SMALL_PT = 9.0, 7.8
_MOST_LETTERS = 400  # that are measured: more than fit any place
_TEXT_HEAD, _NAME_HEADS = 1.0, (0.0, 0.3, 0.5, 0.7, 1.0)  # the shares of what is kept before the ellipsis


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

    def fit(self, text: str, points: float, most_px: float) -> str:
        """Return the text, shortened with an ellipsis at its end if it is wider than most_px."""
        return _cut(text, _TEXT_HEAD, lambda part: self._fits(part, (points, most_px), "normal"))

    def fit_name(
        self, name: str, others: Iterable[str], place: tuple[float, float], weight: str = "normal"
    ) -> str:
        """Return the name of a lane, shortened as `shorten` does it.

        Args:
            name: The name.
            others: The names of all lanes.
            place: Its size in points, and its greatest width in pixels.
            weight: Weight of its letters.
        """
        return shorten(name, others, lambda part: self._fits(part, place, weight))

    def _fits(self, text: str, place: tuple[float, float], weight: str) -> bool:
        points, most_px = place
        return len(text) <= _MOST_LETTERS and self.width(text, points, weight) <= most_px


def shorten(name: str, others: Iterable[str], fits: Callable[[str], bool]) -> str:
    """Return a name, with an ellipsis for a part of it if it is too long; the page's names.js does the same.

    Registers of a block differ in the tail of their names, so that is kept, unless another cut alone tells the name
    from the others.

    Args:
        name: The name.
        others: The names from which the shortened one should differ, of which it may be one.
        fits: Returns whether there is room for a text.
    """
    if fits(name):
        return name
    rivals = [other for other in others if other != name]
    for head in _NAME_HEADS:
        cut = _cut(name, head, fits)
        if not any(_is_cut_of(cut, rival) for rival in rivals):
            return cut
    return _cut(name, _NAME_HEADS[0], fits)


def _cut(text: str, head: float, fits: Callable[[str], bool]) -> str:
    """Return as much of a text as fits; `head` is the share of the letters before the ellipsis."""
    if fits(text):
        return text
    kept, too_many = 0, len(text)
    while too_many - kept > 1:
        middle = (kept + too_many) // 2
        if fits(_with_ellipsis(text, head, middle)):
            kept = middle
        else:
            too_many = middle
    return _with_ellipsis(text, head, kept)


def _with_ellipsis(text: str, head: float, kept: int) -> str:
    first = math.ceil(kept * head)
    return f"{text[:first]}…{text[len(text) - kept + first :]}"


def _is_cut_of(cut: str, name: str) -> bool:
    first, last = cut.split("…", 1) if "…" in cut else (cut, "")
    return name.startswith(first) and name.endswith(last)


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
