"""The command line of a capture, as the trace keeps it: its own words, and nothing else of the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap.documents.text import cut

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_WORDS, _MOST_LETTERS = 256, 4_096  # arbitrary: each part of a trace has them
_REST = "..."


def bounded_words(words: Iterable[str]) -> tuple[str, ...]:
    """Return the words of a command line, as Unicode and bounded; `...` stands for what is left out."""
    kept: list[str] = []
    left = _MOST_LETTERS
    for word in words:
        text = word.encode(errors="backslashreplace").decode()
        if len(kept) == _MOST_WORDS or left < len(_REST):
            return (*kept, _REST)
        kept.append(cut(text, left))
        left -= len(text)
    return tuple(kept)
