"""Similar names, for messages about unknown ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_SHOWN = 5


def nearest(text: str, names: Iterable[str]) -> list[str]:
    """Return the known names that are similar to an unknown one, the most similar first.

    A name is compared by as many of its last parts as the text has, in small letters.
    """
    import difflib

    wanted, parts = text.lower(), text.count(".") + 1
    tails: dict[str, list[str]] = {}
    for name in names:
        tails.setdefault(".".join(name.lower().split(".")[-parts:]), []).append(name)
    found = [name for tail in difflib.get_close_matches(wanted, tails, _MOST_SHOWN) for name in tails[tail]]
    if not found:
        found = [name for tail, full in tails.items() if wanted and wanted in tail for name in full]
    return found[:_MOST_SHOWN]
