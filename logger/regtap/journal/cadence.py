"""When a journal takes its turns."""

from __future__ import annotations


class Cadence:
    """One turn each interval; a turn that comes late moves those after it, so that none is made up for.

    Args:
        interval_ns: From one turn to the next.
        now_ns: The time now, on any clock; the first turn is due an interval later.
    """

    def __init__(self, interval_ns: int, now_ns: int) -> None:
        self._interval_ns = interval_ns
        self._due_ns = now_ns

    def next_wait_ns(self, now_ns: int) -> int:
        """Plan the next turn; return how long it is until then."""
        self._due_ns = max(self._due_ns + self._interval_ns, now_ns)
        return self._due_ns - now_ns
