"""`regtap traces`: the catalogue of a collection, from footers alone."""

from __future__ import annotations

import sys

import click

from regtap.cli.options import json_option
from regtap.cli.output import ExitCode, print_json_list, print_note, terminal_width


@click.command(short_help="List the traces of a folder.")
@click.argument("folders", nargs=-1, required=True, type=click.Path())
@click.option(
    "--lost", is_flag=True, help="Only traces with samples lost (not overwritten as asked) or missed."
)
@click.option(
    "--since", metavar="TIME", help="Only traces begun since 2026-11-01, 2026-11-01T08:30 (UTC) or 36h ago."
)
@click.option("--host", metavar="NAME", help="Only traces of this host; may be a pattern such as 'board-*'.")
@json_option
def traces(
    *, folders: tuple[str, ...], lost: bool, since: str | None, host: str | None, as_json: bool
) -> int:
    """List the traces in FOLDERS, at any depth, oldest first: host, target, length, rows, what was lost, marks.

    Reads the footers of the parts and no row. Ends with exit code 1 if a folder that was named is no trace and holds
    none, or a trace is damaged; the others are listed.
    """
    from regtap_analysis.catalogue.filters import Filter, parse_since_ns
    from regtap_analysis.catalogue.listing import as_document, list_traces
    from regtap_analysis.catalogue.read import no_traces, read_catalogue

    chosen = Filter(lost, None if since is None else parse_since_ns(since), host)
    catalogue = read_catalogue(folders)
    if not catalogue.traces:
        raise no_traces(catalogue.left_out)
    listed = chosen.choose(catalogue.traces)
    if as_json:
        print_json_list(map(as_document, listed))
    else:
        listing = list_traces(listed, terminal_width(sys.stdout))
        for line in listing.lines:
            click.echo(line)
        if listing.left_out:
            print_note(f"for want of room without {', '.join(listing.left_out)}; --json has all")
    for left_out in catalogue.left_out:
        print_note(f"left out: {left_out.reason}")
    return ExitCode.FINDING if catalogue.left_out else ExitCode.OK
