"""The agreement of mmap and pread on a register: it is read by both before either is timed.

They need not: on x86, /dev/mem maps RAM below 1 MiB as it is and reads zeros in its place.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import BusFaultError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from regtap_bench.arms.site import MappedRegister

READS = 32  # by each way; arbitrary
_LONGEST_PAUSE_S = 200e-6  # arbitrary: far longer than a pread


@dataclass(frozen=True, slots=True)
class Agreement:
    """The values of a register, in the order of the reads.

    Attributes:
        mapped: By its mapping.
        called: By pread.
    """

    mapped: tuple[int, ...]
    called: tuple[int, ...]

    @classmethod
    def from_dict(cls, given: Mapping[str, Sequence[int]]) -> Agreement:
        """Return the object from its dict, as asdict() and JSON give it."""
        return cls(tuple(given["mapped"]), tuple(given["called"]))

    @property
    def disagree(self) -> bool:
        """Whether one way always gave one value, and the other never gave this value.

        A single register read in mixed order does that once in C(2n, n) orders, 1 in 1.8e18 for 32 reads each,
        whatever it counts, toggles or forgets when it is read. If both ways gave changing values, they are not called
        different.
        """
        return _apart(self.mapped, self.called) or _apart(self.called, self.mapped)


def read_by_both(opened: MappedRegister) -> Agreement | None:
    """Read a register by its mapping and by pread, in mixed order; return None for a register without both."""
    if opened.device is None or opened.calls_refused:
        return None
    device, register = opened.device, opened.register
    try:
        return read_mixed(lambda: device.read(register), lambda: device.pread(register))
    except (BusFaultError, RefusedError):
        return None


def read_mixed(mapped: Callable[[], int], called: Callable[[], int]) -> Agreement:
    """Read by two ways, in a random order, so that no register's own pattern looks like a difference.

    Neither an alternation nor the time since the last read, which a register cleared by reading may show, tells the
    one from the other: the order and the pauses are drawn.
    """
    draw = random.Random(READS)  # noqa: S311 - an order, not a secret
    ways = [0, 1] * READS
    draw.shuffle(ways)
    values: tuple[list[int], list[int]] = ([], [])
    for way in ways:
        time.sleep(draw.uniform(0, _LONGEST_PAUSE_S))
        values[way].append((mapped, called)[way]())
    return Agreement(tuple(values[0]), tuple(values[1]))


def _apart(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return len(set(one)) == 1 and one[0] not in other
