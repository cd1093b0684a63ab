"""Snapshots of a flight recorder: who asked for them, which blocks they take, and what they came to."""

from __future__ import annotations

import queue
from concurrent.futures import Future
from dataclasses import dataclass, field


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
