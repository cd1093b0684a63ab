"""Slow Python twins of the native loops: the same contract, plain enough to be believed."""

from __future__ import annotations

import itertools
import time
from bisect import bisect_right
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from regtap import _native
from regtap.spool.block import TickGap

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

_WIDTHS = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "u16be": 2, "u32be": 4, "u64be": 8}


def sample_into(
    channels: Sequence[tuple[_native.Window, int, _native.Kind]],
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
        for k, (window, offset, kind) in enumerate(channels):
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


@dataclass(frozen=True)
class Paced:
    """What a paced loop took: the moment of each row in ns, and the gaps of missed slots."""

    due: int
    rows_ns: list[int]
    gaps: list[TickGap]


_SPIN_NS = 200_000
_GAP_NS = 100_000_000  # a gap of its own for each run of missed slots: ten a second,
_BURST = 64  # and this many at once


def pace(period_ns: Fraction, slots: int, samples: int) -> Paced:
    """Twin of a paced Sampler whose ring has room: an absolute schedule, late slots skipped, gaps joined."""
    start_ns = time.monotonic_ns()
    rows_ns: list[int] = []
    gaps: list[TickGap] = []
    slot = used_up_to_ns = before = 0
    while slot < slots and len(rows_ns) < samples:
        due_ns = start_ns + int(slot * period_ns)
        if due_ns - time.monotonic_ns() > _SPIN_NS:
            time.sleep((due_ns - time.monotonic_ns() - _SPIN_NS) / 1e9)
        while (now_ns := time.monotonic_ns()) < due_ns:
            pass
        missed = min(int((now_ns - due_ns) / period_ns), slots - slot)
        if missed and gaps and now_ns + _BURST * _GAP_NS < used_up_to_ns:
            last = gaps[-1]
            inside = len(rows_ns) - before
            gaps[-1] = replace(last, count=last.count + missed, t1_ticks=now_ns, rows=inside)
        elif missed:
            used_up_to_ns = max(used_up_to_ns, now_ns) + _GAP_NS
            before = len(rows_ns)
            gaps.append(TickGap(slot, missed, due_ns, now_ns, "missed"))
        slot += missed
        if slot < slots:
            rows_ns.append(now_ns)
            slot += 1
    return Paced(slot, rows_ns, gaps)


def register_bytes(kind: str, value: int) -> bytes:
    """Return a register's bytes in memory for a value, which is cut to the register's width."""
    width = _WIDTHS[kind]
    cut = value & ((1 << (8 * width)) - 1)
    return cut.to_bytes(width, "big" if kind.endswith("be") else "little")


class Monitor:
    """Twin of _native.Monitor: keeps every value, and counts when it is asked.

    Args:
        kinds: Of the registers.
        probes: Number of a register, lowest bit, number of bits.
    """

    def __init__(self, kinds: Sequence[str], probes: Sequence[tuple[int, int, int]]) -> None:
        self._kinds = kinds
        self._probes = probes
        self._all: list[list[int]] = [[] for _ in probes]  # since the beginning, or a restart
        self._recent: list[list[int]] = [[] for _ in probes]  # since the look before, and the value held then
        self._restarts = False

    def take_row(self, values: Sequence[int]) -> None:
        """Read each register once."""
        if self._restarts:
            self._all = [seen[-1:] for seen in self._all]
            self._restarts = False
        for k, (number, lsb, bits) in enumerate(self._probes):
            whole = values[number] & ((1 << (8 * _WIDTHS[self._kinds[number]])) - 1)
            value = (whole >> lsb) & ((1 << bits) - 1)
            self._all[k].append(value)
            self._recent[k].append(value)

    def restart(self) -> None:
        """Let the counts begin anew with the next row."""
        self._restarts = True

    def look(self) -> list[tuple[int, ...]]:
        """Return value, changes, smallest, largest, and the extremes since the look before, for each probe."""
        found: list[tuple[int, ...]] = [
            (
                seen[-1],
                sum(a != b for a, b in itertools.pairwise(seen)),
                min(seen),
                max(seen),
                min(recent),
                max(recent),
            )
            for seen, recent in zip(self._all, self._recent, strict=True)
            if seen
        ]
        self._recent = [recent[-1:] for recent in self._recent]
        return found
