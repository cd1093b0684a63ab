"""`regtap mark`: a name for this moment, in a capture that runs."""

from __future__ import annotations

import click

from regtap.cli.options import json_option
from regtap.cli.output import ExitCode, print_json, print_line
from regtap.cli.start import began_raw_ns
from regtap.system.privileges import become_owner
from regtap.units.format import format_duration_ns
from regtap.units.parse import quoted


@click.command(short_help="Name this moment in a running capture.")
@click.argument("trace", type=click.Path())
@click.argument("text")
@json_option
def mark(trace: str, text: str, as_json: bool) -> int:
    """Put a mark TEXT at this moment into TRACE, the folder of a capture that runs.

    The moment is the one at which this command began. A capture takes marks from its own user only, and from root.
    Once this command says that the mark is set, the mark is in the trace as soon as the next part is finished.
    """
    raw_ns = began_raw_ns()
    from regtap.recording.marking import send_mark

    become_owner(trace)
    t_ns = send_mark(trace, text, raw_ns)
    if as_json:
        print_json({"trace": trace, "t_ns": t_ns, "text": text})
    else:
        print_line(f"{trace}: {quoted(text)} at {format_duration_ns(t_ns)}")
    return ExitCode.OK
