"""CHECK of the simulated device tells the count that it was read at."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def count_of(check: int) -> int:
    """Run the hash backwards, with the inverses of its factors modulo 2**32."""
    value = check ^ (check >> 16)
    value = value * pow(0xC2B2AE35, -1, 2**32) % 2**32
    value ^= (value >> 13) ^ (value >> 26)
    value = value * pow(0x85EBCA6B, -1, 2**32) % 2**32
    return value ^ (value >> 16)


def assert_checks_fit_counts(counts: npt.NDArray[Any], checks: npt.NDArray[Any]) -> None:
    """Each CHECK was read between COUNT32 of its row and that of the next, however long the loop stood in between."""
    counts = counts.astype(np.int64)
    distinct, inverse = np.unique(checks, return_inverse=True)
    of_checks = np.array([count_of(int(check)) for check in distinct])[inverse]
    assert np.all(of_checks >= counts)
    assert np.all(of_checks[:-1] <= counts[1:])
