"""Pages of templates; whatever comes from a file is escaped, control characters included."""

from __future__ import annotations

import os

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from regtap.documents.text import visible


def page_environment(folder: str) -> Environment:
    """Return an environment for the templates of a folder, which may extend `page.html.jinja` of this package."""
    return Environment(
        loader=FileSystemLoader([folder, os.path.dirname(__file__)]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_without_control_characters,
        trim_blocks=True,
    )


def _without_control_characters(value: object) -> object:
    """Return a value as the page shows it; our own markup (the pictures) stays as it is."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
