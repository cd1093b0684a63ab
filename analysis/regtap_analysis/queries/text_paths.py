"""Paths of UTF-8 for all traces: DuckDB opens no other ones."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import replace
from typing import TYPE_CHECKING

from regtap_analysis.catalogue.search import TraceLocation

if TYPE_CHECKING:
    from regtap_analysis.catalogue.facts import TraceFacts


class TextPaths:
    """Links to the folders whose paths are no UTF-8, in a temporary folder that is made for the first of them."""

    def __init__(self) -> None:
        self._folder: str | None = None
        self._count = 0

    def of(self, facts: TraceFacts) -> TraceFacts:
        """Return the facts of a trace with paths that are UTF-8: its own ones, or those through a link.

        Raises:
            OSError: The system has no room for a link.
        """
        if facts.location.is_text:
            return facts
        if self._folder is None:
            self._folder = tempfile.mkdtemp(prefix="regtap-query-")
        link = os.path.join(self._folder, str(self._count))
        self._count += 1
        os.symlink(facts.location.path, link)
        files = tuple(os.path.join(link, os.path.basename(file)) for file in facts.files)
        return replace(facts, location=TraceLocation(facts.name, link), files=files)

    def close(self) -> None:
        """Remove the links."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
