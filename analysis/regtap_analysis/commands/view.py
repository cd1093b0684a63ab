"""`regtap view`."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regtap.cli.names import maps_of
from regtap.cli.options import map_option
from regtap.cli.output import print_line
from regtap.errors import InputError, RefusedError
from regtap.system.output import check_new, write_output
from regtap.trace.metadata import Mark
from regtap.trace.moments import parse_moment_ns
from regtap.units.format import format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap_analysis.view.session import Session

_STDIN = 0
_FIRST_ROW_S = 30.0  # that a capture which has just begun may take to its first row


@click.command(short_help="Look at traces in the browser: zoom, cursors, search.")
@click.argument("traces", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="TRACE...")
@click.option(
    "--register",
    "registers",
    multiple=True,
    metavar="NAME",
    help="Only this register or field; may be repeated.",
)
@click.option(
    "--align",
    metavar="MARK",
    help="Count time, also of --from and --to, from the first mark whose text begins so, in each trace.",
)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of 127.0.0.1 [any free one].")
@click.option("--as-root", is_flag=True, help="Serve as root too.")
@click.option(
    "--export",
    "output",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    help="Make one file; serve nothing.",
)
@click.option("--from", "first", metavar="TIME", help="Export from this time after the start, or the mark.")
@click.option("--to", "stop", metavar="TIME", help="Export up to this time after the start, or the mark.")
@map_option
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.option("--until-eof", is_flag=True, hidden=True)  # of `record --view`
def view(
    *,
    traces: tuple[Path, ...],
    registers: tuple[str, ...],
    align: str | None,
    no_browser: bool,
    port: int,
    as_root: bool,
    output: Path | None,
    first: str | None,
    stop: str | None,
    map_texts: tuple[str, ...],
    force: bool,
    until_eof: bool,
) -> None:
    """Show TRACE in the browser, served on this machine alone under a secret address.

    Each column of the screen spans from the smallest to the largest sample in it, so a single odd sample shows at any
    zoom. The page follows a trace that is being recorded. With --export it becomes one file of at most 5 MB that opens
    without a network.
    """
    if output is None:
        if first is not None or stop is not None or force:
            raise InputError("--from, --to and --force belong to --export; in the page, zoom")
        if os.geteuid() == 0 and not as_root:
            raise RefusedError(
                "a server should not run as root",
                remedy="run this as the user who looks at it, or say --as-root",
            )
    else:
        _check_output(output, force=force)
    if until_eof:
        threading.Thread(target=_end_at_eof, name="regtap-until-eof", daemon=True).start()
    from regtap_analysis.view.session import Session  # imports numpy

    with closing(Session(traces, registers, align, maps_of(map_texts), _FIRST_ROW_S)) as session:
        if output is not None:
            zero = None if align is None else Mark(0, align)  # of all traces, on the page's axis
            bounds = (None if text is None else parse_moment_ns(text, zero) for text in (first, stop))
            _export(session, output, tuple(bounds), force=force)
            return
        from regtap_analysis.view.serving import serve

        serve(session, port, opens_browser=not no_browser)


def _end_at_eof() -> None:
    """End this process once the other end of standard input is closed, or its holder has been killed."""
    while os.read(_STDIN, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _export(session: Session, output: Path, bounds_ns: Sequence[int | None], *, force: bool) -> None:
    from regtap_analysis.view.export import export

    made = export(session, *bounds_ns)
    write_output(output, made.content, force=force)
    print_line(f"{output}: {format_size(len(made.content))}, {made.note}")


def _check_output(path: Path, *, force: bool) -> None:
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{path} should be named .html; browsers go by that")
    check_new(path, force=force)
