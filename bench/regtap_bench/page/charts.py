"""Charts that are made of the page's own elements: they take its width, its colours and its letters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regtap_bench.page.scales import Tick


@dataclass(frozen=True, slots=True)
class Dot:
    """One row of a chart of dots; places are per cent of its width.

    Attributes:
        label: What it stands for.
        text: Its value in words.
        at: Where the dot is; None where there is no value, and only the text says why.
        low: Where its interval begins.
        high: Where it ends.
        inner: Begin and end of a bolder part of the interval; None: there is none.
        is_bound: Whether the value is at most this: the dot is hollow.
    """

    label: str
    text: str
    at: float | None = None
    low: float = 0.0
    high: float = 0.0
    inner: tuple[float, float] | None = None
    is_bound: bool = False


@dataclass(frozen=True, slots=True)
class DotGroup:
    """Rows with a heading."""

    heading: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class DotChart:
    """Values with their intervals on one axis, each labelled where it stands.

    Attributes:
        title: Its heading.
        axis: What the axis shows, with its unit.
        ticks: Of the axis.
        groups: The rows.
        caption: How to read it.
    """

    title: str
    axis: str
    ticks: tuple[Tick, ...]
    groups: tuple[DotGroup, ...]
    caption: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, in per cent of the chart."""

    left: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often values occurred.

    Attributes:
        title: What it shows.
        bars: From left to right.
        ticks: Of the axis below.
        axis: What that axis shows, with its unit.
        peak: How high the tallest bar is.
        alternative: The picture in words, for whoever does not see it.
    """

    title: str
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    axis: str
    peak: str
    alternative: str
