"""The time that a row takes the native loop, measured before a capture."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from regtap.clock.source import frequency_hz
from regtap.registers.model import loads_of
from regtap.sampling.channels import channels_of
from regtap.sampling.slices import fill_in_slices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.clock.source import Source
    from regtap.registers.model import Register
    from regtap.targets.device import Device

_ROWS = 1 << 15  # at most: 0.3 ms of the fastest loop
_SLICE_NS = 5_000_000
_TRIES = 10  # a slice is empty where another process takes the CPU from the beginning
_PIECES = 32
_ENOUGH_ROWS = 32 * _PIECES


def row_cost_ns(device: Device, registers: Sequence[Register], source: Source) -> float | None:
    """Return the time from row to row at full rate, for a target that is memory: reading it changes nothing.

    The least of some pieces: an interrupt, or another process on the CPU, only makes a row dearer.

    Args:
        device: Open for the registers.
        registers: In the order of access; of a pair each half is read once.
        source: The counter that ticks come from.

    Returns:
        The time; None where a register does not answer, or too few rows were taken to say.
    """
    loads = loads_of(registers)
    channels = channels_of(device, loads)
    ticks, values = np.zeros(_ROWS, np.uint64), [np.zeros(_ROWS, load.dtype) for load in loads]
    done = 0
    for done, fault in islice(fill_in_slices(channels, ticks, values, source, _SLICE_NS), _TRIES):
        if fault >= 0:
            return None
        if done >= _ENOUGH_ROWS:
            break
    rows = done // _PIECES
    if not rows:
        return None
    edges = ticks[:done:rows].astype(np.int64)
    return float(np.diff(edges).min()) / rows * 1e9 / frequency_hz(source)
