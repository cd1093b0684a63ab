"""Options of several commands."""

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
map_option = click.option(
    "--map",
    "map_texts",
    multiple=True,
    metavar="FILE[:BLOCK][@BASE]",
    help="Names of registers: an SVD, RDL, IP-XACT, LiteX or TOML file; may be repeated.  [default: $REGTAP_MAP]",
)
allow_side_effects_option = click.option(
    "--allow-side-effects",
    is_flag=True,
    help="Read registers too that are known to change the device when they are read, if they are named in full.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
