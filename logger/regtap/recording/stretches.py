"""The stretches that a trigger stored: plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stretch:
    """The rows around one hit, or around hits that came while it was open.

    Attributes:
        hits: The number of hits.
        hit_ns: Time of the first one.
        last_hit_ns: Time of the last one.
        rows: Rows stored for it.
        first_ns: Time of the first row; of its hit where there is none.
        last_ns: Time of the last one, likewise.
        pre_ns: From the first row of the trace that lies before the hit without a gap of overwritten samples to the
            hit: a stretch may follow right after another.
        short: Whether samples of its pre-trigger were overwritten already.
    """

    hits: int
    hit_ns: int
    last_hit_ns: int
    rows: int
    first_ns: int
    last_ns: int
    pre_ns: int
    short: bool

    @property
    def post_ns(self) -> int:
        """Time from the last hit to the last row, in ns; 0 where no row follows the hit."""
        return max(0, self.last_ns - self.last_hit_ns)


@dataclass(frozen=True, slots=True)
class Caught:
    """The hits and stretches of a trigger so far.

    Attributes:
        expression: The trigger's expression.
        hits: Hits that counted.
        held_off: Further ones, within the holdoff.
        unmarked: Of those that counted, hits without a mark of their own: there were too many at once.
        held_at_start: Whether its condition held on the first row, and so had not become true there.
        opened: Stretches begun.
        stretches: Stretches that are stored.
        short_pre_ns: Pre-trigger that the ring holds at the rate of the capture, where it is shorter than the one that
            was asked for; None: it is not, or the rate is not known yet.
    """

    expression: str
    hits: int
    held_off: int
    unmarked: int
    held_at_start: bool
    opened: int
    stretches: tuple[Stretch, ...]
    short_pre_ns: int | None = None
