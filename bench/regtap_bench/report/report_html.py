"""report.html: one file, for viewing offline."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from regtap.documents.text import visible
from regtap_bench.report.crossover_text import crossover_lines
from regtap_bench.report.pictures import pictures
from regtap_bench.report.render import arm_table, control_table, legend, quality_table, sentence, title

if TYPE_CHECKING:
    from regtap_bench.figures.result import Result

_TEMPLATE = "report.html.jinja"


def html(result: Result) -> str:
    """Return the page of a run; whatever a user typed is escaped."""
    environment = Environment(
        loader=FileSystemLoader(os.path.dirname(__file__)),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_without_control_characters,
        trim_blocks=True,
    )
    return environment.get_template(_TEMPLATE).render(
        result=result,
        title=title(result),
        kind="a device" if result.is_device else "RAM-backed target",
        sentence=sentence(result),
        tables={"What each way costs": arm_table(result), "Controls": control_table(result)},
        quality=quality_table(result),
        pictures=pictures(result),
        crossover=crossover_lines(result),
        legend=legend(result),
        facts={**result.environment, **result.load},
    )


def _without_control_characters(value: object) -> object:
    """Return a value as the page shows it; our own markup (the pictures) stays as it is."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
