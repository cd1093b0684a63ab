"""Lays findings out: a line each, a second one for a remedy, grouped and aligned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.doctor.findings import Status
from regtap.units.format import count_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from regtap.doctor.findings import Finding, Group

_STATUS_WIDTH = max(map(len, Status))


def lines(groups: Sequence[Group], paint: Callable[[str, Status], str]) -> Iterator[str]:
    """Yield the screen, line by line.

    Args:
        groups: What to show, in order.
        paint: Gives a text the colour of a status.
    """
    width = max(len(finding.name) for group in groups for finding in group.findings)
    for group in groups:
        yield group.title
        for finding in group.findings:
            yield from _finding_lines(finding, width, paint)


def _finding_lines(finding: Finding, width: int, paint: Callable[[str, Status], str]) -> Iterator[str]:
    status = paint(f"{finding.status:<{_STATUS_WIDTH}}", finding.status)
    yield f"  {status}  {finding.name:<{width}}  {_printable(f'{finding.state}: {finding.meaning}')}"
    indent = " " * (2 + _STATUS_WIDTH + 2)
    for detail in finding.details:
        yield f"{indent}{_printable(detail)}"
    if finding.remedy:
        yield f"{indent}{'':<{width}}  -> {finding.remedy}"


def _printable(text: str) -> str:
    """Escape unprintable characters, which would move the cursor of a terminal: names come from drivers."""
    return "".join(character if character.isprintable() else "?" for character in text)


def count(groups: Iterable[Group], status: Status) -> int:
    """Return the number of findings with a status."""
    return sum(finding.status is status for group in groups for finding in group.findings)


def tally(groups: Sequence[Group]) -> str:
    """Return how many problems and warnings there are, such as `1 problem, 2 warnings`."""
    return ", ".join(_counted(count(groups, status), status) for status in (Status.PROBLEM, Status.WARNING))


def _counted(number: int, status: Status) -> str:
    return count_of(number, status) if number else f"no {status}s"
