"""Statistics of a journal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Durability:
    """Statistics of a journal over a capture.

    Attributes:
        interval_ns: Time from one sync to the next, as asked for.
        syncs: The number of syncs; there is none without new samples.
        longest_sync_ns: Duration of the longest sync.
        exposed_ns: The longest time for which a sample was on no disk: a power loss would have cost that at most.
        written_bytes: Bytes written.
    """

    interval_ns: int
    syncs: int = 0
    longest_sync_ns: int = 0
    exposed_ns: int = 0
    written_bytes: int = 0
