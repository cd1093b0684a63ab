"""`regtap demo`: the whole path on the simulated device, in a few seconds and without privileges."""

from __future__ import annotations

import itertools
import secrets
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

import regtap
from regtap.cli.capture_report import print_report
from regtap.cli.output import ExitCode, print_lines, print_note
from regtap.system.output import write_output
from regtap.targets import parse_target
from regtap_analysis.plot.picture import PictureOptions, make_picture
from regtap_analysis.view.export import export
from regtap_analysis.view.session import Session
from regtap_bench.measuring.engine import Effort
from regtap_bench.measuring.job import Subject, default_cpu
from regtap_bench.report.render import sentence
from regtap_bench.report.storage import render_data, render_reports, store, store_reports
from regtap_bench.session import Setting, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap import Summary
    from regtap_bench.figures.result import Result


@dataclass(frozen=True, slots=True)
class _Scene:
    """One capture of the demo."""

    name: str
    what: str
    registers: Sequence[str]
    rate: str
    duration: str


_SCENES = (
    _Scene("full-speed", "one register as fast as it can be read", ["COUNT32"], "max", "1s"),
    _Scene("paced", "five registers at 1 kHz", ["COUNT32", "CHECKED", "STATUS", "ADC", "GPIO"], "1k", "3s"),
)


_BENCH_S = 2.0


def run_demo(folder: Path | None) -> int:
    """Capture, draw, measure and report; returns the exit code.

    Args:
        folder: The folder of the results; None: `results/demo`, or the next free name after it.

    Raises:
        InputError: The folder exists already.
    """
    folder = folder or _free_folder(Path("results/demo"))
    if folder.exists():
        raise regtap.InputError(f"{folder} exists already; name a new folder with -o")
    folder.mkdir(parents=True)
    summaries = [_play(scene, folder) for scene in _SCENES]
    result = _measure(folder / "bench")
    _export(folder / "paced", folder / "view.html")
    click.echo(f"\nLook at {folder / 'paced.png'}")
    click.echo(f"and, in a browser, at {folder / 'bench' / 'report.html'}")
    click.echo(f"and at {folder / 'view.html'}: zoom, cursors and search, without a server or a network;")
    click.echo(f"with them: regtap view {folder / 'paced'}")
    click.echo("or open a trace with any tool that reads Parquet:")
    click.echo(f"    regtap info {folder / 'paced'}")
    click.echo(f"    python -c 'import pandas; print(pandas.read_parquet(\"{folder / 'paced'}\"))'")
    clean = result.valid and all(summary.clean for summary in summaries)
    return ExitCode.OK if clean else ExitCode.FINDING


def _free_folder(wanted: Path) -> Path:
    numbered = (wanted.with_name(f"{wanted.name}-{k}") for k in itertools.count(2))
    return next(path for path in itertools.chain([wanted], numbered) if not path.exists())


def _play(scene: _Scene, folder: Path) -> Summary:
    output = folder / scene.name
    click.echo(f"\nRecording {scene.what} for {scene.duration}, from a simulated device:")
    click.echo(
        f"    regtap record -t sim {' '.join(scene.registers)} -o {output} "
        f"--rate {scene.rate} --duration {scene.duration}"
    )
    with regtap.record(
        scene.registers, output, target="sim", rate=scene.rate, duration=scene.duration
    ) as capture:
        capture.wait()
    print_report(capture.summary, as_json=False)
    picture = make_picture(capture.trace(), PictureOptions())
    write_output(output.with_suffix(".png"), picture.content)
    click.echo(f"{output.with_suffix('.png')}: the picture")
    return capture.summary


def _export(trace: Path, page: Path) -> None:
    """Make the page of a trace as one file, as `regtap view --export` does."""
    with closing(Session([trace])) as session:
        write_output(page, export(session, None, None).content)


def _measure(output: Path) -> Result:
    """Measure the cost of an access, as `regtap bench` does, and print the verdict."""
    click.echo("\nMeasuring what a read of its register costs:")
    command = f"regtap bench -t sim COUNT32 --quick --duration {_BENCH_S:g}s"
    click.echo(f"    {command} -o {output}")
    target = parse_target("sim")
    (register,) = target.resolve(["COUNT32"])
    cpu = default_cpu()
    seed = secrets.randbelow(2**32)
    subject = Subject(target.spec, register, write=None, quick=True, cpu=cpu)
    setting = Setting(target.is_device, f"{command} --seed {seed} --cpu {cpu}", print_note)
    session = measure(subject, Effort.of_run(_BENCH_S, seed), setting)
    store(render_data(session), str(output))
    store_reports(render_reports(session.result), str(output))
    print_lines([sentence(session.result)])
    return session.result
