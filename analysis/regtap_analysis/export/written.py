"""What came of an export."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Written:
    """What an export came to.

    Attributes:
        count: How many rows or changes were written.
        noun: Which of the two.
        lacking: What the format has no way to say, and is not in the file.
    """

    count: int
    noun: str
    lacking: tuple[str, ...]
