"""The recorder's sampling thread with nobody behind it: what a pipeline is measured against.

The same native sampler fills the same ring; a consumer that does nothing gives every block back at once, so that
memory traffic is the same.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap import _native
from regtap.recording.options import RecordOptions
from regtap.sampling.sampler import make_sampler
from regtap.spool.own import OwnSpool
from regtap.spool.size import default_size_bytes
from regtap.system.memory import available_memory
from regtap.targets import parse_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.registers.model import Register
    from regtap.spool.ring import Ring
    from regtap.targets.device import Device

_TURN_NS = 50_000_000


@dataclass(frozen=True, slots=True)
class LoopRun:
    """What the loop did.

    Attributes:
        samples: Rows taken.
        seconds: How long it ran.
        pauses: How often it found the ring full: a run with any says nothing about the loop.
    """

    samples: int
    seconds: float
    pauses: int

    @property
    def seconds_a_sample(self) -> float:
        """Mean cost of a row."""
        return self.seconds / self.samples


def run_loop_alone(target: str, registers: Sequence[str], seconds: float, cpu: int | None) -> LoopRun:
    """Sample at full rate for so long, and store nothing.

    Args:
        target: As `regtap record -t` takes it.
        registers: As `regtap record` takes them.
        seconds: How long.
        cpu: Of the sampling thread; None leaves it to the scheduler.
    """
    opened = parse_target(target)
    chosen = opened.resolve(registers)
    spool = OwnSpool(default_size_bytes(available_memory()))
    try:
        ring = spool.format(chosen, b"{}", latency=False)
        with closing(opened.open(chosen)) as device:
            return _run(ring, device, chosen, RecordOptions(duration_ns=round(seconds * 1e9), cpu=cpu))
    finally:
        spool.remove()
        spool.close()


def _run(ring: Ring, device: Device, registers: Sequence[Register], options: RecordOptions) -> LoopRun:
    source = _native.best_source(parse_target(device.spec).is_device)
    plan = options.plan(source, ring.block_count, options.cpu)
    sampler = make_sampler(ring.memory, device, registers, plan)
    began = time.perf_counter()
    sampler.start()
    sealed = 0
    while sampler.running():
        sealed = sampler.wait_sealed(sealed, _TURN_NS)
        sampler.release(sealed)
    seconds = time.perf_counter() - began
    sampler.join()
    progress = sampler.progress()
    return LoopRun(progress.taken, seconds, progress.pauses)
