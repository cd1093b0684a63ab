"""The words and figures of a report, for any medium."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regtap_analysis.reports.lanes import LanePicture
    from regtap_bench.page.charts import Histogram
    from regtap_bench.page.tables import Table


@dataclass(frozen=True, slots=True)
class Titled:
    """A table with its heading.

    Attributes:
        heading: Empty where the section's own will do.
        table: The table.
        shares: Share of each row, in per cent, as a bar in the page; empty for none.
    """

    heading: str
    table: Table
    shares: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report.

    Attributes:
        heading: Its heading.
        lines: Sentences.
        picture: The picture of the trace; None in every other section.
        tables: Tables.
        charts: Charts; the page alone shows them.
        code: A command.
    """

    heading: str
    lines: tuple[str, ...] = ()
    picture: LanePicture | None = None
    tables: tuple[Titled, ...] = ()
    charts: tuple[Histogram, ...] = ()
    code: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """A whole report.

    Attributes:
        title: Its heading.
        subtitle: When and where.
        sentence: All in one or two sentences.
        is_bad: Whether samples are missing, or the trace contradicts itself.
        sections: The rest.
    """

    title: str
    subtitle: str
    sentence: str
    is_bad: bool
    sections: tuple[Section, ...]
