"""The time stolen by the hypervisor from the measuring CPU, round by round."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from regtap.system.closeable import Closeable

if TYPE_CHECKING:
    from array import array

_STAT = "/proc/stat"
_STAT_BYTES = 1 << 20  # arbitrary: more than the lines of thousands of CPUs have
_STEAL = 8  # field of stolen time in a line of /proc/stat (proc_stat(5))
_TRIES = 3  # readings, of which the fastest counts; arbitrary
_MOST = 0xFFFF  # what a column of 16 bits holds
_REST = 100  # pause after a reading, in durations of a reading: the readings take below 1 % of the time


class StealWatch(Closeable):
    """Tags rounds with the time stolen meanwhile; a context manager.

    /proc/stat counts in steps of 10 ms, and the kernel makes all of it up for each look: where that takes long (many
    CPUs, many interrupts), one look serves several rounds, all of which get what it found.
    """

    def __init__(self, cpu: int | None, path: str = _STAT) -> None:
        """Read /proc/stat for the first time.

        Args:
            cpu: Which one measures; None: all of them together.
            path: /proc/stat; another one serves tests.
        """
        self._label = b"cpu " if cpu is None else b"cpu%d " % cpu
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        took_s = []
        for _ in range(_TRIES):
            began_s = time.perf_counter()
            self._before = self._stolen()
            took_s.append(time.perf_counter() - began_s)
        self._rest_s = _REST * min(took_s)
        self._next_s = time.perf_counter() + self._rest_s
        self._untagged = 0

    def close(self) -> None:
        """Close /proc/stat."""
        os.close(self._fd)

    def end_round(self, number: int, stolen: array[int]) -> None:
        """Tag the rounds since the last reading, if the next reading is due; otherwise they wait for a later round."""
        if time.perf_counter() >= self._next_s:
            self.tag_rounds(number, stolen)

    def tag_rounds(self, number: int, stolen: array[int]) -> None:
        """Tag the rounds since the last reading.

        Args:
            number: Number of the round that has ended; below 0 while warming up.
            stolen: Gets the stolen time of each round, from round 0 on, in ticks of /proc/stat.
        """
        now = self._stolen()
        for tagged in range(self._untagged, number + 1):
            stolen[tagged] = min(now - self._before, _MOST)
        self._untagged, self._before = max(0, number + 1), now
        self._next_s = time.perf_counter() + self._rest_s

    def _stolen(self) -> int:
        lines = os.pread(self._fd, _STAT_BYTES, 0).splitlines()
        fields = next((line.split() for line in lines if line.startswith(self._label)), [])
        return int(fields[_STEAL]) if len(fields) > _STEAL else 0
