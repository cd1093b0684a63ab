"""`regtap report`: the reports of a run made again."""

from __future__ import annotations

import os

import click

from regtap.cli.output import ExitCode, print_lines, print_note


@click.command(short_help="Make a benchmark's reports again.")
@click.option("-o", "--output", metavar="DIR", help="Folder to write to.  [default: where the result lies]")
@click.argument("path", metavar="DIR|RESULT.JSON")
def report(path: str, output: str | None) -> int:
    """Write report.html and report.md of a run of `regtap bench`, from its result.json alone.

    Reports of the same run are replaced; any other file of these names is left alone (exit code 2). Prints the run's
    verdict.
    """
    from regtap_bench.report.render import sentence
    from regtap_bench.report.storage import check_reports_folder, render_reports, store_reports
    from regtap_bench.results import open_result

    result = open_result(path)
    folder = output or (path if os.path.isdir(path) else os.path.dirname(path) or os.curdir)
    check_reports_folder(folder, result)
    files = render_reports(result)
    store_reports(files, folder)
    print_note(f"{folder}: {', '.join(files)}")
    print_lines([sentence(result)])
    return ExitCode.OK
