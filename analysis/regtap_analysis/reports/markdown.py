"""The report as Markdown: its sentences and tables; the pictures are the page's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.documents.text import folded, markdown_text, visible
from regtap_bench.markdown import bullets, markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regtap_analysis.reports.content import Content, Section


def markdown(content: Content) -> str:
    """Return the text; nothing of the trace makes a tag or a link of it."""
    sentence = markdown_text(content.sentence)
    head = [
        f"# {markdown_text(content.title)}\n",
        f"{markdown_text(content.subtitle)}\n",
        f"**{sentence}**\n",
    ]
    sections = (part for section in content.sections for part in _section(section))
    return "\n".join([*head, *sections])


def _section(section: Section) -> Iterator[str]:
    if section.picture is not None:
        return
    yield f"## {markdown_text(section.heading)}\n"
    if section.lines:
        yield bullets(section.lines)
    for titled in section.tables:
        if titled.heading:
            yield f"### {markdown_text(titled.heading)}\n"
        yield markdown_table(titled.table.grid())
    if section.code:
        yield f"    {visible(folded(section.code))}\n"  # a block of code: nothing in it is markup
