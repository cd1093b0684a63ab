"""What commands print: results on stdout, everything else as single lines on stderr."""

from __future__ import annotations

import enum
import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class ExitCode(enum.IntEnum):
    """How a command ended."""

    OK = 0
    FINDING = 1  # finished, and there is something to look at
    INPUT = 2  # what was asked for is wrong
    REFUSED = 3  # the system said no before the first access
    FAULT = 4  # something failed after it; what came before was kept
    INTERRUPTED = 130  # 128 + SIGINT, where Ctrl-C is not an ordinary end
    PIPE_CLOSED = 141  # 128 + SIGPIPE: whoever read the output has gone


def print_error(text: str) -> None:
    """Print what went wrong, on one line."""
    click.echo(f"regtap: error: {_one_line(text)}", err=True)


def print_note(text: str) -> None:
    """Print something that the user should know, on one line."""
    click.echo(f"regtap: note: {_one_line(text)}", err=True)


def print_json_list(items: Iterable[Mapping[str, object]]) -> None:
    """Print a JSON array, an element to a line; if the items end in an error, those before it are kept."""
    separator = "[\n"
    try:
        for item in items:
            click.echo(f"{separator}  {json.dumps(item)}", nl=False)
            separator = ",\n"
    finally:
        click.echo("[]" if separator == "[\n" else "\n]")


def _one_line(text: str) -> str:
    """Fold white space, and escape what would move the terminal's cursor."""
    folded = " ".join(text.split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in folded)
