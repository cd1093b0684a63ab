"""Makes texts of files, devices and other users harmless for the medium that shows them: one function a medium.

HTML is escaped by jinja, which takes its texts through visible() first.
"""

from __future__ import annotations

import re

# In CommonMark these begin a tag, an autolink, an entity, or the target of a link; `<= 5` and `[1, 2]` do not.
_MARKUP = re.compile(r"<(?=[A-Za-z/!?])|&(?=#?[A-Za-z0-9]+;)|(?<=\])[(:\[]")
_REPLACED = {"<": "&lt;", "&": "&amp;"}


def visible(text: str) -> str:
    r"""Return a text with all invisible characters escaped, such as `\x1b` and `\u202e`.

    These are control characters, which a terminal obeys, characters that change the direction of what follows, line
    ends, and halves of characters, which no encoding takes.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def cut(text: str, most: int) -> str:
    """Return a text shortened to a number of letters, with an ellipsis for the part left out."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def folded(text: str) -> str:
    """Return a text on one line: each stretch of white space becomes a space."""
    return " ".join(text.split())


def shown(value: object) -> str:
    """Return a value of a document for a message: a text in quotes, and of bearable length."""
    return cut(ascii(value), 60)


def terminal_text(text: str, most: int | None = None) -> str:
    """Return a text for one line of a terminal, without control sequences.

    Args:
        text: Of any origin.
        most: How many letters of it are looked at and shown; None: all.
    """
    return visible(text if most is None else cut(text, most))


def markdown_text(text: str) -> str:
    """Return a text for a line or a cell of Markdown, without tags, entities and links."""
    harmless = visible(folded(text)).replace("|", "/")
    return _MARKUP.sub(lambda found: _REPLACED.get(found[0], f"\\{found[0]}"), harmless)
