"""`regtap write`: one store."""

from __future__ import annotations

import click

from regtap.cli.options import target_option
from regtap.cli.output import ExitCode, print_error, print_note
from regtap.targets import parse_target
from regtap.units.parse import parse_integer


@click.command(short_help="Write a register by one store.")
@target_option
@click.option("--verify", is_flag=True, help="Read the register back; exit code 1 if it differs.")
@click.argument("text", metavar="REGISTER")
@click.argument("value_text", metavar="VALUE")
def write(target_text: str, verify: bool, text: str, value_text: str) -> int:
    """Write VALUE to REGISTER by exactly one store of its width; nothing is read unless --verify asks for it.

    REGISTER is ADDRESS[:TYPE] or a name that the target knows; VALUE is decimal or 0x hexadecimal.
    """
    target = parse_target(target_text)
    (register,) = target.resolve([text])
    value = parse_integer(value_text, "value")
    register.check_value(value)
    digits = 2 + 2 * register.width_bytes
    where = f"{register.name} at {register.address:#x}"
    with target.open([register], writable=True) as device:
        device.write(register, value)
        click.echo(f"wrote {value:#0{digits}x} to {where}")
        if not verify:
            return ExitCode.OK
        if register.read_effect:
            print_note(f"reading {register.name}: {register.read_effect}")
        found = device.read(register)
    if found == value:
        click.echo(f"read back {found:#0{digits}x}")
        return ExitCode.OK
    print_error(f"{where} holds {found:#0{digits}x} after {value:#0{digits}x} was written to it")
    return ExitCode.FINDING
