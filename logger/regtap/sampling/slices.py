"""Filling arrays in slices of time, between which Python may look around."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap import _native

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from regtap.clock.source import Source


def fill_in_slices(
    channels: Sequence[tuple[_native.Window, int, _native.Kind]],
    ticks: npt.NDArray[np.uint64],
    values: list[npt.NDArray[np.unsignedinteger]],
    source: Source,
    slice_ns: int,
) -> Iterator[tuple[int, int]]:
    """Take rows until the arrays are full; a bus error ends a slice, but not the loop: its caller stops.

    Args:
        channels: The registers, in the order of access; keep their device open.
        ticks: Gets the tick of each row, shape (N,).
        values: Get the samples, one array of shape (N,) for each register.
        source: The counter that ticks come from.
        slice_ns: The time after which a slice ends, about.

    Yields:
        After each slice the rows so far, in all, and the number of the register that did not answer (-1: all did).
    """
    done = last = 0
    while done < len(ticks):
        taken, fault, last = _native.sample_into(
            channels=channels,
            ticks=ticks,
            values=values,
            first=done,
            source=source,
            slice_ns=slice_ns,
            last=last,
        )
        done += taken
        yield done, fault
