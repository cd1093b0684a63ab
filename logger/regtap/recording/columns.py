"""Checks the names of a capture's columns against the rules of all readers of traces."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.trace.metadata import LATENCY_COLUMN, TIME_COLUMN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.registers.model import Register


def check_columns(registers: Sequence[Register], output: str) -> None:
    """Check that every reader of the trace finds the right column by a register's name.

    DuckDB and Spark do not tell upper case from lower case. They, Polars and pyarrow take a folder called NAME=VALUE
    for a column of that name, in place of the one in the file.

    Args:
        registers: One for each column.
        output: The trace's folder.

    Raises:
        InputError: Two names are the same in some reader.
    """
    seen = {name: name for name in (TIME_COLUMN, LATENCY_COLUMN)}
    for register in registers:
        other = seen.setdefault(register.name.casefold(), register.name)
        if other != register.name:
            raise InputError(
                f"{other} and {register.name} are one column to tools that do not tell upper from lower case; "
                "give one of them another name (NAME=ADDRESS)"
            )
    for part in os.path.abspath(output).split(os.sep):
        name, equals, _ = part.partition("=")
        if equals and name.casefold() in seen:
            raise InputError(
                f"readers of Parquet folders would take the folder {part!r} for the column {seen[name.casefold()]}; "
                "record into another one"
            )
