"""Measured figures beside the bars that they have to meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regtap_bench.figures.estimate import Estimate

_HEADINGS = ("what", "measured", "bar", "", "how")


@dataclass(frozen=True, slots=True)
class Bar:
    """A limit; `at_most` says on which side of it the figures have to be."""

    limit: float
    at_most: bool

    def is_met_by(self, value: float) -> bool:
        """Return whether a figure meets it."""
        return value <= self.limit if self.at_most else value >= self.limit


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        what: What was measured.
        value: The figure.
        unit: Its unit; `x` for a ratio.
        bar: What it has to meet, or None for one that only explains another.
        how: Absolute figures and circumstances.
        interval: Where the figure lies, or None where it was measured once.
    """

    what: str
    value: float
    unit: str
    bar: Bar | None = None
    how: str = ""
    interval: tuple[float, float] | None = None

    @classmethod
    def of(cls, what: str, estimate: Estimate, unit: str, bar: Bar | None = None, how: str = "") -> Figure:
        """Return the line of an estimate."""
        return cls(what, estimate.value, unit, bar, how, (estimate.low, estimate.high))

    @property
    def verdict(self) -> str:
        """MET, MISSED, or nothing where there is no bar."""
        if self.bar is None:
            return ""
        return "MET" if self.bar.is_met_by(self.value) else "MISSED"

    def cells(self) -> tuple[str, ...]:
        """Return its cells, as the table shows them."""
        measured = f"{_digits(self.value)} {self.unit}"
        if self.interval is not None:
            measured += f" [{_digits(self.interval[0])}, {_digits(self.interval[1])}]"
        bar = ""
        if self.bar is not None:
            bar = f"{'<=' if self.bar.at_most else '>='} {self.bar.limit:g} {self.unit}"
        return self.what, measured, bar, self.verdict, self.how


def rows_of(figures: Iterable[Figure]) -> list[tuple[str, ...]]:
    """Return a row of cells for each; the first row is their heading."""
    return [_HEADINGS, *(figure.cells() for figure in figures)]


def text_table(figures: Iterable[Figure]) -> list[str]:
    """Return the lines of a table for a terminal; `how` goes on a line of its own."""
    rows = rows_of(figures)
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    lines = ["  ".join(heading.ljust(width) for heading, width in zip(rows[0][:4], widths, strict=True))]
    for row in rows[1:]:
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)))
        lines += [f"    {row[4]}"] if row[4] else []
    return [line.rstrip() for line in lines]


def _digits(value: float) -> str:
    """Return a figure to three digits, or whole."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")
