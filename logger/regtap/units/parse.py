"""Parses quantities: `10k`, `2s`, `500ms`, `64MiB`, `0xFED000F0`."""

from __future__ import annotations

import re
from fractions import Fraction

from regtap.errors import InputError

# At most 40 digits: enough for everything here, and Python refuses to convert thousands of them.
_NUMBER = re.compile(r"\s*([0-9]{1,40}(?:\.[0-9]{1,40})?)\s*([A-Za-z\u00b5\u03bc]*)\s*\Z")
_INTEGER = re.compile(r"0[xX][0-9a-fA-F_]{1,80}|0[bB][01_]{1,160}|[0-9][0-9_]{,80}")
_SECOND_NS = 10**9
MOST_DENOMINATOR = 10**9  # of a rate: the native schedule counts in 64 bits
_DURATION_NS = {
    "ns": 1,
    "us": 10**3,
    "\u00b5s": 10**3,  # micro sign
    "\u03bcs": 10**3,  # Greek mu: what most keyboards give
    "ms": 10**6,
    "s": _SECOND_NS,
    "min": 60 * _SECOND_NS,
    "h": 3600 * _SECOND_NS,
}
_COUNT = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_RATE = {**_COUNT, "Hz": 1, "kHz": 10**3, "MHz": 10**6}
_SIZE = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def quoted(text: str) -> str:
    """Return a user's text in quotes, on one line, shortened if long."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _quantity(text: str, units: dict[str, int], what: str, example: str) -> Fraction:
    match = _NUMBER.match(text)
    if match is None or match[2] not in units:
        known = " ".join(unit for unit in units if unit.isascii() and unit)
        raise InputError(
            f"{quoted(text)} is not a {what}; write a number and a unit ({known}), such as {example}"
        )
    return Fraction(match[1]) * units[match[2]]


def _whole(value: Fraction, text: str, what: str, least: int = 1) -> int:
    if value.denominator != 1 or not least <= value < 2**63:
        raise InputError(f"{quoted(text)} is not a {what}; it must be whole, from {least} to 2**63 - 1")
    return value.numerator


def parse_duration_ns(text: str) -> int:
    """Return a duration such as `500ms` in nanoseconds (at least 1); a unit is required."""
    value = _quantity(text, _DURATION_NS, "duration", "2s")
    return _whole(value, text, "duration of whole nanoseconds")


def parse_time_ns(text: str) -> int:
    """Return a time after the start, such as `0s` or `1.5s`, in nanoseconds; a unit is required."""
    value = _quantity(text, _DURATION_NS, "time", "1.5s")
    return _whole(value, text, "time in nanoseconds", least=0)


def parse_count(text: str) -> int:
    """Return a count such as `100k` (at least 1)."""
    return _whole(_quantity(text, _COUNT, "count", "100k"), text, "count")


def check_count(value: int | None, what: str) -> None:
    """Raise InputError unless a number is whole and from 1 to 2**63 - 1, or None."""
    if value is not None and (not isinstance(value, int) or not 1 <= value < 2**63):
        raise InputError(f"{what} is {value!r}; it must be a whole number from 1 to 2**63 - 1")


def parse_size_bytes(text: str) -> int:
    """Return a size such as `64MiB` in bytes (at least 1)."""
    return _whole(_quantity(text, _SIZE, "size", "64MiB"), text, "size of whole bytes")


def parse_rate_hz(text: str) -> Fraction | None:
    """Return a rate such as `10k` or `0.5Hz` in samples per second, or None for `max`."""
    if text == "max":
        return None
    value = _quantity(text, _RATE, "rate", "10k, or max")
    check_rate_hz(value)
    return value.limit_denominator(MOST_DENOMINATOR)


def check_rate_hz(rate_hz: Fraction) -> None:
    """Raise InputError unless a capture can keep this rate, in samples per second."""
    if not Fraction(1, 10**6) <= rate_hz <= 10**9:
        raise InputError(f"a rate of {rate_hz} Hz cannot be kept; use one from 1e-6 to 1e9, or max")


def parse_integer(text: str, what: str = "number") -> int:
    """Return the value of a hexadecimal (`0x...`), binary (`0b...`) or decimal integer of at most 64 unsigned bits."""
    try:
        value = int(text, 0 if text[:2].lower() in ("0x", "0b") else 10) if _INTEGER.fullmatch(text) else -1
    except ValueError:  # an underscore in the wrong place
        value = -1
    if value < 0:
        raise InputError(f"{quoted(text)} is not a valid {what}; write it in decimal or as 0x hexadecimal")
    if value >= 2**64:
        raise InputError(f"{what} {quoted(text)} does not fit 64 bits; the largest is 0xffffffffffffffff")
    return value
