"""The legend of a picture: one entry for each cause of gaps, with its width and its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap_analysis.plot.caption import legend_entry
from regtap_analysis.plot.layout import MARGIN_PX
from regtap_analysis.plot.text import TEXT_PT, wrap

if TYPE_CHECKING:
    from regtap.trace.reader import Trace
    from regtap_analysis.plot.text import Measure, Placed

SWATCH_PX = 16  # before an entry's text
_SPACE_PX = 22  # between two entries


def legend_of(trace: Trace, measure: Measure, width_px: int) -> tuple[tuple[str, str, Placed], ...]:
    """Return cause, words and place of each entry; entries that the picture's width has no room for begin a line."""
    holes = [summary for summary in trace.gap_summary if not summary.holds]
    entries = [legend_entry(summary) for summary in holes]
    widths = [SWATCH_PX + measure.width(entry, TEXT_PT) for entry in entries]
    places = wrap(widths, width_px - 2 * MARGIN_PX, _SPACE_PX)
    return tuple(zip([summary.cause for summary in holes], entries, places, strict=True))
