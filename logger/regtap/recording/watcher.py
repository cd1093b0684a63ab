"""Watches a capture's device from a separate thread: the sampling thread cannot notice that a device is gone."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

from regtap.units.format import format_duration_ns

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from regtap.targets.presence import Presence

PERIOD_S = 1.0
_BACK = "is as it was again"


class Watcher:
    """Asks the system for changes of the device, every second and once at the end; a context manager.

    Args:
        presence: Knows the device as it was at the start; stays the caller's.
        name: The target, as the user spelled it.
        began_raw_ns: Beginning of the trace, on CLOCK_MONOTONIC_RAW.
        mark: Puts a line into the trace, at a time in ns.

    Attributes:
        seen: Changes of the device, and their times in ns of the trace.
    """

    def __init__(
        self, presence: Presence, name: str, began_raw_ns: int, mark: Callable[[int, str], object]
    ) -> None:
        self.seen: list[tuple[int, str]] = []
        self._presence = presence
        self._name = name
        self._began_raw_ns = began_raw_ns
        self._mark = mark
        self._last = ""
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="regtap-watcher", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def look(self) -> None:
        """Ask the system now; a change since the last time is kept in `seen`, and marked in the trace."""
        with self._lock:
            now = self._presence.changed()
            if now == self._last:
                return
            self._last = now
            t_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) - self._began_raw_ns
            self.seen.append((t_ns, now or _BACK))
            self._mark(t_ns, f"device: {self._name} {now or _BACK}")

    @property
    def state(self) -> str:
        """The last seen change of the device; empty: it is as it was at the start."""
        return self._last

    def notes(self) -> list[str]:
        """Return a line for each change that was seen, for the capture's summary."""
        return [
            f"{self._name} {what}: seen {format_duration_ns(t_ns)} after the start"
            + ("" if what == _BACK else "; values since then need not be the device's")
            for t_ns, what in self.seen
        ]

    def _run(self) -> None:
        while not self._ended.wait(PERIOD_S):
            self.look()
