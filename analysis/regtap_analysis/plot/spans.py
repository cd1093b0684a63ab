"""Gaps in a picture: their density over its columns, and the stretches of columns with gaps."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from regtap.trace.gaps import Gap
    from regtap_analysis.signals.model import View

    Density = npt.NDArray[np.float64]

_TOUCHED = 1e-6  # a column that a gap only touches is shown too
_MOST_STRIPES, _STRENGTHS = 60, 8


def gap_density(gaps: Sequence[Gap], view: View, columns: int) -> Density:
    """Return the share of gaps in each column's time; a gap with rows inside counts in proportion to its absent rows.

    Args:
        gaps: Gaps of one cause; they may overlap.
        view: The time span of the picture; gaps outside of it do not count.
        columns: How many columns (pixels) it has.

    Returns:
        float64, shape (columns,), 0 where no gap is and above 0 wherever one is, however short; at most 1.
    """
    seen = [gap for gap in gaps if gap.t1_ns >= view.first_ns and gap.t0_ns < view.stop_ns]
    edges: Density = np.arange(columns + 1, dtype=np.float64) * (view.span_ns / columns)
    weights = np.array([gap.count / (gap.count + gap.rows) if gap.rows else 1.0 for gap in seen])
    starts = _moments([gap.t0_ns for gap in seen], view)
    stops = _moments([gap.t1_ns for gap in seen], view)
    elapsed = _elapsed(edges, starts, weights) - _elapsed(edges, stops, weights)
    share = np.diff(elapsed) / (view.span_ns / columns)
    starts, stops = np.sort(starts), np.sort(stops)
    begun = np.searchsorted(starts, edges[1:])
    over = np.searchsorted(stops, edges[:-1])
    return np.where(begun > over, np.clip(share, _TOUCHED, 1.0), 0.0)


def spans(density: Density) -> list[tuple[float, float]]:
    """Return the stretches of neighbouring columns with gaps, in fractions of the picture's width."""
    bounded = np.concatenate(([False], density > 0, [False]))
    changes = np.flatnonzero(bounded[1:] != bounded[:-1])
    return [(left / len(density), right / len(density)) for left, right in changes.reshape(-1, 2).tolist()]


def shades(density: Density) -> list[tuple[float, float, float]]:
    """Return how gaps are shaded in the lanes: left and right edge as in `spans`, and the strength up to 1.

    So many stripes that lanes would drown in them are only as strong as the gaps are dense.
    """
    stretches = spans(density)
    if len(stretches) <= _MOST_STRIPES:
        return [(left, right, 1.0) for left, right in stretches]
    steps = np.ceil(density * _STRENGTHS)
    edges = [0, *(np.flatnonzero(np.diff(steps)) + 1).tolist(), len(steps)]
    return [
        (left / len(steps), right / len(steps), float(steps[left]) / _STRENGTHS)
        for left, right in itertools.pairwise(edges)
        if steps[left]
    ]


def _moments(times_ns: Sequence[int], view: View) -> Density:
    """Return times after the view's first, cut to the view."""
    ends = (0, view.span_ns - 1)
    return np.array([min(max(time - view.first_ns, ends[0]), ends[1]) for time in times_ns], float)


def _elapsed(edges: Density, moments: Density, weights: Density) -> Density:
    """Return, for each edge, how long ago all earlier moments were, times their weights, added up."""
    order = np.argsort(moments, kind="stable")
    moments, weights = moments[order], weights[order]
    heavy = np.concatenate(([0.0], np.cumsum(weights)))
    sums = np.concatenate(([0.0], np.cumsum(moments * weights)))
    earlier = np.searchsorted(moments, edges)
    return edges * heavy[earlier] - sums[earlier]
