"""Ticks of an axis: times in suitable units, values of registers in hexadecimal or with thousands separators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_MINUTE_NS, _HOUR_NS = 60 * 10**9, 3600 * 10**9
# unit, its length in ns, the longest span that is shown in it
_TIME_UNITS = (
    ("ns", 1, 2 * 10**3),
    ("µs", 10**3, 2 * 10**6),
    ("ms", 10**6, 2 * 10**9),
    ("s", 10**9, 3 * _MINUTE_NS),
    ("min", _MINUTE_NS, 3 * _HOUR_NS),
    ("h", _HOUR_NS, 2**63),
)
_SIXTIES_NS = tuple(seconds * 10**9 for seconds in (15, 30, 60, 120, 300, 600, 900, 1800, 3600))
_SUFFIXES = ((10**18, "E"), (10**15, "P"), (10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"), (1, ""))
_LONGEST_LABEL = 7
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Axis:
    """Labelled places on an axis.

    Attributes:
        ticks: (place, label), increasing; places are exact integers.
        label: The quantity of the axis, with its unit.
    """

    ticks: tuple[tuple[int, str], ...]
    label: str = ""


def time_axis(first_ns: int, stop_ns: int, most: int, zero: str = "start") -> Axis:
    """Return at most `most` ticks over a stretch of time, and a label with unit and origin.

    Far from the trace's start, where every label would repeat the same long number, the labels count from a
    round moment that the axis label names.

    Args:
        first_ns: The first time, from the zero of the axis.
        stop_ns: The time after the last one.
        most: How many ticks there is room for.
        zero: Name of the moment at 0.
    """
    span = stop_ns - first_ns
    unit, unit_ns, _ = next(entry for entry in _TIME_UNITS if span <= entry[2] or entry[0] == "h")
    step = _time_step_ns(span, most)
    first = -(-first_ns // step) * step
    places = range(first, stop_ns + 1, step)
    origin = first if first and abs(first) // step > 10**4 else 0
    since = f"time after {_exact(origin)}" if origin else f"time since {zero}"
    return Axis(
        tuple((place, _in_unit(place - origin, unit_ns, step)) for place in places), f"{since} ({unit})"
    )


def value_axis(low: int, high: int, *, bits: int, most: int = 4, as_hex: bool = False) -> Axis:
    """Return ticks for values from low to high.

    Args:
        low: The smallest value.
        high: The largest.
        bits: How many bits the signal has; values that use its whole range are labelled by powers of two.
        most: How many ticks there is room for.
        as_hex: Whether the exact bounds in hex say more than round numbers, as for a status register.
    """
    if low == high or as_hex:
        return Axis(tuple((value, f"{value:#x}") for value in sorted({low, high})))
    if bits >= 8 and high - low > 2 ** (bits - 1):
        return Axis(tuple(_whole_range(low, high, bits)))
    step = _nice_step(high - low, most)
    margin = (high - low) // 20  # a round number just outside is worth its place
    places = range(-((margin - low) // step) * step, high + margin + 1, step)
    labels = _engineering(places, step)
    if labels and max(map(len, labels)) <= _LONGEST_LABEL:
        return Axis(tuple(zip(places, labels, strict=True)))
    return Axis(tuple(_from_base(low, high, step)))


def _time_step_ns(span_ns: int, most: int) -> int:
    if span_ns >= 3 * _MINUTE_NS:
        for step in (*_SIXTIES_NS, *(hours * _HOUR_NS for hours in (2, 4, 6, 12, 24))):
            if span_ns // step < most:
                return step
        return _nice_step(span_ns // _HOUR_NS, most) * _HOUR_NS
    return _nice_step(span_ns, most)


def _nice_step(span: int, most: int) -> int:
    """Return the smallest step of 1, 2, 5, 10, 20, 50, ... that is contained in span less than `most` times."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if span // (digit * power) < most:
                return digit * power
        power *= 10


def _in_unit(time_ns: int, unit_ns: int, step_ns: int) -> str:
    if unit_ns % 3 == 0:  # minutes and hours: their quarters are decimals, their thirds are not
        return f"{time_ns / unit_ns:.3f}".rstrip("0").rstrip(".")
    return _decimal(time_ns, unit_ns, step_ns)


def _decimal(value: int, unit: int, step: int) -> str:
    """Return value / unit with as many decimals as multiples of step need, in integers throughout."""
    decimals = 0
    while step * 10**decimals % unit:
        decimals += 1
    scaled = value * 10**decimals // unit
    sign, digits = "-" if scaled < 0 else "", str(abs(scaled)).rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else f"{sign}{digits}"


def _exact(moment_ns: int) -> str:
    unit, unit_ns = next((unit, size) for unit, size, _ in _TIME_UNITS[3::-1] if abs(moment_ns) >= size)
    text = _decimal(moment_ns, unit_ns, 1)
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {unit}"


def _engineering(places: range, step: int) -> list[str]:
    largest = max(places, default=0)
    if largest < 10**4:
        return [str(place) for place in places]
    unit, suffix = next((unit, suffix) for unit, suffix in _SUFFIXES if largest >= unit)
    return [_with_suffix(place, unit, suffix, step) for place in places]


def _with_suffix(value: int, unit: int, suffix: str, step: int) -> str:
    return f"{_decimal(value, unit, step)} {suffix}".rstrip() if value else "0"


def _whole_range(low: int, high: int, bits: int) -> Iterator[tuple[int, str]]:
    for value in (0, 2 ** (bits - 1), 2**bits - 1):
        if low <= value <= high or abs(value - min(max(value, low), high)) < (high - low) // 20:
            yield value, _power_label(value, bits)


def _power_label(value: int, bits: int) -> str:
    if bits <= 32 or value == 0:
        return f"{value:#x}" if value else "0"
    power = str((value + 1).bit_length() - 1).translate(_SUPERSCRIPTS)
    return f"2{power}" if value.bit_count() == 1 else f"2{power}-1"


def _from_base(low: int, high: int, step: int) -> Iterator[tuple[int, str]]:
    """Yield the smallest value in full, then round steps above it, for a counter far from 0 in a short view."""
    yield low, f"{low:,}" if low < 10**12 else f"{low:#x}"
    steps = range(step, high - low + 1, step)
    yield from (
        (low + above, f"+{label}") for above, label in zip(steps, _engineering(steps, step), strict=True)
    )
