"""How durable a capture is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Durability:
    """What a journal has done.

    Attributes:
        interval_ns: How often it was to sync.
        syncs: How often it did; it does not where there is nothing new.
        longest_sync_ns: The longest time that one took.
        exposed_ns: The longest time for which a sample was on no disk: what a power loss would have cost at most.
        written_bytes: Bytes written.
    """

    interval_ns: int
    syncs: int = 0
    longest_sync_ns: int = 0
    exposed_ns: int = 0
    written_bytes: int = 0
