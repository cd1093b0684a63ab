"""The native sampling thread of a capture, and its report of progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap._native import Disturbances, Ended, Progress, Sampler, StretchEvent, slot_cost_ticks
from regtap.sampling.channels import paired_channels_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from regtap.registers.model import Register
    from regtap.sampling.plan import Plan
    from regtap.targets.device import Device

__all__ = ["Disturbances", "Ended", "Progress", "Sampler", "StretchEvent", "make_sampler", "slot_cost_ticks"]


def make_sampler(
    memory: npt.NDArray[np.uint8], device: Device, registers: Sequence[Register], plan: Plan
) -> Sampler:
    """Make the sampling thread of a capture, without starting it.

    Args:
        memory: Memory of a formatted spool, shape (size,); stays the caller's.
        device: Open for the registers; keep it open while the thread runs.
        registers: In the order of access.
        plan: Orders of the loop.
    """
    channels, halves = paired_channels_of(device, registers)
    return Sampler(memory=memory, channels=channels, plan=plan.to_native(), halves=halves)
