"""report.html: one file, for viewing offline."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from regtap_bench.page.environment import page_environment
from regtap_bench.page.tables import Table, TableRow
from regtap_bench.report.crossover_text import crossover_lines
from regtap_bench.report.overview import cost_chart, spread_chart
from regtap_bench.report.pictures import pictures
from regtap_bench.report.render import arm_table, control_table, legend, quality_table, sentence, title

if TYPE_CHECKING:
    from regtap_bench.figures.result import Result

_TEMPLATE = "report.html.jinja"


def html(result: Result) -> str:
    """Return the page of a run; whatever a user typed is escaped."""
    environment = page_environment(os.path.dirname(__file__))
    return environment.get_template(_TEMPLATE).render(
        result=result,
        title=title(result),
        kind="a device" if result.is_device else "RAM-backed target",
        sentence=sentence(result),
        overview=cost_chart(result),
        spread=spread_chart(result),
        tables={"In figures": arm_table(result), "Controls": control_table(result)},
        quality=quality_table(result),
        pictures=pictures(result),
        crossover=crossover_lines(result),
        legend=legend(result),
        facts=_facts(result),
    )


def _facts(result: Result) -> Table:
    facts = {**result.environment, **result.load}
    return Table(("fact", "value"), tuple(TableRow((name, str(value))) for name, value in facts.items()))
