"""`regtap doctor`: checks this machine, and advises changes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from regtap.cli.names import maps_of
from regtap.cli.options import json_option, map_option
from regtap.cli.output import ExitCode

if TYPE_CHECKING:
    from regtap.doctor.findings import Status
    from regtap.doctor.rules.address import Answer

_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command(short_help="Say what this machine can do, and what to change.")
@click.argument("address", metavar="[ADDRESS]", required=False)
@map_option
@json_option
def doctor(address: str | None, map_texts: tuple[str, ...], as_json: bool) -> int:
    """Check whether this machine can reach registers and capture them, and advise changes.

    Without ADDRESS: privileges, kernel settings, devices, clocks, room and versions. The exit code is 1 if
    there is a problem, that is, if not even the simulated device can be recorded; warnings leave it 0.

    With a physical ADDRESS (ADDRESS:TYPE, or a name of a --map): what lies there, who claims it, which ways lead
    to it, and the command to use. The exit code is 1 if no way is open to this user. Ways are tried by mapping the
    page; nothing is read from it.
    """
    return _show_machine(as_json) if address is None else _show_address(address, map_texts, as_json)


def _show_machine(as_json: bool) -> int:
    from regtap.doctor import report, screen
    from regtap.doctor.findings import Status
    from regtap.doctor.gather import gather

    facts = gather()
    groups = report.judge_machine(facts)
    if as_json:
        click.echo(json.dumps(report.machine_document(groups, facts), indent=2))
    else:
        click.echo("\n".join((*screen.lines(groups, _paint), "", report.verdict(groups))))
    return ExitCode.FINDING if screen.count(groups, Status.PROBLEM) else ExitCode.OK


def _show_address(text: str, map_texts: tuple[str, ...], as_json: bool) -> int:
    from regtap.doctor import report, screen
    from regtap.doctor.gather import gather
    from regtap.maps.naming import Names
    from regtap.registers.model import RegisterMap

    maps = maps_of(map_texts)
    register = Names(maps, RegisterMap()).one(text).register
    answer = report.judge_address(register, gather(), maps=maps)
    if as_json:
        click.echo(json.dumps(report.address_document(register, answer), indent=2))
    else:
        click.echo("\n".join((*screen.lines(answer.groups, _paint), "", _advice(answer))))
    return ExitCode.OK if answer.reachable else ExitCode.FINDING


def _advice(answer: Answer) -> str:
    if answer.reachable:
        return f"use: {answer.command}"
    if answer.command is not None:
        return f"closed to this user; use: {answer.command}"
    return "no way to it is open; each says above what stands in it"


def _paint(text: str, status: Status) -> str:
    return click.style(text, fg=_COLOURS[status], bold=status != "ok")
