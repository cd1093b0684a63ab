"""`regtap demo`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="See it work: capture, picture, benchmark; no device needed.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder to make [results/demo, or a free name after it].",
)
def demo(output: Path | None) -> int:
    """Capture the simulated device at full speed and paced, draw both, measure an access, and list the files."""
    from regtap_analysis.demo import run_demo  # imports numpy

    return run_demo(output)
