"""An arm that does more work than it says: what an instrument has to see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap_bench.arms.base import AccessArm, BlockRunner

if TYPE_CHECKING:
    from regtap_bench.arms.site import Sites


@dataclass(frozen=True)
class WithExtraWork(AccessArm):
    """Another arm, with one access more after each so many; the blocks say nothing of it.

    Attributes:
        arm: Which one.
        every: So many; counts should be multiples of it.
    """

    arm: AccessArm
    every: int

    @property
    def touches_mapping(self) -> bool:
        """Whether it reaches the register by a mapping."""
        return self.arm.touches_mapping

    def refusal(self, sites: Sites) -> str:
        """Return why this target cannot have it, or nothing."""
        return self.arm.refusal(sites)

    def block(self, sites: Sites, measure: str) -> BlockRunner:
        """Return what runs it; valid while the sites are open."""
        run, every = self.arm.block(sites, measure), self.every
        return lambda count: run(count + count // every)


def with_extra_work(arm: AccessArm, every: int) -> AccessArm:
    """Return the arm with one access more after each `every`; 0 leaves it as it is."""
    if not every:
        return arm
    return WithExtraWork(arm.name, arm.description, arm.measures, arm.system_calls, arm, every)
