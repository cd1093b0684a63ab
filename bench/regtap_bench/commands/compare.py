"""`regtap compare`: has an access become dearer?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from regtap.cli.options import json_option
from regtap.cli.output import ExitCode, print_lines
from regtap.errors import InputError

if TYPE_CHECKING:
    from regtap_bench.figures.result import Result


@click.command(short_help="Say what became slower between two benchmarks.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a pull request.")
@json_option
@click.option(
    "--allow-unlike", is_flag=True, help="Compare other machines or settings, too; they are listed."
)
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
def compare(first: str, second: str, *, as_markdown: bool, as_json: bool, allow_unlike: bool) -> int:
    """Compare two runs of `regtap bench`, by their folders or result.json: B beside A, arm by arm.

    An arm is slower or faster where its whole interval lies beyond a margin, equivalent where it lies inside, else
    unresolved. The margin includes what fresh processes of the same code differ by on this machine, which is several
    per cent where it is noisy.

    Exit code 1: at least one arm is slower. 2: a run is INVALID, or the runs are of unlike machines, settings or
    targets (unless --allow-unlike).
    """
    from regtap_bench.figures import comparison
    from regtap_bench.report import comparison_text
    from regtap_bench.results import open_result

    if as_markdown and as_json:
        raise InputError("--markdown and --json are two forms of the same; choose one")
    before, after = open_result(first), open_result(second)
    if not allow_unlike:
        _check_alike(before, after)
    found = comparison.compare(before, after)
    if as_json:
        click.echo(comparison_text.to_json(found), nl=False)
    elif as_markdown:
        click.echo(comparison_text.markdown(found), nl=False)
    else:
        print_lines(comparison_text.text_lines(found))
    return ExitCode.FINDING if found.regressed else ExitCode.OK


def _check_alike(before: Result, after: Result) -> None:
    from regtap_bench.figures.comparability import unlike

    different = "; ".join(str(it) for it in unlike(before, after))
    if different:
        raise InputError(f"the runs are not alike: {different}; measure both alike, or say --allow-unlike")
