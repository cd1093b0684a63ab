"""What an arm is: a way to a register, as an object that says what it is and what it needs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from regtap_bench.arms.site import Sites

THROUGHPUT, LATENCY = "throughput", "latency"

# Of one block: ticks; forced context switches, page faults, and moves to another CPU meanwhile.
Reading = tuple[int, int, int, int]
# Runs so many accesses, a multiple of _native.UNROLL for cheap ones.
Block = Callable[[int], Reading]

EMPTY, TIMER, DELAY, TWIN = "empty loop", "timer", "known delay", "A/A twin"
PYTHON_EMPTY = "python: empty loop"


@dataclass(frozen=True)
class AccessArm(ABC):
    """One way to a register.

    Attributes:
        name: Unique in a run.
        description: One line.
        measures: THROUGHPUT (back to back), and LATENCY (each access complete before the next) where it exists.
        system_calls: How many of them an access makes if the arm does what it says; None: not known.
    """

    kind: ClassVar[str] = "native"

    name: str
    description: str
    measures: tuple[str, ...]
    system_calls: int | None

    @property
    @abstractmethod
    def touches_mapping(self) -> bool:
        """Whether it reaches the register by a mapping."""

    @abstractmethod
    def refusal(self, sites: Sites) -> str:
        """Return why this target cannot have it, or nothing."""

    @abstractmethod
    def block(self, sites: Sites, measure: str) -> Block:
        """Return what runs it; valid while the sites are open."""
