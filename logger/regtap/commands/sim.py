"""`regtap sim`: runs a simulated device for other programs."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

import click

from regtap.cli.output import print_note
from regtap.simulator import process
from regtap.simulator.registers import REGISTERS

if TYPE_CHECKING:
    from collections.abc import Iterator


class _WithRegisters(click.Command):
    """A command with the simulated device's registers at the end of its help."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        with formatter.section("Registers"):
            formatter.write_dl(list(_register_rows()))


def _register_rows() -> Iterator[tuple[str, str]]:
    name_width = max(map(len, REGISTERS))
    for register in REGISTERS.values():
        yield f"{register.name:<{name_width}}  {register.address:#04x}  {register.type}", register.description
        for field in register.fields:
            yield f"  {field.label}", field.description


@click.command(cls=_WithRegisters)
@click.argument("path", type=click.Path())
def sim(path: str) -> None:
    """Play the simulated device on PATH until Ctrl-C or SIGTERM.

    PATH is a new file, such as /dev/shm/device; it is removed at the end. Any number of programs, of the
    same user, may attach to it with `-t sim:PATH`; it goes on when they end. (`-t sim` alone needs no such
    command: it starts a device of its own.)
    """
    where = shlex.quote(os.path.abspath(path))
    text = f"simulated device on {where}: regtap read -t sim:{where} COUNT32 (Ctrl-C ends it)"
    process.serve(path, lambda: _announce(text))


def _announce(text: str) -> None:
    """Print the path of the device; an error of printing does not end the device.

    Raises:
        BrokenPipeError: The reader has gone, and nobody will end this device.
    """
    try:
        click.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        print_note(f"the device runs; its announcement could not be written: {error.strerror}")
