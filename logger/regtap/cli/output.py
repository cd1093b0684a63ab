"""The output of commands: results on stdout, everything else as single lines on stderr.

A result that cannot be printed is an error. A note that cannot be printed is none: a command, and a capture above
all, goes on when nobody listens any more (a full disk behind `2>>log`, a reader of a pipe that has gone).
"""

from __future__ import annotations

import contextlib
import enum
import json
import os
import sys
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

import click

from regtap.documents.json_text import dump_json
from regtap.documents.text import folded, terminal_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


_LINES_AT_ONCE = 1_000  # arbitrary: a write each
_STANDARD_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
_MOST_LETTERS = 2_000  # of an error or a note: names in a file may be long


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
    """Print an error on one line of stderr."""
    print_aside(f"regtap: error: {terminal_text(folded(text), _MOST_LETTERS)}\n")


def print_note(text: str) -> None:
    """Print a note to the user on one line of stderr."""
    print_aside(f"regtap: note: {terminal_text(folded(text), _MOST_LETTERS)}\n")


def print_lines(lines: Iterable[str]) -> None:
    """Print lines of a result on stdout, with control characters escaped."""
    for line in lines:
        click.echo(terminal_text(line))


def print_many_lines(lines: Iterable[str]) -> None:
    """Print lines like print_lines(), many at a time: none of them is awaited."""
    rest = iter(lines)
    while piece := [terminal_text(line) for line in islice(rest, _LINES_AT_ONCE)]:
        click.echo("\n".join(piece))


def print_json(document: object) -> None:
    """Print a result as JSON, in ASCII without control characters."""
    click.echo(dump_json(document, indent=2))


def print_line(text: str) -> None:
    """Print a line of a result on stdout, with control characters escaped."""
    print_lines([text])


def print_aside(text: str) -> None:
    """Print a text on stderr unchanged; drop the text if the write fails."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True, nl=False)


def terminal_width(stream: IO[Any]) -> int | None:
    """Return how many signs fit on a line of a terminal; None: the stream leads to none, or it does not know."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except OSError:
        return None


def is_smart_terminal() -> bool:
    """Return whether stderr is a terminal with an erase-line sequence."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def open_standard_descriptors() -> None:
    """Open /dev/null in place of each closed standard descriptor.

    Otherwise the next file that this process opens would become its stdin, stdout or stderr, and the stream in `sys`
    would stay None. What this process starts does not inherit the new descriptor: for a command the standard
    descriptor stays closed.
    """
    for number, (name, mode) in enumerate(_STANDARD_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - it stays open


def settle_output() -> None:
    """Keep the interpreter's last flush of stdout or stderr from failing, which would be exit code 120."""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            _discard(number)


def _discard(output: int) -> None:
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, output)
    os.close(devnull)


def print_json_list(items: Iterable[Mapping[str, object]]) -> None:
    """Print a JSON array, an element to a line; after an error in `items`, the array is closed."""
    separator = "[\n"
    try:
        for item in items:
            click.echo(f"{separator}  {json.dumps(item)}", nl=False)
            separator = ",\n"
    finally:
        click.echo("[]" if separator == "[\n" else "\n]")
