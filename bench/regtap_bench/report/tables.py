"""Tables in plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

REFUSED = "not here"  # how the second cell of a row begins that has no others


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return a line for each row, for a terminal."""
    full = [row for row in rows if not row[1].startswith(REFUSED)]
    widths = [
        max(len(row[0]) for row in rows),
        *(max(len(row[k]) for row in full) for k in range(1, len(rows[0]))),
    ]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
