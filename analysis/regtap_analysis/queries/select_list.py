"""Finds the items of SELECT lists while the tokens of a question pass by."""

from __future__ import annotations

import re

_ENDS = re.compile(
    r"(?:\s|--[^\n]*|/\*.*?\*/)*"
    r"(?:[,;)]|\Z|(?:from|where|group|having|qualify|order|limit|union|except|intersect)\b)",
    re.IGNORECASE | re.DOTALL,
)


class SelectList:
    """The place in a question: whether an item of a SELECT list begins there.

    Attributes:
        begins_item: Whether it does.
    """

    def __init__(self) -> None:
        self.begins_item = False
        self._in_list = [False]  # for each open bracket

    def pass_by(self, token: str) -> None:
        """Take the next token into account; neither spaces nor comments are one."""
        word = token.casefold()
        if word in ("(", "["):
            self._in_list.append(False)
        elif word in (")", "]") and len(self._in_list) > 1:
            self._in_list.pop()
        elif word in ("select", "from"):
            self._in_list[-1] = word == "select"
        after = word == "select" or (word == "," and self._in_list[-1])
        self.begins_item = after or (word in ("distinct", "all") and self.begins_item)


def ends_item(text: str, position: int) -> bool:
    """Return whether an item of a SELECT list that has no name of its own ends at a position."""
    return _ENDS.match(text, position) is not None
