"""Choosing traces of a catalogue."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.units.parse import parse_duration_ns, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regtap_analysis.catalogue.facts import TraceFacts

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions on the traces to list.

    Attributes:
        lost: Only those with samples lost, other than overwritten as asked, or missed.
        since_ns: Only those that began at this CLOCK_REALTIME or later; None for all.
        host: Only those of hosts whose name is, or matches, this; None for all.
    """

    lost: bool = False
    since_ns: int | None = None
    host: str | None = None

    def choose(self, traces: Iterable[TraceFacts]) -> list[TraceFacts]:
        """Return the traces that meet the conditions, oldest first."""
        return sorted(filter(self._passes, traces), key=lambda facts: (facts.start_ns, facts.name))

    def _passes(self, facts: TraceFacts) -> bool:
        return (
            (not self.lost or facts.lost > 0 or facts.missed > 0)
            and (self.since_ns is None or facts.start_ns >= self.since_ns)
            and (self.host is None or fnmatchcase(facts.host, self.host))
        )


def parse_since_ns(text: str, now_ns: int | None = None) -> int:
    """Return a moment of CLOCK_REALTIME: `2026-11-01`, `2026-11-01T08:30`, or `36h` before now.

    Args:
        text: The user's text; without a zone it is UTC.
        now_ns: The time now; None asks the clock.

    Raises:
        InputError: It is none of these.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        pass
    else:
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (zoned - _EPOCH) // timedelta(microseconds=1) * 1000
    try:
        back_ns = parse_duration_ns(text)
    except InputError:
        raise InputError(
            f"{quoted(text)} is no moment; write a date (2026-11-01), a time (2026-11-01T08:30) or how long ago (36h)"
        ) from None
    return (time.time_ns() if now_ns is None else now_ns) - back_ns
