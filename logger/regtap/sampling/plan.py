"""The orders of the native loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap import _native

if TYPE_CHECKING:
    from fractions import Fraction

    from regtap.clock.source import Source
    from regtap.trace.metadata import OnFull
    from regtap.triggers.model import Trigger

_FIFO_PRIORITY = 50  # above ordinary threads, below the kernel's own at 99
_NS_PER_S = 10**9


@dataclass(frozen=True, slots=True)
class TriggerPlan:
    """The part of a plan for a trigger: the rows that the native loop keeps around a hit.

    Attributes:
        trigger: Judged on every row.
        pre_ns: Kept before the first hit of a stretch.
        post_ns: A stretch ends so long after its last hit.
        holdoff_ns: For so long after a hit further ones are counted only.
        captures: The loop ends after so many stretches; None: it does not.
        most_blocks: Blocks of the ring that are kept before a hit, at most.
    """

    trigger: Trigger
    pre_ns: int
    post_ns: int
    holdoff_ns: int
    captures: int | None
    most_blocks: int

    def put_into(self, plan: _native.Plan) -> None:
        """Tell an object of the native core."""
        plan.set_trigger(
            comparisons=[
                (it.register, it.mask, _native.Operator[it.operator], it.value)
                for it in self.trigger.comparisons
            ],
            alternatives=list(self.trigger.alternatives),
            pre_ns=self.pre_ns,
            post_ns=self.post_ns,
            holdoff_ns=self.holdoff_ns,
            stretches=self.captures or 0,
            most_blocks=self.most_blocks,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """How the native loop samples.

    Attributes:
        source: The counter that ticks come from.
        on_full: The loop's reaction to a full ring.
        seal_ns: The longest time from a block's first row until it is sealed.
        rate_hz: Rows per second on an absolute schedule; None: as fast as the bus allows.
        duration_ns: The loop ends after this time; None: it does not.
        samples: The loop ends after this many samples; None: it does not.
        cpu: The CPU of the thread; None: any.
        realtime: Whether the thread is to be SCHED_FIFO.
        trigger: Stretches to be stored by a trigger; None: there is no trigger.
        masks: For each register the bits whose change has a row stored; empty: every row is.
        heartbeat_ns: With masks, a row is stored at least this often; None: it need not be.
    """

    source: Source
    on_full: OnFull
    seal_ns: int
    rate_hz: Fraction | None = None
    duration_ns: int | None = None
    samples: int | None = None
    cpu: int | None = None
    realtime: bool = False
    trigger: TriggerPlan | None = None
    masks: tuple[int, ...] = ()
    heartbeat_ns: int | None = None

    def to_native(self) -> _native.Plan:
        """Return the same plan as an object of the native core."""
        plan = _native.Plan()
        plan.source = self.source
        plan.on_full = _native.OnFull[self.on_full]
        if self.rate_hz is not None:
            plan.set_period(
                numerator_ns=_NS_PER_S * self.rate_hz.denominator, denominator=self.rate_hz.numerator
            )
        plan.duration_ns = self.duration_ns or 0
        plan.samples = self.samples or 0
        plan.seal_ns = self.seal_ns
        plan.cpu = -1 if self.cpu is None else int(self.cpu)
        plan.fifo_priority = _FIFO_PRIORITY if self.realtime else 0
        if self.trigger is not None:
            self.trigger.put_into(plan)
        if self.masks:
            plan.set_on_change(list(self.masks), self.heartbeat_ns or 0)
        return plan
