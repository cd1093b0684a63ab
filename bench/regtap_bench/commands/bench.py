"""`regtap bench`: the cost of an access to a register."""

from __future__ import annotations

import os
import secrets
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import click

from regtap.cli.names import maps_of
from regtap.cli.options import allow_side_effects_option, json_option, map_option, target_option
from regtap.cli.output import ExitCode, print_lines, print_note
from regtap.errors import FaultError, InputError
from regtap.maps.naming import whole_registers
from regtap.system.privileges import become, user_behind_root
from regtap.targets import parse_target
from regtap.units.parse import parse_duration_ns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regtap.maps.naming import Names
    from regtap.registers.model import Register
    from regtap.system.privileges import User
    from regtap.targets.target import Target
    from regtap_bench.figures.result import Result
    from regtap_bench.measuring.engine import Effort
    from regtap_bench.measuring.job import Subject
    from regtap_bench.session import Session

_QUICK_S, _FULL_S = 7.0, 90.0  # arbitrary: to wait for, and to walk away from
_LEAST_S, _MOST_S = 1.0, 600.0
_SIM_READ, _SIM_WRITE = "COUNT32", "SCRATCH"


@click.command(short_help="Measure what each way to a register costs.")
@target_option
@map_option
@allow_side_effects_option
@click.option("--quick", is_flag=True, help="At most eight arms, in about 15 s.")
@click.option("--duration", metavar="TIME", help="Time to measure for.  [default: 7s quick, 90s full]")
@click.option(
    "--seed", type=click.IntRange(0), metavar="N", help="Of the order of the blocks.  [default: random]"
)
@click.option(
    "--cpu", type=click.IntRange(0), metavar="N", help="CPU to measure on.  [default: the last one]"
)
@click.option(
    "--allow-write",
    metavar="REGISTER",
    help="Measure writes too, to this register: what it holds is written back, again and again.",
)
@click.option("-o", "--output", metavar="DIR", help="Folder to make.  [default: results/UTC-HOST]")
@click.option("--user", metavar="NAME", help="Whose the results are, as root.  [default: sudo's caller]")
@json_option
@click.argument("text", metavar="[REGISTER]", required=False)
def bench(target_text: str, text: str | None, as_json: bool, **given: Any) -> int:
    """Measure mmap, pread and other ways to REGISTER, so that the figures can be believed.

    All ways are timed in short blocks of random order, in several fresh processes. Controls run along: if one of
    them is off, the run is INVALID (exit code 1). Nothing is written to the target unless --allow-write names a
    register, or the target is simulated. On a simulated device REGISTER may be left out.

    The folder gets report.html, report.md, result.json and raw.parquet (every block). Ctrl-C keeps what two or more
    processes have finished, as a run that is INVALID.
    """
    from regtap_bench.measuring.engine import Effort
    from regtap_bench.report.storage import render_data
    from regtap_bench.session import Setting, measure

    target = parse_target(target_text)
    subject = _subject(target, text, given)
    user = user_behind_root(given["user"])
    seconds = _seconds(given["duration"], quick=subject.quick)
    seed = secrets.randbelow(2**32) if given["seed"] is None else given["seed"]
    _check_output(given["output"], user)
    _warn_of_reads(target, subject)
    effort = Effort.of_run(seconds, seed)
    setting = Setting(target.is_device, _command(target, subject, effort), print_note)
    session = measure(subject, effort, setting)
    files, reports = render_data(session), None
    if user is not None:
        reports = _Reports.of(session.result)  # this user may not be able to read what draws
        become(user)
    _keep_margin(session)
    folder = _store(session, files, given["output"])
    reports = reports or _Reports.of(session.result)  # the results are on the disk before anything is drawn
    reports.store(folder)
    _print(session, as_json=as_json)
    reports.raise_fault(folder)
    if session.is_interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.OK if session.result.valid else ExitCode.FINDING


def _subject(target: Target, text: str | None, given: dict[str, Any]) -> Subject:
    from regtap_bench.measuring.job import Subject

    if text is None and not _is_simulated(target):
        raise InputError(f"name the register of {target.spec} to read, or try the simulated device (-t sim)")
    if given["quick"] and given["allow_write"]:
        raise InputError("a quick run measures no writes; leave out --quick or --allow-write")
    names = target.names(maps_of(given["map_texts"]))
    allowed = given["allow_side_effects"]
    register = _readable(names, text or _SIM_READ, allow_side_effects=allowed)
    write = given["allow_write"] or (_SIM_WRITE if _is_simulated(target) and not given["quick"] else None)
    return Subject(
        target.spec, register, _to_write(names, write, register), given["quick"], _cpu(given["cpu"])
    )


def _readable(names: Names, text: str, *, allow_side_effects: bool) -> Register:
    """Return the register for its spelling, if repeated reads of the register are allowed."""
    registers = whole_registers(names.select([text], allow_side_effects=allow_side_effects))
    if len(registers) > 1:
        raise InputError(f"{text!r} selects {len(registers)} registers; name one to measure")
    return registers[0]


def _to_write(names: Names, text: str | None, register: Register) -> Register | None:
    if text is None:
        return None
    write = _readable(names, text, allow_side_effects=False)  # what it holds is read, and written back
    if not write.is_writable or write.write_effect or any(field.write_effect for field in write.fields):
        raise InputError(f"what {write.name} holds is written back, and its map says that this changes it")
    return register if write.address == register.address and write.type == register.type else write


def _cpu(wanted: int | None) -> int:
    from regtap_bench.measuring.job import default_cpu

    if wanted is None:
        return default_cpu()
    usable = sorted(os.sched_getaffinity(0))
    if wanted not in usable:
        raise InputError(
            f"CPU {wanted} is not one of those that this process may use ({usable[0]}-{usable[-1]})"
        )
    return wanted


def _seconds(text: str | None, *, quick: bool) -> float:
    if text is None:
        return _QUICK_S if quick else _FULL_S
    seconds = parse_duration_ns(text) / 1e9
    if not _LEAST_S <= seconds <= _MOST_S:
        raise InputError(f"--duration {text} is not between {_LEAST_S:g} s and {_MOST_S:g} s")
    return seconds


def _check_output(output: str | None, user: User | None) -> None:
    from regtap_bench.report.storage import check_folder

    check_folder(output if output is not None else os.path.join("results", ".new"), user)


def _command(target: Target, subject: Subject, effort: Effort) -> str:
    """Return how to repeat a run."""
    words = ["regtap", "bench", "-t", subject.target, *(["--quick"] if subject.quick else [])]
    words += ["--duration", f"{effort.seconds:g}s", "--seed", str(effort.seed), "--cpu", str(subject.cpu)]
    if subject.write is not None and not _is_simulated(target):
        words += ["--allow-write", _spelled(subject.write)]
    return shlex.join([*words, _spelled(subject.register)])


def _warn_of_reads(target: Target, subject: Subject) -> None:
    """Print a note before the first access: a benchmark reads its register again and again."""
    name, effect = subject.register.name, subject.register.read_effect
    if effect:
        print_note(f"reading {name}: {effect}")
    elif target.is_device:
        print_note(
            f"{name} is read tens to hundreds of thousands of times: if a read has an effect there (a FIFO, a flag "
            "that clears), name another register"
        )


def _is_simulated(target: Target) -> bool:
    return _SIM_READ in target.registers


def _spelled(register: Register) -> str:
    return f"{register.name}={register.address:#x}:{register.type}"


def _keep_margin(session: Session) -> None:
    from regtap_bench.figures.margin import cache_path, keep

    if session.calibrated is None or not session.result.valid:
        return
    path, result = cache_path(), session.result
    try:
        keep(session.calibrated, result.environment, result.created_utc, path)
    except OSError as error:
        print_note(f"the margin cannot be kept for quick runs: {path}: {error.strerror}")


@dataclass(frozen=True, slots=True)
class _Reports:
    """The reports of a run, or why they could not be drawn."""

    files: Mapping[str, bytes]
    failure: Exception | None = None

    @classmethod
    def of(cls, result: Result) -> Self:
        from regtap_bench.report.storage import render_reports

        try:
            return cls(render_reports(result))
        except Exception as error:  # noqa: BLE001 - a library's; what was measured is worth more than its picture
            return cls({}, error)

    def store(self, folder: str) -> None:
        from regtap_bench.report.storage import store_reports

        if self.files:
            store_reports(self.files, folder)
            print_note(f"{folder}: {', '.join(self.files)}")

    def raise_fault(self, folder: str) -> None:
        if self.failure is not None:
            why = f"{type(self.failure).__name__}: {self.failure}"
            raise FaultError(
                f"the reports could not be drawn ({why}): the result is in {folder}, and `regtap report {folder}` "
                "draws them again"
            ) from self.failure


def _store(session: Session, files: Mapping[str, bytes], output: str | None) -> str:
    from regtap_bench.report.storage import default_folder, store

    result = session.result
    folder = output or default_folder(result.created_utc, str(result.environment["hostname"]))
    store(files, folder)
    print_note(f"{folder}: {', '.join(files)}")
    return folder


def _print(session: Session, *, as_json: bool) -> None:
    from regtap_bench.report.render import text_lines

    if as_json:
        click.echo(session.result.to_json(), nl=False)
        return
    print_lines(text_lines(session.result))
