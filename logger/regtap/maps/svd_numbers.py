"""Numbers, bit ranges and index lists of CMSIS-SVD."""

from __future__ import annotations

import re

from regtap.errors import InputError
from regtap.maps.model import MOST_REGISTERS
from regtap.units.parse import quoted

_NUMBER = re.compile(
    r"\+?(?:0[xX](?P<hex>[0-9a-fA-F_]{1,40})|(?:#|0[bB])(?P<bin>[01_]{1,80})|(?P<dec>[0-9]{1,40}))(?P<unit>[kKmMgGtT]?)\Z"
)
_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_VALUE_BITS = re.compile(r"(?:#|0[bB])(?P<bits>[01xX_]{1,80})\Z")
_BIT_RANGE = re.compile(r"\[?\s*(\d{1,4})\s*:\s*(\d{1,4})\s*\]?\Z")
_INDEX_RANGE = re.compile(r"(\d{1,9})-(\d{1,9})\Z")
_LETTER_RANGE = re.compile(r"([A-Za-z])-([A-Za-z])\Z")


def parse_number(text: str, where: str) -> int:
    """Return a number such as `0x10`, `#101`, `16` or `4k`.

    Raises:
        InputError: It is none, or does not fit 64 bits.
    """
    match = _NUMBER.match(text)
    if match is None:
        raise InputError(f"{where}: {quoted(text)} is not a number")
    digits, base = next(
        (match[name], base) for name, base in (("hex", 16), ("bin", 2), ("dec", 10)) if match[name]
    )
    try:
        value = int(digits.replace("_", ""), base) * _UNITS[match["unit"].lower()]
    except ValueError as error:
        raise InputError(f"{where}: {quoted(text)} is not a number") from error
    if value >= 2**64:
        raise InputError(f"{where}: {quoted(text)} does not fit 64 bits")
    return value


def parse_value(text: str, where: str) -> tuple[int, int]:
    """Return a field's value and a mask of the bits that may be anything, such as (4, 3) for `#1xx`."""
    match = _VALUE_BITS.match(text)
    if match is None:
        return parse_number(text, where), 0
    bits = match["bits"].lower().replace("_", "")
    if not bits:
        raise InputError(f"{where}: {quoted(text)} is not a number")
    return int(bits.replace("x", "0"), 2), int(bits.replace("1", "0").replace("x", "1"), 2)


def parse_bit_range(text: str, where: str) -> tuple[int, int]:
    """Return the lowest bit and the number of bits of `[7:4]`."""
    match = _BIT_RANGE.match(text)
    if match is None:
        raise InputError(f"{where}: {quoted(text)} is not a bit range; [7:4] is one")
    low, high = sorted((int(match[1]), int(match[2])))
    return low, high - low + 1


def parse_labels(text: str | None, count: int, where: str) -> tuple[str, ...]:
    """Return the names of repetitions, from `A,B,C`, `3-6` or `A-D`; empty: they are 0, 1, 2...

    Raises:
        InputError: They are not as many as the repetitions, or two are equal.
    """
    if not text:
        return ()
    labels = _labels(text, where)
    if len(labels) != count:
        raise InputError(f"{where}: the index {quoted(text)} names {len(labels)}, and its dim says {count}")
    if len(set(labels)) != count:
        raise InputError(f"{where}: the index {quoted(text)} has a name twice")
    return () if labels == tuple(map(str, range(count))) else labels


def _labels(text: str, where: str) -> tuple[str, ...]:
    if match := _INDEX_RANGE.match(text):
        first, last = int(match[1]), int(match[2])
        if last - first >= MOST_REGISTERS:
            raise InputError(f"{where}: the index {quoted(text)} has more than {MOST_REGISTERS:,} names")
        return tuple(map(str, range(first, last + 1)))
    if match := _LETTER_RANGE.match(text):
        return tuple(map(chr, range(ord(match[1]), ord(match[2]) + 1)))
    return tuple(label.strip() for label in text.split(","))
