"""`regtap read`: one access each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from regtap.cli.options import json_option, target_option
from regtap.cli.output import print_json_list, print_note
from regtap.errors import InputError
from regtap.registers.model import Register
from regtap.registers.ranges import RegisterRange, parse_range
from regtap.registers.spelling import parse_register
from regtap.targets import PAGE_BYTES, parse_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regtap.targets import Target
    from regtap.targets.device import Device

_ROW_BYTES = 16
_MAX_RANGE_BYTES = 64 * 2**20  # a dump is for eyes


@click.command(short_help="Read registers, one access each.")
@target_option
@json_option
@click.argument("texts", metavar="REGISTER...", nargs=-1, required=True)
def read(target_text: str, as_json: bool, texts: tuple[str, ...]) -> None:
    """Read registers in the order given, by exactly one access of the declared width each.

    REGISTER is ADDRESS[:TYPE], NAME=ADDRESS[:TYPE], or a name that the target knows; TYPE is u8, u16, u32
    (default), u64, u16be, u32be or u64be. ADDRESS+LENGTH[:TYPE] dumps LENGTH bytes, one access a word.

    Each line has name, address, value in hexadecimal and decimal, and the fields that the target knows.
    """
    target = parse_target(target_text)
    wanted = [_parse(text, target) for text in texts]
    _print_read_effects(wanted, target)
    with target.open([register for item in wanted for register in _to_map(item)]) as device:
        if as_json:
            print_json_list(_as_object(register, device) for item in wanted for register in _words(item))
        else:
            _print_table(wanted, device)


def _parse(text: str, target: Target) -> Register | RegisterRange:
    found = None if text in target.registers else parse_range(text)
    if found is None:
        return parse_register(text, target.registers)
    if found.size_bytes > _MAX_RANGE_BYTES:
        raise InputError(f"{text!r} is too long for a dump; read at most 64MiB at a time")
    return found


def _to_map(item: Register | RegisterRange) -> Iterator[Register]:
    return item.landmarks(PAGE_BYTES) if isinstance(item, RegisterRange) else iter((item,))


def _words(item: Register | RegisterRange) -> Iterator[Register]:
    return item.words() if isinstance(item, RegisterRange) else iter((item,))


def _print_read_effects(wanted: Sequence[Register | RegisterRange], target: Target) -> None:
    for known in target.registers.values():
        if known.read_effect and any(_overlaps(item, known) for item in wanted):
            print_note(f"reading {known.name}: {known.read_effect}")


def _overlaps(item: Register | RegisterRange, known: Register) -> bool:
    return item.address < known.address + known.width_bytes and known.address < item.address + item.size_bytes


def _as_object(register: Register, device: Device) -> dict[str, object]:
    value = device.read(register)
    return {
        "name": register.name,
        "address": register.address,
        "type": register.type,
        "value": value,
        "fields": register.decode(value),
    }


def _print_table(wanted: Sequence[Register | RegisterRange], device: Device) -> None:
    columns = _Columns.fitting(wanted)
    for item in wanted:
        if isinstance(item, RegisterRange):
            _print_dump(item, device, columns)
        else:
            click.echo(columns.line(item, device.read(item)))


def _print_dump(dumped: RegisterRange, device: Device, columns: _Columns) -> None:
    row: list[str] = []
    start = dumped.address
    try:
        for word in dumped.words():
            if len(row) == _ROW_BYTES // word.width_bytes:
                click.echo(columns.row(start, row))
                row, start = [], word.address
            row.append(_hex_digits(word, device.read(word)))
    finally:  # a fault in the middle of a row keeps what came before it
        click.echo(columns.row(start, row))


@dataclass(frozen=True, slots=True)
class _Columns:
    """Widths that suit every line, known before the first access so that lines appear as they are read."""

    name: int
    address: int
    hexadecimal: int
    decimal: int

    @classmethod
    def fitting(cls, wanted: Sequence[Register | RegisterRange]) -> _Columns:
        singles = [item for item in wanted if isinstance(item, Register)]
        width_bytes = max((register.width_bytes for register in singles), default=1)
        return cls(
            name=max((len(register.name) for register in singles), default=0),
            address=max(len(f"{item.address + item.size_bytes - 1:#x}") for item in wanted),
            hexadecimal=2 + 2 * width_bytes,
            decimal=len(str(2 ** (8 * width_bytes) - 1)),
        )

    def line(self, register: Register, value: int) -> str:
        fields = "".join(f"  {name}={part}" for name, part in register.decode(value).items())
        digits = f"0x{_hex_digits(register, value)}"
        return (
            f"{register.name:<{self.name}}  {register.address:#0{self.address}x}  "
            f"{digits:<{self.hexadecimal}}  {value:>{self.decimal}}{fields}"
        )

    def row(self, address: int, words: Sequence[str]) -> str:
        return f"{address:#0{self.address}x}  {' '.join(words)}"


def _hex_digits(register: Register, value: int) -> str:
    return f"{value:0{2 * register.width_bytes}x}"
