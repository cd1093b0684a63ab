"""Slow Python twins of the native loops: the same contract, plain enough to be believed."""

from __future__ import annotations

from bisect import bisect_right
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from regtap import _native

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

_WIDTHS = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "u16be": 2, "u32be": 4, "u64be": 8}


def sample_into(
    places: Sequence[tuple[_native.Window, int, _native.Kind]],
    ticks: npt.NDArray[np.uint64],
    values: Sequence[npt.NDArray[Any]],
    first: int,
    source: _native.Source,
    slice_ns: int,
    last: int,
) -> tuple[int, int, int]:
    """Twin of _native.sample_into; never ends by slice_ns."""
    for row in range(first, len(ticks)):
        last = max(last, _native.take_anchor(source)[0])
        for k, (window, offset, kind) in enumerate(places):
            width = _WIDTHS[kind.name]
            try:
                raw = window.load(offset, width).to_bytes(width, "little")
            except _native.BusFault:
                return row - first, k, last
            values[k][row] = int.from_bytes(raw, "big" if kind.name.endswith("be") else "little")
        ticks[row] = last
    return len(ticks) - first, -1, last


def convert_ticks(
    ticks: npt.NDArray[np.uint64],
    ns: npt.NDArray[np.int64],
    anchor_ticks: npt.NDArray[np.uint64],
    anchor_ns: npt.NDArray[np.int64],
    floor_ns: int,
) -> tuple[int, int]:
    """Twin of _native.convert_ticks, in exact arithmetic."""
    at, to = [int(tick) for tick in anchor_ticks], [int(value) for value in anchor_ns]
    last, longest = floor_ns, 0
    for i, tick in enumerate(int(tick) for tick in ticks):
        k = min(max(bisect_right(at, tick) - 1, 0), len(at) - 2)
        slope = Fraction(to[k + 1] - to[k], at[k + 1] - at[k])
        value = max(to[k] + round((tick - at[k]) * slope), last)
        if last >= 0:
            longest = max(longest, value - last)
        ns[i] = last = value
    return last, longest
