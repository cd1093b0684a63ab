"""The clock of an interrupted capture, from the anchors in its parts and blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from regtap.clock.anchored import AnchoredClock
from regtap.clock.source import read_clocks, source_named
from regtap.system.host import boot_id
from regtap.trace.metadata import Anchor
from regtap.trace.ranges import LARGEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from regtap.spool.block import BlockHead
    from regtap.trace.metadata import PartMetadata
    from regtap.trace.parts import Part

_RATE_TOLERANCE = 2e-4  # the frequency in the document was measured over 10 ms
_MOST_NS = 1 << 50  # that the native conversion takes between two anchors


@dataclass(frozen=True, slots=True)
class TickRange:
    """The first and the last tick that rows of the capture can have."""

    first: int
    last: int


def recovered_clock(
    template: PartMetadata, finished: Sequence[Part], heads: Sequence[BlockHead], last_tick: int
) -> tuple[AnchoredClock, TickRange]:
    """Return a clock that continues the times of the finished parts.

    If the machine was not restarted since the capture, its counter still runs, and an anchor taken now closes the last
    interval. Otherwise the last interval is extended, with a larger error bound.

    Args:
        template: Metadata from the spool's document.
        finished: The finished parts.
        heads: The blocks to be converted, each with an anchor from the moment when it was opened.
        last_tick: The last tick to be converted.
    """
    nominal_hz = template.clock.frequency_hz
    anchors = _sound([*_in_parts(template, finished), *_in_blocks(heads, nominal_hz)], nominal_hz)
    now = _anchor_now(template)
    last_ns = max((part.ranges["t_ns"][1] for part in finished if "t_ns" in part.ranges), default=-1)
    if (
        now is not None
        and now.ticks > max(anchors[-1].ticks, last_tick)
        and _fits(now, anchors[0], nominal_hz)
    ):
        clock = replace(template.clock, anchors=(*anchors, now), error_bound_ns=0.0)
        return AnchoredClock(clock, template.start, last_ns), TickRange(anchors[0].ticks, now.ticks)
    # MONOTONIC_RAW is a fixed multiple of the counter: the longest line through the anchors is the best.
    ends = (anchors[0], anchors[-1] if len(anchors) > 1 else _extended(anchors[0], nominal_hz))
    bound_ns = _extended_bound_ns(ends, last_tick)
    clock = replace(template.clock, anchors=ends, error_bound_ns=bound_ns)
    furthest = ends[1].ticks + round(_MOST_NS * nominal_hz / 1e9)
    return AnchoredClock(clock, template.start, last_ns), TickRange(
        ends[0].ticks, min(furthest, (1 << 63) - 1)
    )


def _in_parts(template: PartMetadata, finished: Sequence[Part]) -> list[Anchor]:
    return [*template.clock.anchors, *(finished[-1].metadata.clock.anchors if finished else ())]


def _in_blocks(heads: Iterable[BlockHead], nominal_hz: float) -> list[Anchor]:
    return [
        Anchor(ticks, raw_ns, realtime_ns, uncertainty * 1e9 / nominal_hz)
        for ticks, raw_ns, realtime_ns, uncertainty in (head.anchor for head in heads)
    ]


def _sound(anchors: list[Anchor], nominal_hz: float) -> list[Anchor]:
    """Return the anchors that fit the first one and are not much less certain than the best, strictly increasing."""
    first = anchors[0]
    good_enough_ns = 10 * min(anchor.uncertainty_ns for anchor in anchors) + 100
    sound = [first]
    possible = [it for it in anchors[1:] if max(it.ticks, it.raw_ns, it.realtime_ns) <= LARGEST]
    for anchor in sorted(possible, key=lambda anchor: anchor.ticks):
        increasing = anchor.ticks > sound[-1].ticks and anchor.raw_ns > sound[-1].raw_ns
        if increasing and anchor.uncertainty_ns <= good_enough_ns and _fits(anchor, first, nominal_hz):
            sound.append(anchor)
    return sound


def _fits(anchor: Anchor, first: Anchor, nominal_hz: float) -> bool:
    """Return whether two anchors can be readings of one counter: after a suspend, or with damage, they are not."""
    span_ns = anchor.raw_ns - first.raw_ns
    off_ns = abs((anchor.ticks - first.ticks) * 1e9 / nominal_hz - span_ns)
    return off_ns <= _RATE_TOLERANCE * abs(span_ns) + anchor.uncertainty_ns + first.uncertainty_ns + 100


def _anchor_now(template: PartMetadata) -> Anchor | None:
    """Return an anchor of the capture's counter taken now; None: the machine was restarted, or is another one."""
    if template.host.get("boot_id") != boot_id():
        return None
    source = source_named(template.clock.source)
    return None if source is None else read_clocks(source).anchor(template.clock.frequency_hz)


def _extended(anchor: Anchor, nominal_hz: float) -> Anchor:
    """Return an anchor a second later by the nominal frequency, with the tolerance of that frequency."""
    second = 10**9
    uncertainty_ns = anchor.uncertainty_ns + _RATE_TOLERANCE * second
    return Anchor(
        anchor.ticks + round(nominal_hz), anchor.raw_ns + second, anchor.realtime_ns + second, uncertainty_ns
    )


def _extended_bound_ns(ends: tuple[Anchor, Anchor], last_tick: int) -> float:
    first, last = ends
    uncertainty_ns = first.uncertainty_ns + last.uncertainty_ns
    beyond = max(0, last_tick - last.ticks) / (last.ticks - first.ticks)
    return max(first.uncertainty_ns, last.uncertainty_ns) + beyond * uncertainty_ns + 1
