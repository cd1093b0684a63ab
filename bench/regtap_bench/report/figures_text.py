"""Figures as people read them."""

from __future__ import annotations

from math import floor, log10
from typing import TYPE_CHECKING

from regtap_bench.figures.estimate import LARGEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from regtap_bench.figures.estimate import Estimate
    from regtap_bench.figures.result import Cost, Row

NOTHING = "-"


def cost_text(cost: Cost | None) -> str:
    """Return a cost in ns with its interval, or an upper bound."""
    if cost is None:
        return NOTHING
    if cost.is_bound:
        return f"<= {digits_up(cost.ns.high)}"
    return interval_text(cost.ns)


def ratio_text(row: Row) -> str:
    """Return an arm's ratio to the baseline with its interval, or a bound if a cost may be 0."""
    ratio = row.ratio
    if ratio is None:
        return NOTHING
    if row.ratio_is_bound:
        return f"<= 1/{digits_down(1 / ratio.high)}" if ratio.high < 1 else f"<= {digits_up(ratio.high)}"
    if ratio.high < 1 / _TURNED:
        return f"1/{digits(1 / ratio.value)} [1/{digits(1 / ratio.low)}, 1/{digits(1 / ratio.high)}]"
    places = 3 if abs(ratio.value - 1) < 1 else 2
    return f"{ratio.value:.{places}f} [{ratio.low:.{places}f}, {ratio.high:.{places}f}]"


def difference_text(row: Row) -> str:
    """Return the difference to the baseline in ns; its sign is kept."""
    if row.difference_ns is None:
        return NOTHING
    found = row.difference_ns
    places = _places(max(abs(found.low), abs(found.high)), found.high - found.low)
    return f"{found.value:+,.{places}f} [{found.low:+,.{places}f}, {found.high:+,.{places}f}]"


def calls_text(row: Row) -> str:
    """Return the system calls of an access, or why they are not known."""
    if row.system_calls is not None:
        return f"{row.system_calls:g}"
    return f"not counted ({row.uncounted})" if row.uncounted else NOTHING


def interval_text(estimate: Estimate) -> str:
    """Return a value and its interval, with the digits resolved by the interval."""
    places = _places(abs(estimate.value), estimate.high - estimate.low)
    return f"{estimate.value:,.{places}f} [{estimate.low:,.{places}f}, {estimate.high:,.{places}f}]"


def digits(value: float) -> str:
    """Return a number to three digits."""
    return _rounded(value, round)


def digits_up(value: float) -> str:
    """Return a number to two digits, rounded up: an upper bound."""
    return _rounded(value, lambda x: -floor(-x), 2)


def digits_down(value: float) -> str:
    """Return a number to two digits, rounded down: a lower bound."""
    return _rounded(value, floor, 2)


_TURNED = 10  # a tenth and less reads better upside down


def _rounded(value: float, to_whole: Callable[[float], int], count: int = 3) -> str:
    if abs(value) < 2 / LARGEST:  # as a bound that is none, or 0
        return "0"
    if value > LARGEST / 2:
        return "∞"
    step = floor(log10(abs(value))) - count + 1
    whole = to_whole(round(value * 10.0**-step, 6))
    return f"{whole * 10**step:,}" if step >= 0 else f"{whole * 10.0**step:.{-step}f}"


def _places(value: float, width: float) -> int:
    """Return decimal places: two digits of the interval's width, at most four digits of the value."""
    if value == 0:
        return 2
    by_width = 1 - floor(log10(width)) if width > 0 else 4
    by_value = 3 - floor(log10(value))
    return max(0, min(by_width, by_value, 4))
