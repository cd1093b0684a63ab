"""Loops that people write in Python to log a register into numpy arrays: the best ones found, and the usual one.

Each touches the register once a row, in its own width, and takes a time before it; none stores anything on disk.
Their rows go where the caller says, or are made into arrays at the end.
"""

from __future__ import annotations

from itertools import repeat
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Times = npt.NDArray[np.int64]
    Values = npt.NDArray[np.uint32]


def into_numpy_items(register: memoryview, times: Times, values: Values) -> None:
    """Assign array elements: the loop that comes to mind first."""
    now = perf_counter_ns
    for i in range(len(times)):
        times[i] = now()
        values[i] = register[0]


def into_memoryviews(register: memoryview, times: Times, values: Values) -> None:
    """Assign elements of memoryviews over the arrays: no numpy scalar is made."""
    now = perf_counter_ns
    at, value = _elements(times), _elements(values)
    for i in range(len(at)):
        at[i] = now()
        value[i] = register[0]


def into_lists(register: memoryview, times: Times, values: Values) -> None:
    """Assign list elements, and copy them into the arrays at the end."""
    now = perf_counter_ns
    at: list[int] = [0] * len(times)
    value: list[int] = [0] * len(times)
    for i in range(len(at)):
        at[i] = now()
        value[i] = register[0]
    times[:] = at
    values[:] = value


def from_generator(register: memoryview, times: Times, values: Values) -> None:
    """Let np.fromiter pull times and values in turn."""
    now = perf_counter_ns

    def rows() -> Any:
        for _ in repeat(None, len(times)):
            yield now()
            yield register[0]

    flat = np.fromiter(rows(), np.int64, count=2 * len(times))
    times[:] = flat[::2]
    values[:] = flat[1::2]


def with_periphery(read32: Callable[[int], int], times: Times, values: Values) -> None:
    """Call python-periphery's MMIO.read32, stored in the quickest way above."""
    now = perf_counter_ns
    at, value = _elements(times), _elements(values)
    for i in range(len(at)):
        at[i] = now()
        value[i] = read32(0)


def _elements(array: Any) -> memoryview:
    return memoryview(array)


PURE = {
    "python: numpy items": into_numpy_items,
    "python: memoryviews": into_memoryviews,
    "python: lists": into_lists,
    "python: generator": from_generator,
}
