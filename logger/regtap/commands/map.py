"""`regtap map`: shows, checks and converts a register map."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from regtap.cli.options import json_option
from regtap.cli.output import ExitCode, print_json_list, print_line, print_note
from regtap.errors import InputError, StorageError
from regtap.maps.effects import own_effect
from regtap.maps.load import load_map, parse_map_choice
from regtap.maps.lookup import Maps
from regtap.system.files import replace_file
from regtap.units.format import count_of
from regtap.units.parse import parse_integer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from regtap.maps.model import DeviceMap, Entry
    from regtap.registers.model import Field, Register

_COLUMNS = ("NAME", "ADDRESS", "TYPE", "ACCESS", "RESET", "READING", "DESCRIPTION")


@dataclass(frozen=True, slots=True)
class _Row:
    """A register of the list.

    Attributes:
        entry: The register's entry in the map.
        register: The register for an access, or the reason why it cannot be accessed.
    """

    entry: Entry
    register: Register | str

    @classmethod
    def of(cls, entry: Entry, maps: Maps) -> _Row:
        try:
            return cls(entry, maps.register(entry))
        except InputError as error:
            return cls(entry, str(error))

    def cells(self) -> tuple[str, ...]:
        """Return the columns of its line."""
        start = (self.entry.name, f"{self.entry.address:#x}", self.entry.type)
        if isinstance(self.register, str):
            return (*start, "", "", "", f"cannot be used: {self.register}")
        reset = "" if self.register.reset is None else f"{self.register.reset:#x}"
        effect = own_effect(self.register).partition(self.register.name)[2].strip()
        return (*start, self.register.access, reset, effect, self.register.description)

    def document(self) -> dict[str, object]:
        """Return the map for `--json`."""
        if isinstance(self.register, str):
            return {"name": self.entry.name, "address": self.entry.address, "error": self.register}
        return asdict(self.register)


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
    device = load_map(parse_map_choice(text))
    maps = Maps((device,))
    for note in device.notes:
        print_note(note)
    if output is not None:
        return _write(device, output, force=force)
    if check:
        return _check(device, as_json=as_json)
    entries = _entries(maps, glob, at_text)
    rows = [_Row.of(entry, maps) for entry in entries]
    if as_json:
        print_json_list(row.document() for row in rows)
    else:
        _print_rows(rows, with_fields=len(rows) == 1 or at_text is not None)
    return ExitCode.OK


def _entries(maps: Maps, glob: str | None, at_text: str | None) -> Sequence[Entry]:
    if at_text is not None:
        found = maps.at(parse_integer(at_text, "address"))
        if not found:
            raise InputError(f"no register of the map lies at {at_text}; `regtap map` lists what there is")
        return found
    if glob is None:
        return tuple(maps.entries())
    try:
        return maps.select(glob)
    except InputError:
        named = maps.find(glob)  # an ambiguous tail lists its registers
        if named is None:
            raise
        return (named.entry,)


def _print_rows(rows: Sequence[_Row], *, with_fields: bool) -> None:
    lines = [_COLUMNS, *(row.cells() for row in rows)]
    used = [k for k in range(len(_COLUMNS)) if any(line[k] for line in lines[1:])]
    widths = [max(len(line[k]) for line in lines) for k in used]
    for index, line in enumerate(lines):
        print_line("  ".join(line[k].ljust(width) for k, width in zip(used, widths, strict=True)).rstrip())
        if with_fields and index:
            for text in _field_lines(rows[index - 1].register):
                print_line(text)


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
    if os.path.exists(output) and not force:
        raise InputError(f"{output} exists; name another file, or overwrite it with --force")
    content = writer(device)
    try:
        replace_file(output, content)
    except OSError as error:
        raise StorageError(
            f"cannot write {output}: {error.strerror}", path=output, errno=error.errno
        ) from error
    print_line(f"{output}: {len(content):,} bytes")
    return ExitCode.OK
