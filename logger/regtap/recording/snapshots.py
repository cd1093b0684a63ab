"""Snapshots of a flight recorder: requests for them, and their results."""

from __future__ import annotations

import queue
from concurrent.futures import Future
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The result of a snapshot.

    Attributes:
        rows: Rows stored; 0: there were no new ones since the snapshot before.
        first_ns: Time of the first row.
        last_ns: Time of the last row.
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
    """A request for a snapshot.

    Attributes:
        t_ns: The moment of the snapshot, in ns since the start of the trace.
        done: The future of the result.
    """

    t_ns: int
    done: Future[Snapshot] = field(default_factory=Future)


class Requests:
    """The queue of requests from any thread, and from signal handlers, to the writer; it takes no lock."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._closed: BaseException | Snapshot | None = None

    def put(self, request: Request) -> bool:
        """Add a request; return False if the queue is closed."""
        if self._closed is not None:
            return False
        self._queue.put(request)
        if self._closed is not None:  # meanwhile
            self._answer_all(self._closed)
        return True

    def get(self, timeout_s: float) -> Request | None:
        """Wait for a request and return it, or None after a timeout; a returned request cannot be cancelled."""
        while True:
            try:
                request = self._queue.get(timeout=timeout_s)
            except queue.Empty:
                return None
            if request.done.set_running_or_notify_cancel():
                return request
            timeout_s = 0  # the ring may be held for the cancelled one

    def waiting(self) -> bool:
        """Return whether there is a request that get() has not returned; it may be cancelled."""
        return not self._queue.empty()

    def close(self, answer: BaseException | Snapshot) -> None:
        """Give all waiting requests an answer, and refuse further ones."""
        self._closed = answer  # first: put() looks at it again after it has added a request
        self._answer_all(answer)

    def _answer_all(self, answer: BaseException | Snapshot) -> None:
        while (request := self.get(0)) is not None:
            if isinstance(answer, BaseException):
                request.done.set_exception(answer)
            else:
                request.done.set_result(answer)
