"""Snapshots of a flight recorder: who asked for them, which blocks they take, and what they came to."""

from __future__ import annotations

import queue
from bisect import bisect_left
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regtap.spool.layout import TickGap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.spool.layout import Block

SPARE = 8  # one block of so many takes what comes while the others are stored (Filler::is_roomy agrees)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a flight recorder stored at once.

    Attributes:
        rows: Rows; 0 where nothing had come since the one before.
        first_ns: Time of the first one.
        last_ns: Time of the last one.
        short: Whether the ring had overwritten samples that were to be kept.
    """

    rows: int
    first_ns: int
    last_ns: int
    short: bool

    @property
    def span_ns(self) -> int:
        """From the first to the last row."""
        return self.last_ns - self.first_ns


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody's wish for a snapshot.

    Attributes:
        t_ns: When, in ns since the start of the trace.
        done: To be given the snapshot.
    """

    t_ns: int
    done: Future[Snapshot] = field(default_factory=Future)


class Requests:
    """From any thread, and from signal handlers, to the writer thread; takes no lock."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._closed: BaseException | Snapshot | None = None

    def put(self, request: Request) -> bool:
        """Pass a request on; return False if nobody will answer it any more."""
        if self._closed is not None:
            return False
        self._queue.put(request)
        if self._closed is not None:  # meanwhile
            self._answer_all(self._closed)
        return True

    def get(self, timeout_s: float) -> Request | None:
        """Wait at most so long for a request that nobody cancelled; from now on nobody can."""
        while True:
            try:
                request = self._queue.get(timeout=timeout_s)
            except queue.Empty:
                return None
            if request.done.set_running_or_notify_cancel():
                return request

    def close(self, answer: BaseException | Snapshot) -> None:
        """Answer those that are left, and refuse further ones."""
        self._closed = answer  # first: who puts one now looks again afterwards
        self._answer_all(answer)

    def _answer_all(self, answer: BaseException | Snapshot) -> None:
        while (request := self.get(0)) is not None:
            if isinstance(answer, BaseException):
                request.done.set_exception(answer)
            else:
                request.done.set_result(answer)


def most_kept(block_count: int) -> int:
    """Return how many blocks of a ring a snapshot takes at most while sampling goes on.

    The others are enough for the sampler to resume at once, if it found no free block before they were given up.
    """
    return block_count - block_count // SPARE - 1


def too_old(ends_ns: Sequence[int], cutoff_ns: int | None) -> int:
    """Return how many blocks a snapshot leaves out, given when they end, oldest first; None: there is no cutoff.

    The newest one is always stored: it says how many samples were overwritten before it.
    """
    count = 0 if cutoff_ns is None else bisect_left(ends_ns, cutoff_ns)
    return max(0, min(count, len(ends_ns) - 1))


def overwritten_gaps(index: int, missed: int, block: Block, t0_ticks: int) -> tuple[TickGap, ...]:
    """Return what lies before a block, where all that did was overwritten; empty if nothing did.

    Where the missed slots among it lay is not known any more, only how many there were: they come last.

    Args:
        index: Index after the last sample, slot or gap that is stored.
        missed: Slots missed before `index`.
        block: The first one that is stored next.
        t0_ticks: Tick of the last row or gap that is stored.
    """
    absent = block.first_index - index
    missed_since = min(max(block.missed_before - missed, 0), absent)
    lost = absent - missed_since
    t1_ticks = max(t0_ticks, block.first_tick)
    gaps = (
        TickGap(index, lost, t0_ticks, t1_ticks, "overwritten"),
        TickGap(index + lost, missed_since, t0_ticks, t1_ticks, "missed"),
    )
    return tuple(gap for gap in gaps if gap.count > 0)
