"""The costs of reading many bytes at once, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.units.format import format_size
from regtap_bench.report import figures_text as say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from regtap_bench.figures.estimate import Estimate
    from regtap_bench.figures.result import Crossing, CrossoverPoint, Result


def crossover_lines(result: Result) -> list[str]:
    """Return the lines about the cheaper way by size, and about refused sizes; empty without bulk arms."""
    measured = sorted({point.size_bytes for point in result.crossover if point.cost is not None})
    return [
        *(_crossing_line(crossing, measured) for crossing in result.crossings),
        *_left_out_lines(result.crossover),
    ]


def crossover_table(result: Result) -> list[tuple[str, ...]]:
    """Return the headings, and a row for each measured size with its costs in ns."""
    ways = list(dict.fromkeys(point.way for point in result.crossover))
    sizes = sorted({point.size_bytes for point in result.crossover if point.cost is not None})
    texts = {(point.way, point.size_bytes): say.cost_text(point.cost) for point in result.crossover}
    # A result of others may lack a size of a way.
    rows = [(format_size(size), *(texts.get((way, size), say.NOTHING) for way in ways)) for size in sizes]
    return [("bytes", *(f"{way}, ns" for way in ways)), *rows]


def _crossing_line(crossing: Crossing, sizes: Sequence[int]) -> str:
    pair = f"{crossing.one} or {crossing.other}"
    if not crossing.ranges or not sizes:
        return f"{pair}: no size resolves which is cheaper"
    parts = [f"{it.cheaper} cheaper {_from_to(it.first_bytes, it.last_bytes)}" for it in crossing.ranges]
    turns = [
        f"the same at {size_text(equal)}, {after}"
        for equal, after in zip(crossing.equal_bytes, parts[1:], strict=True)
    ]
    first, last = crossing.ranges[0].first_bytes, crossing.ranges[-1].last_bytes
    unresolved = [
        *([f"below {format_size(first)}"] if first > sizes[0] else []),
        *([f"above {format_size(last)}"] if last < sizes[-1] else []),
    ]
    rest = [f"unresolved {' and '.join(unresolved)}"] if unresolved else []
    return f"{pair}: {', '.join([parts[0], *turns, *rest])}"


def _from_to(first_bytes: int, last_bytes: int) -> str:
    if first_bytes == last_bytes:
        return f"at {format_size(first_bytes)}"
    return f"from {format_size(first_bytes)} to {format_size(last_bytes)}"


def size_text(estimate: Estimate) -> str:
    """Return a size and its interval."""
    value, low, high = (format_size(round(size)) for size in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]"


def _left_out_lines(points: Iterable[CrossoverPoint]) -> list[str]:
    sizes: dict[tuple[str, str], list[int]] = {}
    for point in points:
        if point.refused:
            sizes.setdefault((point.way, point.refused), []).append(point.size_bytes)
    ways: dict[tuple[str, str], list[str]] = {}
    for (way, reason), those in sizes.items():
        ways.setdefault((_from_to(min(those), max(those)), reason), []).append(way)
    return [f"{', '.join(names)} {span}: not here: {reason}" for (span, reason), names in ways.items()]
