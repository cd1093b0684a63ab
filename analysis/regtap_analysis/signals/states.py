"""Stretches of time in which a field held one number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regtap_analysis.signals.breaks import Breaks
from regtap_analysis.signals.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.trace.gaps import Gap
    from regtap_analysis.signals.model import Samples


@dataclass(frozen=True, slots=True)
class State:
    """A stretch of time in which a field held one number.

    Attributes:
        start_ns: Its begin.
        stop_ns: Its end.
        number: The value of the field; None: several values, in less time than the picture can show.
    """

    start_ns: int
    stop_ns: int
    number: int | None


def states_of(data: Samples | Envelope, gaps: Sequence[Gap]) -> list[State]:
    """Return the states of a lane in the order of time; a gap ends a state.

    Args:
        data: Every sample, or buckets of time.
        gaps: The gaps in which the value is not known.
    """
    if isinstance(data, Envelope):
        filled = np.flatnonzero(data.count)
        starts, stops = data.edges_ns[filled], data.edges_ns[filled + 1]
        uniform = data.low[filled] == data.high[filled]
        numbers = [int(low) if same else None for low, same in zip(data.low[filled], uniform, strict=True)]
    else:
        starts = stops = data.times_ns
        numbers = [int(value) for value in data.values]
    if not numbers:
        return []
    broken = Breaks(gaps).between(stops[:-1], starts[1:])
    return _merged(starts.tolist(), stops.tolist(), numbers, broken.tolist())


def _merged(
    starts: list[int], stops: list[int], numbers: list[int | None], broken: list[bool]
) -> list[State]:
    """Join neighbours of one number; a state lasts until the next one begins, unless a gap lies between."""
    found: list[State] = []
    first = 0
    for index in range(1, len(numbers) + 1):
        is_end = index == len(numbers)
        if not is_end and not broken[index - 1] and numbers[index] == numbers[first]:
            continue
        stop_ns = stops[index - 1] if is_end or broken[index - 1] else starts[index]
        found.append(State(starts[first], stop_ns, numbers[first]))
        first = index
    return found
