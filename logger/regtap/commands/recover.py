"""`regtap recover`: completes an interrupted trace from its spool, and lists spools."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from regtap.cli.options import json_option
from regtap.cli.output import ExitCode, print_json, print_lines, print_note
from regtap.errors import InputError
from regtap.system.privileges import become_owner
from regtap.units.format import count_of, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regtap.recovery.complete import Recovered
    from regtap.recovery.inventory import SpoolInfo


@click.command(short_help="Complete a trace that was cut off.")
@click.argument("path", metavar="[TRACE|SPOOL]", type=click.Path(), required=False)
@click.option(
    "-o", "--output", metavar="DIR", type=click.Path(), help="With a SPOOL: where its trace is, or is to be."
)
@click.option(
    "--list", "list_all", is_flag=True, help="Show the spools of this machine and the memory they hold."
)
@json_option
def recover(path: str | None, output: str | None, list_all: bool, as_json: bool) -> int:
    """Complete TRACE with the samples that a killed recorder, or a full disk, left in its spool.

    Every sample that the loop had completed is stored, and gaps are accounted for as ever. The spool is removed
    when all of it is on disk. Where a reboot took the spool, the journal of `record --durable` is used in its place.
    Run again, or after it was itself cut off, it stores nothing twice. A SPOOL that was copied from another machine
    becomes a trace by itself: name a new DIR, or one that holds its finished parts.

    Only files of the trace's own user are believed. A spool into which nothing was recorded is removed.

    Ends with exit code 1 if something of the spool could not be used; what, and what it cost, is said.
    """
    if list_all:
        if path is not None or output is not None:
            raise InputError("--list shows every spool; leave the other arguments out")
        return _show_all(as_json)
    if path is None:
        raise InputError("name a trace or a spool, or use --list")
    from regtap.recovery.complete import recover as recover_trace
    from regtap.recovery.inventory import remove_empty

    become_owner(path)
    if (memory_bytes := remove_empty(path)) is not None:
        return _say_removed(path, memory_bytes, as_json)
    recovered = recover_trace(path, output)
    for line in recovered.dropped:
        print_note(f"dropped {line}")
    if as_json:
        print_json(asdict(recovered))
    else:
        print_lines(_lines(recovered))
    return ExitCode.FINDING if recovered.dropped else ExitCode.OK


def _say_removed(path: str, memory_bytes: int, as_json: bool) -> int:
    if as_json:
        print_json({"spool": path, "removed": True, "memory_bytes": memory_bytes})
    else:
        given_back = f"{format_size(memory_bytes)} of memory given back"
        print_lines([f"{path}: nothing was recorded into it; removed, and {given_back}"])
    return ExitCode.OK


def _lines(recovered: Recovered) -> Iterator[str]:
    trace = recovered.trace
    if not recovered.parts:
        yield f"{trace}: complete already, nothing to recover"
    else:
        yield f"{trace}: recovered {count_of(recovered.rows, 'sample')} in {count_of(recovered.parts, 'part')}"
    if recovered.spool is not None:
        yield f"{trace}: {recovered.spool} is kept; remove it when it is not needed any more"
    yield f"{trace}: {recovered.totals.line()}"


def _show_all(as_json: bool) -> int:
    from regtap.recovery.inventory import list_spools

    found = list_spools()
    if as_json:
        print_json([asdict(info) for info in found])
    elif found:
        print_lines(_table(found))
    else:
        print_note("there is no spool on this machine")
    return ExitCode.OK


def _table(found: Sequence[SpoolInfo]) -> Iterator[str]:
    yield f"{'MEMORY':>9}  {'STATE':<9}  {'SAMPLES':>13}  {'OWNER':<9}  {'SPOOL':<40}  TRACE"
    for info in found:
        samples = "-" if info.samples is None else f"{info.samples:,}"
        yield (
            f"{format_size(info.memory_bytes):>9}  {info.state:<9}  {samples:>13}  {info.owner:<9}  {info.spool:<40}  "
            f"{info.trace or '-'}"
        )
    total = sum(info.memory_bytes for info in found if info.state in ("cut off", "empty"))
    yield f"{format_size(total)} held by spools that nobody fills; `regtap recover TRACE`, or SPOOL, gives it back"
    foreign = [info for info in found if info.state == "foreign"]
    if foreign:
        held = format_size(sum(info.memory_bytes for info in foreign))
        yield f"{held} held by {count_of(len(foreign), 'spool')} of other users, not looked into"
