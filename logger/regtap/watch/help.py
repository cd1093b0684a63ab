"""The help of the live view: its keys and columns."""

from __future__ import annotations

import textwrap

_HELP = (  # keys or a column, and what they mean; without the former a sentence
    ("q, Ctrl-C", "quit"),
    ("p, space", "pause the screen and go on (counting goes on)"),
    ("/", "show names that contain a text, or match a glob; Escape shows all again"),
    ("f", "a row for each field, with counts of its own"),
    ("v", "hexadecimal and decimal, hexadecimal, decimal"),
    ("s", "take a snapshot; S drops it"),
    ("c", "show only what differs from the snapshot, or all again"),
    ("z", "let counts, smallest and largest begin anew"),
    ("t", "try registers again that had a bus error"),
    ("r", "start a recording of what is watched, and end it"),
    ("up, down", "scroll, here too; so do page up, page down, home, end"),
    ("", ""),
    ("CHANGES", "changes per second, and COUNT all of them, counted by the loop between two screens"),
    ("UNCHANGED", "time since the last change; > where the loop has seen none"),
    ("LATELY", "a look in each character; a bar over the whole height is a pulse between two looks"),
    ("", "Columns that the width has no room for are left out: v makes room. Any other key goes back."),
)
_INDENT = 12
_NARROWEST = 2 * _INDENT


def help_lines(width: int) -> list[str]:
    """Return the lines of the help for a screen of a width; on one below 24 columns they are cut."""
    return [line for keys, text in _HELP for line in _wrapped(keys, text, max(width, _NARROWEST))]


def _wrapped(keys: str, text: str, width: int) -> list[str]:
    first, others = (keys.ljust(_INDENT), " " * _INDENT) if keys else ("", "")
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=others) or [""]
