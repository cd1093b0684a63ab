"""A lab's thousand traces, and what they answer: `make fleet-demo`."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import click
from tests.fleet.conftest import FLEET, MASTER
from tests.lab import make_lab
from tests.questions import QUESTIONS

from regtap_analysis.queries.answer import Question
from regtap_analysis.queries.engines import open_engine
from regtap_analysis.queries.forms import write_answer

_SHOWN = {"3": "On which boards did ERROR follow DONE within 1 ms?", "7": "Is the new firmware quicker?"}


def main(folder: Path) -> int:
    """Make the collection, ask it on both engines, and print answers and times."""
    shutil.rmtree(folder, ignore_errors=True)
    make_lab(folder, FLEET)
    click.echo(f"{FLEET.traces:,} traces of {FLEET.hosts} hosts in {folder}")
    for engine in ("duckdb", f"spark={MASTER}"):
        began = time.monotonic()
        opened = open_engine([folder], engine)
        click.echo(f"\n{engine}: {opened.traces:,} traces opened in {time.monotonic() - began:.1f} s")
        for number, text in _SHOWN.items():
            began = time.monotonic()
            click.echo(f"\n{text}")
            sys.stdout.flush()
            write_answer(opened.engine.ask(Question(QUESTIONS[number])), "table", sys.stdout.buffer)
            sys.stdout.buffer.flush()
            click.echo(f"({time.monotonic() - began:.1f} s)")
        opened.engine.close()
    click.echo(
        f"\nAsk more: regtap query SQL {folder}, with --engine 'spark={MASTER}' for two worker processes"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
