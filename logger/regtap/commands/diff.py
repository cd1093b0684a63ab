"""`regtap diff`: two moments, register by register."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from regtap.cli.names import maps_of, note_left_out, selected_names
from regtap.cli.options import json_option, map_option
from regtap.cli.output import ExitCode, print_json_list, print_line, print_note
from regtap.errors import InputError
from regtap.maps.annotate import annotated
from regtap.maps.compare import Difference, compare
from regtap.maps.dump_file import Reading, read_dump
from regtap.maps.effects import read_effect
from regtap.maps.naming import LeftOut
from regtap.targets import parse_target
from regtap.units.format import count_of, format_duration_ns
from regtap.units.parse import parse_time_ns

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from regtap.maps.lookup import Maps
    from regtap.registers.model import Register

_MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class _Moment:
    """One side of the comparison.

    Attributes:
        label: Name of the moment in the output.
        readings: Values of registers, by name.
    """

    label: str
    readings: dict[str, Reading]

    def only(self, names: Collection[str]) -> _Moment:
        """Return the moment with only the registers of these names."""
        return _Moment(self.label, {name: it for name, it in self.readings.items() if name in names})


@click.command(short_help="Compare registers at two moments.")
@map_option
@click.option("--only", multiple=True, metavar="NAME|GLOB", help="Compare these registers; may be repeated.")
@click.option(
    "--ignore", multiple=True, metavar="NAME|GLOB", help="Leave these registers out; may be repeated."
)
@click.option("--no-volatile", is_flag=True, help="Leave out registers that the device changes by itself.")
@click.option("--no-effects", is_flag=True, help="Leave out registers whose read has a known effect.")
@json_option
@click.argument("first_text", metavar="A")
@click.argument("second_text", metavar="B")
def diff(
    *,
    map_texts: tuple[str, ...],
    only: tuple[str, ...],
    ignore: tuple[str, ...],
    no_volatile: bool,
    no_effects: bool,
    as_json: bool,
    first_text: str,
    second_text: str,
) -> int:
    """Compare two moments by register and field; exit code 1 if they differ.

    A and B are each a file of `regtap dump -o`, a trace at a time (run1@1.5s; run1 alone: its last row), or a
    target (mem, uio:0, sim...), of which the registers of the other one are read now. Of a live target registers
    are never read whose read has a known effect.
    """
    maps = maps_of(map_texts)
    texts = (first_text, second_text)
    sides = [_stored(text, maps) for text in texts]
    stored = [side for side in sides if side is not None]
    if not stored:
        raise InputError(
            f"neither {first_text} nor {second_text} is a dump or a trace; store one with `regtap dump -o`"
        )
    keep = _Filter(only, ignore, no_volatile, no_effects)
    names = keep.names(stored)
    known = stored[0].only(names)
    first, second = (
        _live(text, known, maps) if side is None else side.only(names)
        for side, text in zip(sides, texts, strict=True)
    )
    first, second = keep.apply(first, maps), keep.apply(second, maps)
    _check_any_left({**first.readings, **second.readings})
    found = compare(first.readings, second.readings)
    if as_json:
        print_json_list(_document(difference) for difference in found)
    else:
        _print(found, first, second)
    return ExitCode.FINDING if found else ExitCode.OK


@dataclass(frozen=True, slots=True)
class _Filter:
    """The selection of registers to compare."""

    only: tuple[str, ...]
    ignore: tuple[str, ...]
    no_volatile: bool
    no_effects: bool

    def names(self, moments: Sequence[_Moment]) -> frozenset[str]:
        """Return the names that --only and --ignore keep of what is stored: only these are read of a live target.

        Raises:
            InputError: One of them selects nothing, or nothing is kept.
        """
        registers = {name: it.register for moment in moments for name, it in moment.readings.items()}
        chosen = selected_names(self.only, registers) if self.only else frozenset(registers)
        kept = chosen - selected_names(self.ignore, registers)
        _check_any_left(kept)
        return kept

    def apply(self, moment: _Moment, maps: Maps) -> _Moment:
        """Return a moment without the registers that --no-volatile and --no-effects leave out."""
        return moment.only([name for name, it in moment.readings.items() if self._keeps(it.register, maps)])

    def _keeps(self, register: Register, maps: Maps) -> bool:
        if self.no_volatile and register.volatile:
            return False
        return not (self.no_effects and read_effect(register, maps))


def _check_any_left(names: Collection[str]) -> None:
    """Raise InputError if no register is left: nothing would be the same as anything."""
    if not names:
        raise InputError("no register is left to compare; leave out fewer")


def _stored(text: str, maps: Maps) -> _Moment | None:
    """Return a moment of a dump file or a trace; None: the text names neither."""
    if os.path.isfile(text):
        with open(text, "rb") as file:
            content = file.read(_MOST_BYTES + 1)
        return _moment(text, read_dump(content, text).readings, maps)
    if os.path.isdir(text):
        return _of_trace(text, None, maps)
    path, at, moment = text.rpartition("@")
    if at and os.path.isdir(path):
        return _of_trace(path, parse_time_ns(moment), maps)
    return None


def _of_trace(path: str, moment_ns: int | None, maps: Maps) -> _Moment:
    from regtap.trace.reader import open_trace

    trace = open_trace(path)
    row = trace.row_at(moment_ns)
    if row is None:
        when = "" if moment_ns is None else f" at or before {format_duration_ns(moment_ns)}"
        raise InputError(f"{path} has no row{when}")
    t_ns, values = row
    readings = [Reading(it, value) for it, value in zip(trace.registers, values, strict=True)]
    return _moment(f"{path}@{format_duration_ns(t_ns)}", readings, maps)


def _live(text: str, other: _Moment, maps: Maps) -> _Moment:
    """Read the registers of the other moment now."""
    if re.search(r"\.(json|toml|svd)\Z|/", text) and ":" not in text:
        raise InputError(f"{text}: there is no such file or trace")
    target = parse_target(text)
    left_out, chosen = [], []
    for reading in other.readings.values():
        effect = read_effect(reading.register, maps)
        if effect:
            left_out.append(LeftOut(reading.register.name, effect))
        else:
            chosen.append(reading.register)
    note_left_out(left_out)
    if not chosen:
        raise InputError(f"{other.label} has no register that may be read of {text}")
    with target.open(chosen) as device:
        return _moment(text, [Reading(register, device.read(register)) for register in chosen], maps)


def _moment(label: str, readings: Sequence[Reading], maps: Maps) -> _Moment:
    described = annotated((it.register for it in readings), maps)
    pairs = zip(described, readings, strict=True)
    return _Moment(label, {register.name: replace(it, register=register) for register, it in pairs})


def _document(difference: Difference) -> dict[str, object]:
    register, old, new = difference.register, difference.before, difference.after
    return {
        "name": register.name,
        "address": register.address,
        "type": register.type,
        "before": old,
        "after": new,
        "fields": {
            field.name: [field.extract(old), field.extract(new)]
            for field in register.fields
            if old is not None and new is not None and field.extract(old) != field.extract(new)
        },
    }


def _print(found: Sequence[Difference], first: _Moment, second: _Moment) -> None:
    both = len(first.readings.keys() & second.readings.keys())
    if not found:
        print_note(f"{count_of(both, 'register')} of {first.label} and {second.label} hold the same")
        return
    name = max(len(it.register.name) for it in found)
    for it in found:
        digits = 2 + 2 * it.register.width_bytes
        old, new = (f"{value:#0{digits}x}" if value is not None else "-" for value in (it.before, it.after))
        fields = "  ".join(it.fields())
        print_line(f"{it.register.name:<{name}}  {old:>{digits}} -> {new:<{digits}}  {fields}".rstrip())
    verb = "differs" if len(found) == 1 else "differ"
    print_note(f"{count_of(len(found), 'register')} {verb} between {first.label} and {second.label}")
