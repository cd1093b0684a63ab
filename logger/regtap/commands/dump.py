"""`regtap dump`: many registers, each read once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regtap.cli.names import maps_of, note_left_out, note_unmarked
from regtap.cli.options import allow_side_effects_option, json_option, map_option, target_option
from regtap.cli.output import print_line
from regtap.errors import BusFaultError, InputError
from regtap.maps.decode import spell_fields
from regtap.maps.dump_file import Dump, Reading
from regtap.system.output import check_new, write_output
from regtap.targets import parse_target
from regtap.units.format import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regtap.registers.model import Register
    from regtap.targets.device import Device


@click.command(short_help="Read many registers once, into a table or a file.")
@target_option
@map_option
@click.option("-o", "--output", metavar="FILE", help="Write JSON for `regtap diff`.")
@click.option("--force", is_flag=True, help="Overwrite an existing FILE.")
@allow_side_effects_option
@json_option
@click.argument("texts", metavar="[GLOB...]", nargs=-1)
def dump(
    *,
    target_text: str,
    map_texts: tuple[str, ...],
    output: str | None,
    force: bool,
    allow_side_effects: bool,
    as_json: bool,
    texts: tuple[str, ...],
) -> None:
    """Read each register that GLOB selects ('UART0.*'; all, if there is none) once, in the order of the map.

    Left out, and said: registers whose read has a known effect, and those that are write-only. A name in full
    reads such a register too, with --allow-side-effects.
    """
    if output is not None and as_json:
        raise InputError("-o writes JSON, and --json prints it; leave one out")
    if output is not None:
        check_new(Path(output), force=force)
    target = parse_target(target_text)
    selection = target.names(maps_of(map_texts)).select(
        texts or ("*",), allow_side_effects=allow_side_effects
    )
    registers = tuple(dict.fromkeys(chosen.register for chosen in selection.chosen))
    note_left_out(selection.left_out)
    note_unmarked(registers, selection.left_out)
    started_ns = time.time_ns()
    readings: list[Reading] = []
    columns = _Columns.fitting(registers)
    try:
        with target.open(registers) as device:
            for reading in _read(registers, device):
                readings.append(reading)
                if not as_json and output is None:
                    print_line(columns.line(reading))
    except BusFaultError:
        if output is not None and readings:  # the readings before an error are kept
            _write(Dump(target.spec, started_ns, tuple(readings), selection.left_out), output, force=force)
        raise
    document = Dump(target.spec, started_ns, tuple(readings), selection.left_out)
    if output is not None:
        _write(document, output, force=force)
    elif as_json:
        click.echo(document.to_json(), nl=False)


def _read(registers: Sequence[Register], device: Device) -> Iterator[Reading]:
    for register in registers:
        yield Reading(register, device.read(register))


@dataclass(frozen=True, slots=True)
class _Columns:
    """Column widths for all lines, known before the first access, so that each line appears when it is read."""

    name: int
    address: int
    value: int

    @classmethod
    def fitting(cls, registers: Sequence[Register]) -> _Columns:
        return cls(
            name=max(len(it.name) for it in registers),
            address=max(len(f"{it.address:#x}") for it in registers),
            value=2 + 2 * max(it.width_bytes for it in registers),
        )

    def line(self, reading: Reading) -> str:
        register, value = reading.register, reading.value
        digits = f"{value:#0{2 + 2 * register.width_bytes}x}"
        fields = "  ".join(spell_fields(register, value))
        place = f"{register.name:<{self.name}}  {register.address:#0{self.address}x}"
        return f"{place}  {digits:<{self.value}}  {fields}".rstrip()


def _write(document: Dump, output: str, *, force: bool) -> None:
    write_output(Path(output), document.to_json().encode(), force=force)
    print_line(f"{output}: {count_of(len(document.readings), 'register')} of {document.target}")
