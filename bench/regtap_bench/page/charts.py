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
        label: The label of the dot.
        text: Its value in words.
        at: Where the dot is; None where there is no value, and only the text says why.
        low: The lower end of the interval.
        high: The upper end of the interval.
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
        axis: The quantity of the axis, with its unit.
        ticks: Ticks of the axis.
        groups: The rows.
        caption: An explanation for the reader.
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
        title: The title of the chart.
        bars: From left to right.
        ticks: Ticks of the axis below.
        axis: The quantity of that axis, with its unit.
        peak: The height of the tallest bar.
        alternative: The picture in words, for whoever does not see it.
    """

    title: str
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    axis: str
    peak: str
    alternative: str
