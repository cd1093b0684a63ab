"""Tables of a report, for any medium."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row.

    Attributes:
        cells: The texts, one for each heading; of a refused row only the first.
        refusal: The reason for which the row has no figures; empty for a row that has them.
    """

    cells: tuple[str, ...]
    refusal: str = ""

    @property
    def refusal_text(self) -> str:
        """The refusal in the spelling of all reports; empty for a row with figures."""
        return f"not here: {self.refusal}" if self.refusal else ""

    def first_cells(self, count: int) -> TableRow:
        """Return the row with its first `count` cells only."""
        return TableRow(self.cells[:count], self.refusal)

    def padded(self, width: int) -> tuple[str, ...]:
        """Return `width` texts: a refused row has its refusal in the second cell, and empty ones after it."""
        if not self.refusal:
            return self.cells
        return (self.cells[0], self.refusal_text, *[""] * (width - 2))


@dataclass(frozen=True, slots=True)
class Table:
    """Headings, and rows of as many cells."""

    headings: tuple[str, ...]
    rows: tuple[TableRow, ...]

    def grid(self) -> list[tuple[str, ...]]:
        """Return the headings and each row, as texts of equal number."""
        return [self.headings, *(row.padded(len(self.headings)) for row in self.rows)]

    def lines(self) -> list[str]:
        """Return the lines for a terminal, in columns; a refusal may be longer than its column."""
        grid = self.grid()
        full = [self.headings, *(row.cells for row in self.rows if not row.refusal)]
        widths = [
            max(len(cells[0]) for cells in grid),
            *(max(len(cells[k]) for cells in full) for k in range(1, len(self.headings))),
        ]
        return [
            "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
            for cells in grid
        ]
