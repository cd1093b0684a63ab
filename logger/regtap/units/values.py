"""Converts quantities of the Python interface: numbers, or texts as on the command line."""

from __future__ import annotations

import math
from fractions import Fraction
from numbers import Rational, Real

from regtap.errors import InputError
from regtap.units.parse import MOST_DENOMINATOR, parse_duration_ns, parse_rate_hz, parse_time_ns

_MOST_S = 9e9  # what 63 bits of nanoseconds hold


def to_rate_hz(rate: object) -> Fraction | None:
    """Return a rate in samples per second, or None for `"max"`.

    Args:
        rate: A number of Hz, or a text such as `"10k"`.

    Raises:
        InputError: It is neither, or not above zero and finite.
    """
    if isinstance(rate, str):
        return parse_rate_hz(rate)
    if isinstance(rate, Rational) and not isinstance(rate, bool) and int(rate.numerator) > 0:
        return Fraction(int(rate.numerator), int(rate.denominator)).limit_denominator(MOST_DENOMINATOR)
    value = _number(rate, "rate", '1000, "10k", or "max"')
    if not 0 < value < math.inf:
        raise InputError(f"a rate of {rate} Hz cannot be kept; give a number above zero, or max")
    return Fraction(value).limit_denominator(MOST_DENOMINATOR)


def to_duration_ns(duration: object) -> int:
    """Return a duration in nanoseconds, at least 1.

    Args:
        duration: A number of seconds, or a text such as `"500ms"`.

    Raises:
        InputError: It is neither, or not above zero and below 9e9 s.
    """
    if isinstance(duration, str):
        return parse_duration_ns(duration)
    seconds = _number(duration, "duration", '2.5, or "500ms"')
    if not 0 < seconds < _MOST_S:
        raise InputError(
            f"a duration of {duration} s cannot be kept; give one above zero and below {_MOST_S:.0e} s"
        )
    return max(1, round(seconds * 1e9))


def to_time_ns(time: object) -> int:
    """Return a time span in nanoseconds, which may be 0.

    Args:
        time: A number of seconds, or a text such as `"500ms"`.

    Raises:
        InputError: It is neither, or below zero, or not below 9e9 s.
    """
    if isinstance(time, str):
        return parse_time_ns(time)
    seconds = _number(time, "time", '2.5, or "500ms"')
    if not 0 <= seconds < _MOST_S:
        raise InputError(f"a time of {time} s cannot be kept; give one from zero to below {_MOST_S:.0e} s")
    return round(seconds * 1e9)


def _number(value: object, what: str, examples: str) -> float:
    """Return a number of any type but bool, numpy's included, as a float."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputError(f"a {what} is a number or a text, not {value!r}; write {examples}")
    try:
        return float(value)
    except OverflowError:
        return math.inf
