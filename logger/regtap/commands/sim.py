"""`regtap sim`: a simulated device that other programs attach to."""

from __future__ import annotations

import os
import shlex

import click

from regtap import simulator


@click.command()
@click.argument("path", type=click.Path())
def sim(path: str) -> None:
    """Play the simulated device on PATH until Ctrl-C or SIGTERM.

    PATH is a new file, such as /dev/shm/device; it is removed at the end. Any number of programs, of the
    same user, may attach to it with `-t sim:PATH`; it goes on when they end. (`-t sim` alone needs no such
    command: it starts a device of its own.)
    """
    where = shlex.quote(os.path.abspath(path))
    simulator.serve(
        path,
        lambda: click.echo(
            f"simulated device on {where}: regtap read -t sim:{where} COUNT32 (Ctrl-C ends it)"
        ),
    )
