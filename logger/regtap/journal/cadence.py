"""The times at which a journal copies and syncs."""

from __future__ import annotations


class Cadence:
    """One turn in each interval. Missed turns are not made up for.

    Args:
        interval_ns: From one turn to the next.
        now_ns: The time now, on any clock; the first turn is due an interval later.
    """

    def __init__(self, interval_ns: int, now_ns: int) -> None:
        self._interval_ns = interval_ns
        self._due_ns = now_ns

    def next_wait_ns(self, now_ns: int) -> int:
        """Go on to the next turn; return the time until it is due, in ns.

        It is 0 where a whole interval has passed already; the turns after it are counted from now then.
        """
        self._due_ns = max(self._due_ns + self._interval_ns, now_ns)
        return self._due_ns - now_ns
