"""The axis of time of a view: from the trace's start, or from a mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap_analysis.plot.caption import cut_name
from regtap_analysis.plot.ticks import Axis, time_axis

if TYPE_CHECKING:
    from regtap.trace.metadata import Mark
    from regtap_analysis.signals.model import View


def aligned_axis(view: View, zero: Mark | None, most: int) -> Axis:
    """Return the axis of a view; the places of its ticks are times of the trace.

    Args:
        view: The stretch of time shown.
        zero: The mark from which the labels count; None: the start of the trace.
        most: How many ticks there is room for.
    """
    if zero is None:
        return time_axis(view.first_ns, view.stop_ns, most)
    axis = time_axis(view.first_ns - zero.t_ns, view.stop_ns - zero.t_ns, most, cut_name(zero.text))
    return Axis(tuple((place + zero.t_ns, label) for place, label in axis.ticks), axis.label)
