"""From a trace to the bytes of a PNG or SVG file; the same trace and options give the same bytes."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.trace.moments import moment_text
from regtap_analysis.plot import caption
from regtap_analysis.plot.layout import DPI, WIDTH_PX
from regtap_analysis.signals.model import View, signals_of, whole_view
from regtap_analysis.signals.pyramid import read_signals
from regtap_bench.drawing import load_matplotlib, missing_glyphs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from matplotlib.figure import Figure

    from regtap.trace.metadata import Mark
    from regtap.trace.reader import Trace
    from regtap_analysis.signals.model import Reading

_MOST_BUCKETS = 2000
_LABELS_PX = 200  # about what stands left of the lanes: there is no use in more buckets than pixels
_SETTINGS = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "regtap",  # the same names for the same shapes, every time
    "path.simplify": False,
}


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """Options of a picture: its content and its size.

    Attributes:
        registers: Their names; empty for all.
        first_ns: First time shown; None from the start.
        stop_ns: Time after the last one shown; None to the end.
        zero: The mark from which the axis counts time; None: the start of the trace.
        width: In pixels.
        height: In pixels; None takes what the lanes need.
        format: `png` or `svg`.
    """

    registers: Sequence[str] = ()
    first_ns: int | None = None
    stop_ns: int | None = None
    zero: Mark | None = None
    width: int = WIDTH_PX
    height: int | None = None
    format: str = "png"


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture.

    Attributes:
        content: The file's bytes.
        view: The time span of the picture.
        reading: The data of the picture.
        missing: Characters that no font of this machine has, in order; each is drawn as an empty box.
    """

    content: bytes
    view: View
    reading: Reading
    missing: str = ""


def make_picture(trace: Trace, options: PictureOptions) -> Picture:
    """Read a trace once and draw its picture.

    Raises:
        InputError: A register is unknown, the stretch of time holds nothing, or the size is too small.
        TraceError: A part is damaged.
    """
    load_matplotlib()
    import matplotlib as mpl

    from regtap_analysis.plot.figure import draw
    from regtap_analysis.plot.plan import Content

    signals = signals_of(trace, options.registers)
    buckets = _buckets(options)
    view = _view(trace, options, buckets)
    reading = read_signals(trace, signals, view, buckets)
    settings: Any = {**mpl.rcParamsDefault, **_SETTINGS}
    with mpl.rc_context(settings), missing_glyphs() as missing:
        figure = draw(Content(trace, view, reading, buckets, (options.width, options.height), options.zero))
        content = _png(figure) if options.format == "png" else _svg(figure, trace, view)
    return Picture(content, view, reading, "".join(sorted(missing)))


def _buckets(options: PictureOptions) -> int:
    """Return the number of buckets: at most 2,000; in a picture of pixels each bucket has a whole number of them."""
    pixels = max(options.width - _LABELS_PX, 100)
    return min(_MOST_BUCKETS, pixels) if options.format == "png" else _MOST_BUCKETS


def _view(trace: Trace, options: PictureOptions, buckets: int) -> View:
    whole = whole_view(trace)
    first = whole.first_ns if options.first_ns is None else options.first_ns
    stop = whole.stop_ns if options.stop_ns is None else options.stop_ns
    if first >= stop or first >= whole.stop_ns or stop <= whole.first_ns:
        raise InputError(_nothing_there(trace, options, whole))
    margin = whole.span_ns // 60 + 10 if trace.rows <= buckets else 0  # single samples need room around them
    before = margin if options.first_ns is None and first else 0
    return View(first - before, stop + (margin if options.stop_ns is None else 0))


def _nothing_there(trace: Trace, options: PictureOptions, whole: View) -> str:
    """Return the error for a stretch without rows, in times as they were asked for."""

    def at(t_ns: int) -> str:
        return moment_text(t_ns, options.zero)

    ends = ((" from ", options.first_ns), (" to ", options.stop_ns))
    asked = "".join(f"{word}{at(t_ns)}" for word, t_ns in ends if t_ns is not None)
    held = f"begins at {at(whole.first_ns)} and ends at {at(whole.stop_ns)}"
    return f"there is nothing to show{asked}; {trace.path} {held}"


def _png(figure: Figure) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    file = io.BytesIO()
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(file, metadata={"Software": None})
    return file.getvalue()


def _svg(figure: Figure, trace: Trace, view: View) -> bytes:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    file = io.BytesIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(file, metadata={"Date": None, "Creator": None})
    texts = caption.title(trace), caption.description(trace, view)
    title, description = (escape(text, quote=False) for text in texts)
    words = f"<title>{title}</title>\n <desc>{description}</desc>"
    text = file.getvalue().decode()
    width, height = (round(inches * DPI) for inches in figure.get_size_inches())
    text = re.sub(
        r'width="[0-9.]+pt" height="[0-9.]+pt"', f'width="{width}" height="{height}"', text, count=1
    )
    return re.sub(r"<svg[^>]*>", lambda head: f"{head[0]}\n {words}", text, count=1).encode()
