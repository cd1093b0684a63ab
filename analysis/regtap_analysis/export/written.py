"""The result of an export."""

from __future__ import annotations

from dataclasses import dataclass

from regtap.units.format import count_of


@dataclass(frozen=True, slots=True)
class Written:
    """The result of an export: what was written, and what the format could not hold.

    Attributes:
        count: The number of rows or changes that were written.
        noun: `row` or `change`.
        lacking: Parts of the trace that the format cannot hold and the file lacks.
    """

    count: int
    noun: str
    lacking: tuple[str, ...]

    @property
    def text(self) -> str:
        """The number of rows or changes in words, such as `1 row`."""
        return count_of(self.count, self.noun)
