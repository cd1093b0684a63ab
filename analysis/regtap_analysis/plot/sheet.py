"""The sheet that a picture is drawn on, in pixels from its top left corner.

It has none of matplotlib's axes and their ticks: the layout has a place for everything already, and they took as much
CPU time as all the rest of a drawing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Affine2D, Bbox, TransformedBbox

from regtap_analysis.plot.caption import printable
from regtap_analysis.plot.layout import DPI

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import numpy.typing as npt
    from matplotlib.artist import Artist

    from regtap_analysis.plot.layout import Box

    Points = npt.ArrayLike  # shape (points, 2): x and y
    Floats = npt.NDArray[Any]

BACK, DATA, FRONT, WORDS = range(4)  # the layers of a picture, from the lowest
INK, GREY, FAINT = "#1A1A1A", "#666666", "#E6E6E6"


def px(points: float) -> float:
    """Return typographic points in pixels."""
    return points * DPI / 72


class Sheet:
    """A picture in the making.

    Args:
        width: In pixels.
        height: In pixels.

    Attributes:
        figure: The figure with all that was drawn.
    """

    def __init__(self, width: int, height: int) -> None:
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
        self._pixels = Affine2D().scale(1 / width, -1 / height).translate(0, 1) + self.figure.transFigure

    def lines(
        self, lines: Sequence[Points], layer: int = DATA, clip: Box | None = None, **style: Any
    ) -> None:
        """Draw lines, each through its points."""
        self._add(LineCollection(list(lines), transform=self._pixels, **style), layer, clip)

    def areas(
        self, outlines: Sequence[Points], layer: int = DATA, clip: Box | None = None, **style: Any
    ) -> None:
        """Draw areas, each within its outline."""
        self._add(PolyCollection(list(outlines), transform=self._pixels, **style), layer, clip)

    def curve(self, x: Floats, y: Floats, clip: Box, **style: Any) -> None:
        """Draw a line through many points; it is interrupted where y is NaN."""
        self._add(Line2D(x, y, transform=self._pixels, **style), DATA, clip)

    def dots(self, x: Floats, y: Floats, colour: str, size_pt: float) -> None:
        """Draw round dots."""
        style: dict[str, Any] = {"linestyle": "none", "marker": "o", "markeredgewidth": 0, "color": colour}
        self._add(Line2D(x, y, transform=self._pixels, markersize=size_pt, **style), DATA, None)

    def text(self, place: tuple[float, float], text: str, layer: int = WORDS, **style: Any) -> None:
        """Draw a line of text; its middle is at `place` upwards, its left end sideways, unless `style` says else."""
        style = {"color": INK, "va": "center", **style}
        self.figure.text(
            *place, printable(text), transform=self._pixels, parse_math=False, zorder=layer, **style
        )

    def _add(self, artist: Artist, layer: int, clip: Box | None) -> None:
        artist.set_zorder(layer)
        if clip is not None:
            corners = [[clip.left, clip.top + clip.height], [clip.left + clip.width, clip.top]]
            artist.set_clip_box(TransformedBbox(Bbox(corners), self._pixels))
        self.figure.add_artist(artist)


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the values of a lane lie on the sheet.

    Attributes:
        box: The lane's place.
        span_ns: The time that its width stands for.
        low: The value at its bottom.
        high: The value at its top.
    """

    box: Box
    span_ns: int
    low: float = 0.0
    high: float = 1.0

    def x(self, times_ns: Any) -> Any:
        """Return the places of times after the left edge."""
        return self.box.left + times_ns * (self.box.width / self.span_ns)

    def y(self, values: Any) -> Any:
        """Return the heights of values."""
        return self.box.top + (self.high - values) * (self.box.height / (self.high - self.low))


def rectangle(left: float, top: float, width: float, height: float) -> list[tuple[float, float]]:
    """Return the corners of a rectangle."""
    return [(left, top + height), (left, top), (left + width, top), (left + width, top + height)]
