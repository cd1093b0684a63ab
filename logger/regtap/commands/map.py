"""`regtap map`: shows, checks and converts a register map."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regtap.cli.options import json_option
from regtap.cli.output import ExitCode, print_json_list, print_line, print_many_lines, print_note
from regtap.errors import InputError
from regtap.maps.effects import own_effect
from regtap.maps.load import load_map, parse_map_choice
from regtap.maps.lookup import Maps
from regtap.system.output import check_new, write_output
from regtap.units.format import count_of
from regtap.units.parse import parse_integer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from regtap.maps.model import DeviceMap, Entry
    from regtap.registers.model import Field, Register

_COLUMNS = ("NAME", "ADDRESS", "TYPE", "ACCESS", "RESET", "READING", "DESCRIPTION")
_ALONE = {"--at": ("GLOB",), "--check": ("GLOB", "--at"), "-o": ("GLOB", "--at", "--check", "--json")}


class _Listing:
    """The lines of registers; what all registers of an array share is made once.

    Args:
        maps: Describe the registers.
    """

    def __init__(self, maps: Maps) -> None:
        self._maps = maps
        self._shared: dict[int, tuple[str, ...]] = {}  # by id() of the node; the maps hold the nodes

    def register(self, entry: Entry) -> Register | str:
        """Return the register for an access, or the reason why it cannot be accessed."""
        try:
            return self._maps.register(entry)
        except InputError as error:
            return str(error)

    def cells(self, entry: Entry) -> tuple[str, ...]:
        """Return the columns of a register's line."""
        rest = self._shared.get(id(entry.node))
        if rest is None:
            register = self.register(entry)
            rest = _described(register)
            if not isinstance(register, str) and not self._maps.has_corrections:
                self._shared[id(entry.node)] = rest
        return (entry.name, f"{entry.address:#x}", entry.type, *rest)

    def document(self, entry: Entry) -> dict[str, object]:
        """Return a register for `--json`."""
        register = self.register(entry)
        if isinstance(register, str):
            return {"name": entry.name, "address": entry.address, "error": register}
        return asdict(register)


def _described(register: Register | str) -> tuple[str, ...]:
    """Return the columns of a register's line after name, address and type."""
    if isinstance(register, str):
        return ("", "", "", f"cannot be used: {register}")
    reset = "" if register.reset is None else f"{register.reset:#x}"
    effect = own_effect(register).partition(register.name)[2].strip()
    return (register.access, reset, effect, register.description)


@click.command(name="map", short_help="List, check and convert a register map.")
@click.option("--at", "at_text", metavar="ADDRESS", help="Only what lies at this address.")
@click.option("--check", is_flag=True, help="Find faults of the map; exit code 1 if there are any.")
@click.option("-o", "--output", metavar="FILE", help="Write the map: .toml (regtap's own form) or .svd.")
@click.option("--force", is_flag=True, help="Overwrite an existing FILE.")
@json_option
@click.argument("text", metavar="FILE[:BLOCK][@BASE]")
@click.argument("glob", metavar="[GLOB]", required=False)
def map_command(
    *,
    at_text: str | None,
    check: bool,
    output: str | None,
    force: bool,
    as_json: bool,
    text: str,
    glob: str | None,
) -> int:
    """List the registers of a map: CMSIS-SVD, SystemRDL, IP-XACT, LiteX csr.json or csr.csv, or TOML.

    GLOB selects ('UART0.*'); a name selects one register, and shows its fields. :BLOCK takes one block, whose
    addresses then count from its own start, as uio: and pci: targets need it; @BASE is added to every address.
    `regtap map sim` has the simulated device.

    Without --at, --check and -o: one line a register. READING says what a read changes in the device.
    """
    _check_options(output, glob, at_text, check=check, as_json=as_json)
    device = load_map(parse_map_choice(text))
    maps = Maps((device,))
    for note in device.notes:
        print_note(note)
    if output is not None:
        return _write(device, output, force=force)
    if check:
        return _check(device, as_json=as_json)
    listing = _Listing(maps)
    if as_json:
        print_json_list(listing.document(entry) for entry in _entries(maps, glob, at_text))
    elif at_text is None and glob is None and maps.count > 1:
        print_many_lines(_lines(listing, maps.entries))
    else:
        entries = tuple(_entries(maps, glob, at_text))
        with_fields = len(entries) == 1 or at_text is not None
        print_many_lines(_lines(listing, lambda: entries, with_fields=with_fields))
    return ExitCode.OK


def _check_options(
    output: str | None, glob: str | None, at_text: str | None, *, check: bool, as_json: bool
) -> None:
    """Raise InputError for options of which one would do nothing."""
    given = {
        "GLOB": glob is not None,
        "--at": at_text is not None,
        "--check": check,
        "--json": as_json,
        "-o": output is not None,
    }
    for option, others in _ALONE.items():
        for other in others:
            if given[option] and given[other]:
                raise InputError(f"{option} and {other} do not go together; leave one out")


def _entries(maps: Maps, glob: str | None, at_text: str | None) -> Iterable[Entry]:
    if at_text is not None:
        found = maps.at(parse_integer(at_text, "address"))
        if not found:
            raise InputError(f"no register of the map lies at {at_text}; `regtap map` lists what there is")
        return found
    if glob is None:
        return maps.entries()
    try:
        return maps.select(glob)
    except InputError:
        named = maps.find(glob)  # an ambiguous tail lists its registers
        if named is None:
            raise
        return (named.entry,)


def _lines(
    listing: _Listing, entries: Callable[[], Iterable[Entry]], *, with_fields: bool = False
) -> Iterator[str]:
    """Yield a heading and a line for each register.

    Args:
        listing: Describes them.
        entries: Returns them, in two passes: for the widths of the columns, and for the lines.
        with_fields: A line for each field follows that of its register.
    """
    widths = [0] * len(_COLUMNS)
    for entry in entries():
        widths = list(map(max, widths, map(len, listing.cells(entry))))
    used = [(k, max(width, len(_COLUMNS[k]))) for k, width in enumerate(widths) if width]
    yield _line(_COLUMNS, used)
    for entry in entries():
        yield _line(listing.cells(entry), used)
        if with_fields:
            yield from _field_lines(listing.register(entry))


def _line(cells: tuple[str, ...], used: Sequence[tuple[int, int]]) -> str:
    """Return some columns as a line, given their numbers and widths."""
    return "  ".join(cells[k].ljust(width) for k, width in used).rstrip()


def _field_lines(register: Register | str) -> Iterator[str]:
    fields = () if isinstance(register, str) else register.fields
    width = max((len(field.name) for field in fields), default=0)
    for field in fields:
        named = f"  [{field.span}]".ljust(10) + field.name.ljust(width)
        yield "  ".join(part for part in (named, *_field_notes(field)) if part).rstrip()


def _field_notes(field: Field) -> Iterable[str]:
    names = [f"{value.pattern}={value.name}" for value in field.values]
    effect = f"a read {field.read_effect}" if field.read_effect else ""
    return (field.access, effect, field.write_effect, " ".join(names), field.description)


def _check(device: DeviceMap, *, as_json: bool) -> int:
    from regtap.maps.check import find_faults

    faults = find_faults(device)
    if as_json:
        print_json_list(asdict(fault) for fault in faults)
    else:
        for fault in faults:
            print_line(f"{fault.where}: {fault.text}")
        print_line(f"{device.source}: {device.format}, {count_of(len(faults), 'fault')}")
    return ExitCode.FINDING if faults else ExitCode.OK


def _write(device: DeviceMap, output: str, *, force: bool) -> int:
    from regtap.maps.svd_write import write_svd
    from regtap.maps.toml_write import write_toml

    writers = {".toml": write_toml, ".svd": write_svd}
    writer = writers.get(os.path.splitext(output)[1].lower())
    if writer is None:
        raise InputError(f"cannot tell the form of {output}; name it .toml or .svd")
    check_new(Path(output), force=force)
    content = writer(device)
    write_output(Path(output), content, force=force)
    print_line(f"{output}: {count_of(len(content), 'byte')}")
    return ExitCode.OK
