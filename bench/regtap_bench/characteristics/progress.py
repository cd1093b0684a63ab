"""The progress of a long run: trials done, and the time left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_EVERY_S = 10.0


class TrialProgress:
    """A line every ten seconds, and one at the end.

    Args:
        what: The kind of the trials.
        total: The number of trials.
        tell: Gets the lines.
        now: A clock, in seconds.
    """

    def __init__(
        self, what: str, total: int, tell: Callable[[str], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._what, self._total, self._tell, self._now = what, total, tell, now
        self._done = 0
        self._began = self._told = now()

    def one_more(self) -> None:
        """Count one."""
        self._done += 1
        now = self._now()
        if now - self._told < _EVERY_S and self._done < self._total:
            return
        self._told = now
        each_s = (now - self._began) / self._done
        left_s = round(each_s * (self._total - self._done))
        self._tell(
            f"{self._what}: {self._done} of {self._total} trials, {each_s:.2f} s each, "
            f"{left_s // 60} min {left_s % 60:02d} s left"
        )
