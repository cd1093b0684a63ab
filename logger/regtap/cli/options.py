"""Options that several commands share."""

from __future__ import annotations

import click

target_option = click.option(
    "-t",
    "--target",
    "target_text",
    default="mem",
    show_default=True,
    metavar="TARGET",
    help="mem, uio:N[/M], pci:DDDD:BB:DD.F/barN, file:PATH, sim or sim:PATH.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
