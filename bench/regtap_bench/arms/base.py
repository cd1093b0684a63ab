"""The interface of an arm: a way to a register, with its description and its needs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from regtap_bench import _native

if TYPE_CHECKING:
    from regtap_bench.arms.site import Sites

BLOCK_S = 50e-6  # the shortest of a series; the longest is twice as long
THROUGHPUT, LATENCY = "throughput", "latency"

# Of one block: ticks; forced context switches, page faults, and moves to another CPU meanwhile.
Reading = tuple[int, int, int, int]
# Runs a number of accesses, a multiple of its arm's `least`.
BlockRunner = Callable[[int], Reading]

# Which arms share their rounds: those of an access; those of many bytes; those that would slow the others down.
REGULAR, BULK, SLOW = "regular", "bulk", "slow"

EMPTY, TIMER, DELAY, TWIN = "empty loop", "timer", "known delay", "A/A twin"
PYTHON_EMPTY = "python: empty loop"


@dataclass(frozen=True)
class AccessArm(ABC):
    """One way to a register.

    Attributes:
        name: Unique in a run.
        description: One line.
        measures: THROUGHPUT (back to back), and LATENCY (each access complete before the next) where it exists.
        system_calls: How many of them an access makes if the arm does what it says; None: another program's.
        kind: The report's group for the arm.
        cadence: REGULAR, BULK or SLOW.
        least: The fewest accesses that its shortest block may have.
        block_s: The time that such a block takes, at least: so long that its call and timer are below 1 % of it.
    """

    kind: ClassVar[str] = "native"
    cadence: ClassVar[str] = REGULAR
    least: ClassVar[int] = _native.UNROLL
    block_s: ClassVar[float] = BLOCK_S

    name: str
    description: str
    measures: tuple[str, ...]
    system_calls: float | None

    @property
    @abstractmethod
    def touches_mapping(self) -> bool:
        """Whether the arm reaches the register by a mapping."""

    @abstractmethod
    def refusal(self, sites: Sites) -> str:
        """Return the reason for which this target cannot have the arm, or an empty text."""

    @abstractmethod
    def block(self, sites: Sites, measure: str) -> BlockRunner:
        """Return the function to run a block of the arm; valid while the sites are open."""
