"""QEMU's log of accesses that reached a device: a logic analyser on the bus."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(
    r"memory_region_ops_(read|write) cpu -?\d+ mr \S+ addr 0x([0-9a-f]+) value 0x([0-9a-f]+) size (\d+)"
)


@dataclass(frozen=True, slots=True)
class Access:
    """One access.

    Attributes:
        kind: `read` or `write`.
        address: On the bus.
        value: What was read or written.
        size_bytes: How wide it was when the device model saw it.
    """

    kind: str
    address: int
    value: int
    size_bytes: int


def parse(path: Path) -> Iterator[Access]:
    """Yield the accesses in their order."""
    with path.open() as lines:
        for line in lines:
            match = _LINE.search(line)
            if match:
                size_bytes = int(match[4])
                # Some models answer with more bits than were asked for; the bus carries these.
                carried = int(match[3], 16) & ((1 << 8 * size_bytes) - 1)
                yield Access(match[1], int(match[2], 16), carried, size_bytes)


def between(accesses: Sequence[Access], marker: int, first: int, last: int) -> list[Access]:
    """Return the accesses between two marker writes.

    Args:
        accesses: All, in their order.
        marker: Address of the markers.
        first: Value of the marker that begins the stretch.
        last: Value of the marker that ends it.

    Raises:
        ValueError: A marker is not there exactly once.
    """
    places = [
        [
            i
            for i, access in enumerate(accesses)
            if (access.kind, access.address, access.value) == ("write", marker, value)
        ]
        for value in (first, last)
    ]
    if [len(found) for found in places] != [1, 1]:
        raise ValueError(f"markers {first} and {last} are in the bus log at {places}, not once each")
    return list(accesses[places[0][0] + 1 : places[1][0]])
