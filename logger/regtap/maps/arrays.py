"""Arrays while a map is read: how often they repeat is checked before a repetition is named, or anything shifted.

A few bytes of a file may ask for a million names, or for a number of a terabit.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.maps.model import MOST_LEVELS, MOST_REGISTERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MOST_LABELS = 2**16  # of an array of several dimensions
_MOST_RESET_BITS = 64  # as many as one access has


class ArrayCount:
    """Counts the repetitions of all arrays of one map."""

    def __init__(self) -> None:
        self._counted = 0

    def add(self, repetitions: int, where: str) -> None:
        """Count the repetitions of an array, or the words of a register.

        Args:
            repetitions: Their number, as the file has it.
            where: The name of the array, for messages.

        Raises:
            InputError: There are none, or the arrays together have more than a map has registers.
        """
        if not 0 < repetitions <= MOST_REGISTERS:
            times = f"{repetitions:,}" if repetitions < 2**64 else "more than 2^64"
            raise InputError(f"{where} is repeated {times} times; 1 to {MOST_REGISTERS:,} can be")
        self._counted += repetitions
        if self._counted > MOST_REGISTERS:
            raise InputError(
                f"its arrays make more than {MOST_REGISTERS:,} registers; that is no device's map"
            )


def elements_of(dims: Sequence[int], where: str) -> int:
    """Return the number of elements of an array of some dimensions.

    Raises:
        InputError: No array has so many dimensions.
    """
    if len(dims) > MOST_LEVELS:
        raise InputError(f"{where} has {len(dims):,} dimensions; {MOST_LEVELS} can be")
    return math.prod(dims)


def labels_of(dims: Sequence[int], where: str) -> tuple[str, ...]:
    """Return the index texts of an array of several dimensions: `0][1` makes NAME[0][1].

    Raises:
        InputError: There are too many of them.
    """
    if len(dims) == 1:
        return ()
    count = elements_of(dims, where)
    if count > _MOST_LABELS:
        raise InputError(
            f"{where} has {len(dims)} dimensions and {count:,} elements; {_MOST_LABELS:,} can be"
        )
    labels: list[str] = [""]
    for dim in dims:
        labels = [f"{label}][{index}" if label else str(index) for label in labels for index in range(dim)]
    return tuple(labels)


def joined_reset(parts: Iterable[tuple[int, int]], bits: int) -> int | None:
    """Return the reset value of a register.

    None: no access reads so wide a register, or a field lies outside of it, which is refused when it is used.

    Args:
        parts: The reset value of each field, and the number of its lowest bit.
        bits: The width of the register.
    """
    known = list(parts)
    if not known or bits > _MOST_RESET_BITS or not all(0 <= lsb < bits for _, lsb in known):
        return None
    total = 0
    for value, lsb in known:
        total |= value << lsb
    return total
