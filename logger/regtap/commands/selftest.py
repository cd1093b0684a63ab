"""`regtap selftest`: can this machine do the job, and does regtap keep its word here?"""

from __future__ import annotations

import click

from regtap.cli.output import ExitCode


@click.command(short_help="Check that regtap works on this machine.")
@click.option("--bus-shape", is_flag=True, help="Also prove the accesses (x86-64 only, under a minute).")
def selftest(bus_shape: bool) -> int:
    """Check the native core, the clock, the simulated device, a short capture and the fault guard.

    --bus-shape also runs regtap's own commands under a page trap, which shows every access that they make to
    a register: one of the declared width, or the exit code is 1. Beside them it runs Python idioms that are
    known to do something else, and that it has to catch.
    """
    from regtap.selftest.bus_shape import require_available
    from regtap.selftest.run import check_bus_shape, check_machine

    if bus_shape:
        require_available()
    failed = check_machine(click.echo)
    if bus_shape:
        failed += check_bus_shape(click.echo)
    return ExitCode.FINDING if failed else ExitCode.OK
