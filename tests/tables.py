"""Tables in the READMEs that a command made: copied from their source, `python -m tests.tables`.

A copy stands between `<!-- begin: SOURCE [rows: WORDS] [columns: N] -->` and `<!-- end -->`. SOURCE is a file
of the repository, whose first table is meant; `rows:` keeps the rows that hold WORDS, `columns:` the first N columns.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
MARK = re.compile(
    r"(<!-- begin: (?P<source>\S+)(?: rows: (?P<rows>.*?))?(?: columns: (?P<columns>\d+))? -->\n)"
    r"(?P<copy>.*?)(<!-- end -->)",
    re.DOTALL,
)
_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)


def readmes() -> list[Path]:
    """Return the README of the repository and that of each top-level folder."""
    return [ROOT / "README.md", *sorted(ROOT.glob("[a-z]*/README.md"))]


def filled(text: str) -> str:
    """Return a README's text with each copy as its source has it now."""
    return MARK.sub(lambda mark: f"{mark[1]}{_copy(mark)}{mark[6]}", text)


def _copy(mark: re.Match[str]) -> str:
    table = _TABLE.search((ROOT / mark["source"]).read_text())
    assert table is not None, f"{mark['source']} holds no table"
    head, rule, *rows = table[0].splitlines()
    kept = [row for row in rows if mark["rows"] is None or mark["rows"] in row]
    return "".join(f"{_cut(row, mark['columns'])}\n" for row in (head, rule, *kept))


def _cut(row: str, columns: str | None) -> str:
    return row if columns is None else "|".join(row.split("|")[: int(columns) + 1]) + "|"


def main() -> None:
    """Write all copies anew."""
    for path in readmes():
        path.write_text(filled(path.read_text()))


if __name__ == "__main__":
    main()
