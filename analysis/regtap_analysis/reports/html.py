"""The report as one HTML file that asks nobody for anything."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from regtap_bench.page.environment import page_environment

if TYPE_CHECKING:
    from regtap_analysis.reports.content import Content

_TEMPLATE = "trace.html.jinja"


def html(content: Content) -> str:
    """Return the page; whatever comes from the trace is escaped."""
    template = page_environment(os.path.dirname(__file__)).get_template(_TEMPLATE)
    return template.render(content=content, title=content.title)
