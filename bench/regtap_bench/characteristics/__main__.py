"""`python -m regtap_bench.characteristics`: makes the trials, and the table from them."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from typing import Any

import click

from regtap.cli.main import run
from regtap.cli.output import ExitCode, print_note
from regtap_bench.characteristics.counting import bars_of, cells_of
from regtap_bench.characteristics.judging import judge_folder
from regtap_bench.characteristics.measure import TrialRunner
from regtap_bench.characteristics.plan import CONDITIONS, TrialPlan
from regtap_bench.characteristics.table import to_json, to_markdown
from regtap_bench.measuring.job import default_cpu

_NAME = "regtap_bench.characteristics"
_TABLE = "bench-characteristics"
_MEMORY = "/dev/shm"  # noqa: S108 - where a register costs no disk
_COUNT, _SECONDS = click.IntRange(1), click.FloatRange(0.01, 600)


@click.group()
def _characteristics() -> None:
    """Measure the benchmark's rate of false alarms, and the effects within its power."""


@_characteristics.command()
@click.argument("folder")
@click.option("--condition", type=click.Choice(CONDITIONS), multiple=True, help="[default: all of them]")
@click.option("--same", type=_COUNT, default=500, show_default=True, help="Trials of equal arms.")
@click.option("--different", type=_COUNT, default=200, show_default=True, help="Trials of each effect.")
@click.option("--seconds", type=_SECONDS, default=0.75, show_default=True, help="Of measuring in a trial.")
@click.option(
    "--calibration-s",
    type=_SECONDS,
    default=10.0,
    show_default=True,
    help="Of measuring, to find the margin.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of every order.")
@click.option("--cpu", type=click.IntRange(0), help="CPU to measure on.  [default: the last one]")
def measure(folder: str, condition: tuple[str, ...], **given: Any) -> None:
    """Make the missing trials of FOLDER: an interrupted run goes on from its last trial."""
    if given["cpu"] is None:
        given["cpu"] = default_cpu()
    plan = TrialPlan(**given)
    # As Ctrl-C: no core stays busy, and no file is left.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="regtap-", dir=_MEMORY) as scratch:
        bench = TrialRunner.prepare(plan, folder, os.path.join(scratch, "register"))
        bench.run(condition or CONDITIONS, print_note)


@_characteristics.command()
@click.argument("folder")
@click.option("-o", "--output", metavar="DIR", default=".", help="Where the table goes.", show_default=True)
def table(folder: str, output: str) -> int:
    """Judge the trials in FOLDER, and write the table; exit code 1 if a bar is missed."""
    judgement = judge_folder(folder)
    text = to_markdown(judgement)
    os.makedirs(output, exist_ok=True)
    for suffix, content in (("md", text), ("json", to_json(judgement))):
        with open(os.path.join(output, f"{_TABLE}.{suffix}"), "w", encoding="utf-8") as file:
            file.write(content)
    click.echo(text, nl=False)
    return ExitCode.OK if all(bar.met for bar in bars_of(cells_of(judgement))) else ExitCode.FINDING


if __name__ == "__main__":
    sys.exit(run(_characteristics, _NAME))
