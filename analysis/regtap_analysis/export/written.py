"""The result of an export."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Written:
    """The result of an export: what was written, and what the format could not hold.

    Attributes:
        count: The number of rows or changes that were written.
        noun: `rows` or `changes`.
        lacking: Parts of the trace that the format cannot hold and the file lacks.
    """

    count: int
    noun: str
    lacking: tuple[str, ...]
