"""The verdict on an interval against a margin."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regtap_bench.figures.estimate import Estimate


class Verdict(enum.StrEnum):
    """How an arm compares with another."""

    FASTER = "faster"
    SLOWER = "slower"
    EQUIVALENT = "equivalent"
    UNRESOLVED = "unresolved"


def judge(log_ratio: Estimate, margin: float) -> Verdict:
    """Return the verdict: resolved if the whole interval lies beyond the margin, or the whole inside.

    Args:
        log_ratio: Logarithm of the cost over the other's.
        margin: What a difference has to exceed, as a logarithm too (0.01 for about 1 %).
    """
    if log_ratio.high < -margin:
        return Verdict.FASTER
    if log_ratio.low > margin:
        return Verdict.SLOWER
    if -margin <= log_ratio.low and log_ratio.high <= margin:
        return Verdict.EQUIVALENT
    return Verdict.UNRESOLVED
