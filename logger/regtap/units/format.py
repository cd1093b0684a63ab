"""Formats quantities: `1.25 s`, `81.2 M`, `480 MiB`."""

from __future__ import annotations

from datetime import UTC, datetime

_SECOND_NS = 10**9
_TIME_UNITS = ((10**9, "s"), (10**6, "ms"), (10**3, "µs"), (1, "ns"))
_SI = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_BINARY = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def format_duration_ns(duration_ns: int) -> str:
    """Return a time span: to four digits (`12.35 ms`), from 2 min on as `2 min 5 s`, from 1 h on as `3 h 12 min`."""
    if duration_ns < 0:
        return f"-{format_duration_ns(-duration_ns)}"
    seconds = round(duration_ns / _SECOND_NS)
    if seconds >= 3600:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    if duration_ns >= 120 * _SECOND_NS:
        return f"{seconds // 60} min {seconds % 60} s"
    size, unit = next(
        ((size, unit) for size, unit in _TIME_UNITS if duration_ns >= size * 0.99995), (1, "ns")
    )
    return f"{_digits(duration_ns / size, 4)} {unit}"


def format_rate(rate_hz: float) -> str:
    """Return a rate to three digits, such as `81.2 M/s`."""
    for size, prefix in _SI:
        if rate_hz >= size * 0.9995:
            return f"{_digits(rate_hz / size, 3)} {prefix}/s"
    return f"{_digits(rate_hz, 3)}/s"


def format_size(size_bytes: int) -> str:
    """Return a size to three digits in binary units, such as `480 MiB`."""
    for size, unit in _BINARY:
        if size_bytes >= size:
            return f"{_digits(size_bytes / size, 3)} {unit}"
    return f"{size_bytes} B"


def count_of(count: int, noun: str, plural: str = "") -> str:
    """Return a number of things, such as `1 part` and `1,234 parts`; `plural`: where it is not made with an s."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def format_utc(realtime_ns: int) -> str:
    """Return a moment of CLOCK_REALTIME in ISO 8601, to the nanosecond: `2026-11-23T08:15:00.000000042Z`."""
    seconds, fraction = divmod(realtime_ns, _SECOND_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def _digits(value: float, digits: int) -> str:
    """Return a number below 10,000 to so many digits; whole ones are never cut, trailing zeros are."""
    whole = len(str(int(value)))
    text = f"{value:.{max(digits - whole, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
