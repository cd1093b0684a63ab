"""Smallest and largest value of the signals of one register in each of several runs of its samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regtap_analysis.signals.envelope import Indices, Values
    from regtap_analysis.signals.model import Signal


def extremes(
    values: Values, starts: Indices, signals: Sequence[Signal]
) -> Iterator[tuple[Signal, Values, Values]]:
    """Yield each signal with its smallest and its largest value in each run.

    The fields share two passes over the samples: which bits are always set in a run, and which ever are. They tell all
    of a field of one bit, and of any field that does not change within a run.

    Args:
        values: The register's samples, shape (rows,).
        starts: The first row of each run, increasing, shape (runs,), runs >= 1; the last run ends with the samples.
        signals: The register itself, or fields of it.
    """
    if any(signal.field for signal in signals):
        always, ever = np.bitwise_and.reduceat(values, starts), np.bitwise_or.reduceat(values, starts)
    for signal in signals:
        if signal.field:
            low, high = signal.pick(always), signal.pick(ever)
            if signal.bits == 1 or np.array_equal(low, high):
                yield signal, low, high
                continue
        picked = signal.pick(values)
        yield signal, np.minimum.reduceat(picked, starts), np.maximum.reduceat(picked, starts)
