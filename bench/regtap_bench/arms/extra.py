"""An arm with more work than it declares, as a test of the instrument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap_bench.arms.base import AccessArm, BlockRunner

if TYPE_CHECKING:
    from regtap_bench.arms.site import Sites


@dataclass(frozen=True)
class WithExtraWork(AccessArm):
    """An arm with one extra access after each `every`; the counts of its blocks leave the extra ones out.

    Attributes:
        arm: The arm.
        every: The number of accesses between two extra ones; counts should be multiples of it.
    """

    arm: AccessArm
    every: int

    @property
    def touches_mapping(self) -> bool:
        """Whether the arm reaches the register by a mapping."""
        return self.arm.touches_mapping

    def refusal(self, sites: Sites) -> str:
        """Return the reason for which this target cannot have the arm, or an empty text."""
        return self.arm.refusal(sites)

    def block(self, sites: Sites, measure: str) -> BlockRunner:
        """Return the function to run a block of the arm; valid while the sites are open."""
        run, every = self.arm.block(sites, measure), self.every
        return lambda count: run(count + count // every)


def with_extra_work(arm: AccessArm, every: int) -> AccessArm:
    """Return the arm with one extra access after each `every`; the arm itself for 0."""
    if not every:
        return arm
    return WithExtraWork(arm.name, arm.description, arm.measures, arm.system_calls, arm, every)
