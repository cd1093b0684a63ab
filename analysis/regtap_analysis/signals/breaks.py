"""Where a line must not be drawn on: gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from regtap.trace.gaps import Gap
    from regtap.trace.reader import Trace
    from regtap_analysis.signals.envelope import Times
    from regtap_analysis.signals.model import Signal


def unknown_in(trace: Trace, signal: Signal) -> list[Gap]:
    """Return the gaps in which a signal's value is not known: where it held, it is."""
    return unknown_gaps(trace, is_held=signal.holds(trace.mode.on_change))


def unknown_gaps(trace: Trace, *, is_held: bool) -> list[Gap]:
    """Return the gaps in which the value of some signals is not known.

    Args:
        trace: The trace.
        is_held: Whether the signals held in gaps of unchanged samples; see `Signal.holds`.
    """
    return [gap for gap in trace.gaps if not (gap.holds and is_held)]


class Breaks:
    """Tells between which moments a line must not be drawn, because a gap lies there.

    A gap with rows inside breaks nothing: these rows are the line, with a few slots missing here and there.

    Args:
        gaps: The gaps in which the value is not known.
    """

    def __init__(self, gaps: Sequence[Gap]) -> None:
        whole = [gap for gap in gaps if not gap.rows]
        self._starts_ns = np.sort(np.array([gap.t0_ns for gap in whole], np.int64))
        self._stops_ns = np.sort(np.array([gap.t1_ns for gap in whole], np.int64))

    def between(self, left_ns: Times, right_ns: Times) -> npt.NDArray[np.bool_]:
        """Return for each pair of moments whether a gap overlaps the time between them."""
        begun = np.searchsorted(self._starts_ns, right_ns)
        over = np.searchsorted(self._stops_ns, left_ns, side="right")
        overlapped: npt.NDArray[np.bool_] = begun > over
        return overlapped
