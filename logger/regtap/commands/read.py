"""`regtap read`: one access each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import click

from regtap.cli.names import maps_of, note_left_out
from regtap.cli.options import allow_side_effects_option, json_option, map_option, target_option
from regtap.cli.output import print_json_list, print_line
from regtap.errors import InputError
from regtap.maps.decode import spell_fields, spell_number, value_names
from regtap.maps.effects import effect_between
from regtap.maps.naming import Chosen, LeftOut
from regtap.registers.ranges import RegisterRange, parse_range
from regtap.targets import PAGE_BYTES, parse_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regtap.maps.lookup import Maps
    from regtap.maps.naming import Names
    from regtap.registers.model import Register
    from regtap.targets.device import Device

_ROW_BYTES = 16
_MAX_RANGE_BYTES = 64 * 2**20  # a dump is for eyes


@dataclass(frozen=True, slots=True)
class _Range:
    """A dump of neighbouring words.

    Attributes:
        words: The words.
        left_out: Addresses of words that are not read, because that would have an effect.
    """

    words: RegisterRange
    left_out: frozenset[int]


_Item: TypeAlias = Chosen | _Range


@click.command(short_help="Read registers, one access each.")
@target_option
@map_option
@allow_side_effects_option
@json_option
@click.argument("texts", metavar="REGISTER...", nargs=-1, required=True)
def read(
    target_text: str,
    map_texts: tuple[str, ...],
    allow_side_effects: bool,
    as_json: bool,
    texts: tuple[str, ...],
) -> None:
    """Read registers in the order given, by exactly one access of the declared width each.

    REGISTER is ADDRESS[:TYPE], NAME=ADDRESS[:TYPE], or a name that a map or the target knows: in full
    (UART0.CR), any unambiguous tail of it (CR), a field of it (UART0.CR.EN), or a glob ('UART0.*'). TYPE is u8,
    u16, u32 (default), u64, u16be, u32be or u64be; NAME=LOW/HIGH:u64pair is a counter in two halves.
    ADDRESS+LENGTH[:TYPE] dumps LENGTH bytes, one access a word.

    Each line has name, address, value in hexadecimal and decimal, and the fields with the names of their values.
    """
    target = parse_target(target_text)
    names = target.names(maps_of(map_texts))
    items = [item for text in texts for item in _items(text, names, allow_side_effects)]
    with target.open([register for item in items for register in _to_map(item)]) as device:
        if as_json:
            print_json_list(found for item in items for found in _objects(item, device))
        else:
            _print_table(items, device)


def _items(text: str, names: Names, allow_side_effects: bool) -> Iterator[_Item]:
    words = parse_range(text)
    if words is None:
        selection = names.select([text], allow_side_effects=allow_side_effects)
        note_left_out(selection.left_out)
        yield from selection.chosen
        return
    if words.size_bytes > _MAX_RANGE_BYTES:
        raise InputError(f"{text!r} is too long for a dump; read at most 64MiB at a time")
    effects = _effects(words, names.maps)
    if len(effects) == words.count:
        raise InputError(f"{text} holds nothing that may be read: {next(iter(effects.values()))}")
    note_left_out([LeftOut(f"{address:#x}", effect) for address, effect in effects.items()])
    yield _Range(words, frozenset(effects))


def _effects(words: RegisterRange, maps: Maps) -> dict[int, str]:
    """Return the known effect of a read, for each word of a range with one."""
    found: dict[int, str] = {}
    for entry in maps.at(words.address, words.size_bytes):
        if effect := effect_between(entry.address, entry.node.span_bytes, maps):
            first = max(entry.address, words.address) - words.address
            last = min(entry.end, words.address + words.size_bytes) - 1 - words.address
            for index in range(first // words.width_bytes, last // words.width_bytes + 1):
                found[words.address + index * words.width_bytes] = effect
    return dict(sorted(found.items()))


def _to_map(item: _Item) -> Iterator[Register]:
    return item.words.landmarks(PAGE_BYTES) if isinstance(item, _Range) else iter((item.register,))


def _objects(item: _Item, device: Device) -> Iterator[dict[str, object]]:
    if isinstance(item, Chosen):
        yield _as_object(item, device)
        return
    for word in item.words.words():
        if word.address not in item.left_out:
            yield _as_object(Chosen(word), device)


def _as_object(chosen: Chosen, device: Device) -> dict[str, object]:
    register, field = chosen.register, chosen.field
    value = device.read(register)
    if field is not None:
        number = field.extract(value)
        described = {
            "name": chosen.name,
            "address": register.address,
            "type": register.type,
            "bits": field.span,
        }
        return {**described, "value": number, "value_name": field.name_of(number) or None}
    return {
        "name": register.name,
        "address": register.address,
        "type": register.type,
        "value": value,
        "fields": register.decode(value),
        "value_names": value_names(register, value),
    }


def _print_table(items: Sequence[_Item], device: Device) -> None:
    columns = _Columns.fitting(items)
    for item in items:
        if isinstance(item, _Range):
            _print_dump(item, device, columns)
        else:
            print_line(columns.line(item, device.read(item.register)))


def _print_dump(dumped: _Range, device: Device, columns: _Columns) -> None:
    row: list[str] = []
    start = dumped.words.address
    try:
        for word in dumped.words.words():
            if len(row) == _ROW_BYTES // word.width_bytes:
                click.echo(columns.row(start, row))
                row, start = [], word.address
            is_left_out = word.address in dumped.left_out
            row.append("-" * 2 * word.width_bytes if is_left_out else _hex_digits(word, device.read(word)))
    finally:  # after a fault in the middle of a row, the values before it are printed
        click.echo(columns.row(start, row))


@dataclass(frozen=True, slots=True)
class _Columns:
    """Column widths for all lines, known before the first access, so that each line appears when it is read."""

    name: int
    address: int
    hexadecimal: int
    decimal: int

    @classmethod
    def fitting(cls, items: Sequence[_Item]) -> _Columns:
        singles = [item for item in items if isinstance(item, Chosen)]
        extents = [item.register if isinstance(item, Chosen) else item.words for item in items]
        width_bytes = max((item.register.width_bytes for item in singles), default=1)
        return cls(
            name=max((len(item.name) for item in singles), default=0),
            address=max(len(f"{extent.address + extent.size_bytes - 1:#x}") for extent in extents),
            hexadecimal=2 + 2 * width_bytes,
            decimal=len(str(2 ** (8 * width_bytes) - 1)),
        )

    def line(self, chosen: Chosen, value: int) -> str:
        register, field = chosen.register, chosen.field
        start = f"{chosen.name:<{self.name}}  {register.address:#0{self.address}x}"
        if field is not None:
            return f"{start}  [{field.span}]={spell_number(field, field.extract(value))}"
        digits = f"0x{_hex_digits(register, value)}"
        fields = "".join(f"  {text}" for text in spell_fields(register, value))
        return f"{start}  {digits:<{self.hexadecimal}}  {value:>{self.decimal}}{fields}"

    def row(self, address: int, words: Sequence[str]) -> str:
        return f"{address:#0{self.address}x}  {' '.join(words)}"


def _hex_digits(register: Register, value: int) -> str:
    return f"{value:0{2 * register.width_bytes}x}"
