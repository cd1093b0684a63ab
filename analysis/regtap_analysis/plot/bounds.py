"""The smallest and the largest value on a lane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap_analysis.signals.envelope import Envelope

if TYPE_CHECKING:
    from regtap_analysis.signals.model import Samples


def bounds_of(data: Samples | Envelope) -> tuple[int, int] | None:
    """Return the smallest and the largest value, or None without samples."""
    if isinstance(data, Envelope):
        filled = data.count > 0
        low, high = data.low[filled], data.high[filled]
    else:
        low = high = data.values
    return (int(low.min()), int(high.max())) if len(low) else None
