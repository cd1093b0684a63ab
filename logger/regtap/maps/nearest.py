"""Similar names, for messages about unknown ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_SHOWN = 5


def nearest(text: str, names: Iterable[str]) -> list[str]:
    """Return at most five known names that are similar to an unknown one, the most similar first.

    Where the text has n parts, apart by dots, it is compared with the last n parts of each name, which stand for the
    whole name, and with the first n, which stand for themselves, as a block (an index `[i]` at their end does not
    count). Where nothing is similar, what contains the text is returned. Capitals do not count.
    """
    import difflib

    wanted, parts = text.lower(), text.count(".") + 1
    similar: dict[
        str, dict[str, None]
    ] = {}  # what is compared, and the names that it stands for, in their order
    for name in names:
        split = name.split(".")
        similar.setdefault(".".join(split[-parts:]).lower(), {})[name] = None
        block = ".".join(split[:parts])
        similar.setdefault(block.lower().removesuffix("]").rpartition("[")[0] or block.lower(), {})[block] = (
            None
        )
    found = [name for it in difflib.get_close_matches(wanted, similar, _MOST_SHOWN) for name in similar[it]]
    if not found:
        found = [name for it, known in similar.items() if wanted and wanted in it for name in known]
    return list(dict.fromkeys(found))[:_MOST_SHOWN]
