"""A first look at the arms: refusals, rough costs, and counts of system calls."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from regtap_bench import _native
from regtap_bench.arms.base import BLOCK_S, REGULAR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regtap_bench.arms.base import AccessArm, BlockRunner
    from regtap_bench.arms.site import Sites

_TRIES = 5  # arbitrary: one of them is undisturbed, as a rule
_CHILD_FAILED = 1
_BUS_ERROR = "bus error: its mapping does not answer"


@dataclass(frozen=True, slots=True)
class Probe:
    """The facts about an arm before its measurement.

    Attributes:
        refused: Why the target cannot have it; empty where it can.
        ticks: About what an access costs, by measure.
        system_calls: The number of system calls of an access, counted; None where they could not be.
        uncounted: Why the system calls were not counted.
        cadence: Which arms it shares its rounds with.
        least: The fewest accesses that its shortest block may have.
        block_s: The time that such a block takes, at least.
    """

    refused: str = ""
    ticks: Mapping[str, float] = field(default_factory=dict)
    system_calls: float | None = None
    uncounted: str = ""
    cadence: str = REGULAR
    least: int = _native.UNROLL
    block_s: float = BLOCK_S

    def to_dict(self) -> dict[str, Any]:
        """Return the probe as a dict, for JSON."""
        return asdict(self)


def probe_all(arms: Mapping[str, AccessArm], sites: Sites, block_ticks: float) -> dict[str, Probe]:
    """Look at every arm; see probe().

    Only the native arms survive a bus error: where the first of them meets one, no other touches the mapping.
    """
    found: dict[str, Probe] = {}
    dead = ""
    for name, arm in arms.items():
        found[name] = Probe(dead) if dead and arm.touches_mapping else probe(arm, sites, block_ticks)
        if arm.touches_mapping and found[name].refused == _BUS_ERROR:
            dead = _BUS_ERROR
    return found


def probe(arm: AccessArm, sites: Sites, block_ticks: float) -> Probe:
    """Look at one arm.

    Args:
        arm: The arm.
        sites: The mapped registers.
        block_ticks: The time that a block should take; stop looking once one does.
    """
    refused = arm.refusal(sites)
    if refused:
        return Probe(refused)
    try:
        blocks = {measure: arm.block(sites, measure) for measure in arm.measures}
        ticks = {
            measure: _ticks_per_access(block, arm.least, block_ticks) for measure, block in blocks.items()
        }
    except _native.BusFault:
        return Probe(_BUS_ERROR)
    except Exception as error:  # noqa: BLE001 - whatever keeps it from working is why the target has no such arm
        return Probe(f"{type(error).__name__}: {error}" if not isinstance(error, OSError) else _text(error))
    try:
        calls, uncounted = count_system_calls(blocks[arm.measures[0]], arm.least), ""
    except OSError as error:
        calls, uncounted = None, _text(error)
    return Probe("", ticks, calls, uncounted, arm.cadence, arm.least, arm.block_s)


def count_system_calls(block: BlockRunner, least: int = _native.UNROLL) -> float:
    """Return how many system calls one access makes: the difference between blocks of n and 2n, by n.

    Each counted until two tries agree: regtap's own Device.read looks after its fault guard once a clock tick, by
    two calls.

    Args:
        block: Must use a Meter, which marks where it begins and ends.
        least: The fewest accesses that its shortest block may have.

    Raises:
        OSError: The system does not let a child be traced.
    """
    count = 2 * least
    once, twice = (_agreed(block, length) for length in (count, 2 * count))
    return (twice - once) / count


def _agreed(block: BlockRunner, count: int) -> float:
    """Return the count on which two tries agree, or the median of several without agreement."""
    seen: list[int] = []
    for _ in range(_TRIES):
        calls = _calls(block, count)
        if calls in seen:
            return calls
        seen.append(calls)
    return median(seen)


def _calls(block: BlockRunner, count: int) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            block(count)  # what happens only once happens now
            _native.let_parent_count()
            block(count)
            os._exit(0)
        finally:
            os._exit(_CHILD_FAILED)
    return _native.count_calls(pid)


def _ticks_per_access(block: BlockRunner, least_count: int, enough: float) -> float:
    count = least_count
    while True:
        least = min(block(count)[0] for _ in range(_TRIES))
        if least >= enough:
            return least / count
        count *= 2


def _text(error: OSError) -> str:
    return os.strerror(error.errno or 0)
