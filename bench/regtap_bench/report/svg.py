"""Figures as SVG inside a page: they scale with the page, and need no network."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

from regtap_bench.drawing import missing_glyphs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's palette, told apart with every kind of colour vision; the dashes tell the second round apart.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
GRID, INK, FAINT_INK, PAPER = "#E0E0E0", "#000000", "#606060", "#FFFFFF"
# The page's own colours, which are others in the dark (page/style.css).
_ON_THE_PAGE = {
    **{colour: f"var(--line{number})" for number, colour in enumerate(_COLOURS, 1)},
    GRID: "var(--grid)",
    INK: "var(--ink)",
    FAINT_INK: "var(--grey)",
    PAPER: "var(--paper)",
}
_COLOUR = re.compile(r"(?<=: )#[0-9a-f]{6}\b")
_DASHES = ("solid", "dashed", "dotted", "dashdot")
STYLE: Any = {
    "svg.fonttype": "none",  # words stay words: small, sharp, and to be searched for
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
SIZE_IN = (4.6, 3.4)  # legible on a phone too
LEGEND_LINE_IN = 0.21


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure with its words.

    Attributes:
        title: Its heading.
        svg: Markup; contains nothing that was typed by a user.
        alternative: The picture in words, for readers who cannot see it.
        caption: An explanation for the reader.
    """

    title: str
    svg: str
    alternative: str
    caption: str


def curve_style(at: int) -> dict[str, Any]:
    """Return the colour and dashes of a figure's line, by its number."""
    colour, dash = _COLOURS[at % len(_COLOURS)], _DASHES[at // len(_COLOURS) % len(_DASHES)]
    return {"color": colour, "linestyle": dash, "linewidth": 1.6}


def to_svg(figure: Figure, name: str) -> str:
    """Return the markup of a figure without XML header and size; the names inside are prefixed with the figure's."""
    buffer = io.StringIO()
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    # Words stay words: the page's reader may have a glyph that is missing here.
    with mpl.rc_context({"svg.hashsalt": name}), missing_glyphs():
        figure.savefig(buffer, format="svg", metadata=metadata)
    markup = buffer.getvalue()
    markup = markup[markup.index("<svg") :]
    markup = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", markup, count=1)
    markup = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", markup, count=1)
    markup = re.sub(r"<metadata>.*?</metadata>", "", markup, flags=re.DOTALL)
    markup = _COLOUR.sub(lambda found: _ON_THE_PAGE.get(found[0].upper(), found[0]), markup)
    names = re.compile(r'(id="|href="#|url\(#)')
    return names.sub(rf"\g<1>{name}-", markup.replace("<svg", '<svg aria-hidden="true"', 1))
