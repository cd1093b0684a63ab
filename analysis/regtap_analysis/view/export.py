"""Writes a page of a trace as one file, which needs no network and is small enough to mail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regtap.errors import InputError
from regtap.units.format import count_of, format_duration_ns
from regtap_analysis.signals.model import View
from regtap_analysis.view.columns import columns_of, head_of
from regtap_analysis.view.page import single_file

if TYPE_CHECKING:
    from regtap_analysis.view.session import Session

MOST_BYTES = 5_000_000
_FOR_PAGE_BYTES = 400_000  # the page itself, names and the list of gaps
_MOST_COLUMNS = 1 << 16
_LEAST_COLUMNS = 200
_BUDGET_ROWS = 1 << 28  # decoded at most, for each trace


@dataclass(frozen=True, slots=True)
class Export:
    """A finished file.

    Attributes:
        content: Its bytes.
        note: To what resolution it shows the trace.
    """

    content: bytes
    note: str


def export(session: Session, first_ns: int | None, stop_ns: int | None) -> Export:
    """Make the file of a stretch of time.

    Args:
        session: The traces and lanes to show.
        first_ns: First time; None: from the start.
        stop_ns: Time after the last; None: to the end.

    Raises:
        InputError: The stretch holds nothing, or so many lanes do not fit.
        TraceError: A part is damaged.
    """
    view = _stretch(session, first_ns, stop_ns)
    columns = _columns(session, view)
    content = columns_of(session, session.lanes, view, columns, _BUDGET_ROWS)
    width = format_duration_ns(-(-view.span_ns // columns))
    note = _note(content, f"smallest and largest of every {width}, in {count_of(columns, 'column')}")
    info = {
        **session.describe(),
        "first": str(view.first_ns),
        "stop": str(view.stop_ns),
        "live": False,
        "note": f"This file holds {note}. ? for keys",
    }
    return Export(single_file(info, content), note)


def _note(content: bytes, reduced: str) -> str:
    """Return what columns hold: every sample, or what they are `reduced` to, or of some traces this, of others that."""
    whole = {"times" in lane["arrays"] for lane in head_of(content)["lanes"]}
    if len(whole) == 1:
        return "every sample" if whole == {True} else reduced
    return f"every sample where a trace has few, or else {reduced}"


def _stretch(session: Session, first_ns: int | None, stop_ns: int | None) -> View:
    whole = session.view
    first = whole.first_ns if first_ns is None else max(first_ns, whole.first_ns)
    stop = whole.stop_ns if stop_ns is None else min(stop_ns, whole.stop_ns)
    if first >= stop:
        held = f"{format_duration_ns(whole.first_ns)} to {format_duration_ns(whole.stop_ns)}"
        raise InputError(f"there is nothing to export from there; the trace holds {held}")
    return View(first, stop)


def _columns(session: Session, view: View) -> int:
    """Return how many columns fit: three arrays and a flag each, or a sample with its time and a flag."""
    widths = [np.dtype(lane.signal.register.dtype).itemsize for lane in session.lanes]
    causes = sum(len(shown.trace.gap_summary) for shown in session.shown)
    each = sum(max(9 + width, 3 * width + 1) for width in widths) + 5 * causes
    columns = min((MOST_BYTES - _FOR_PAGE_BYTES) * 3 // 4 // each, _MOST_COLUMNS, max(1, view.span_ns))
    if columns < min(_LEAST_COLUMNS, view.span_ns):
        raise InputError(f"{len(widths)} lanes do not fit into a file of 5 MB; choose some with --register")
    return columns
