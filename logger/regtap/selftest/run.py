"""The two halves of `regtap selftest`, as lines of text."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

from regtap.selftest.bus_shape import observe, require_available
from regtap.selftest.cases import PROBE_BYTES, counter_examples, product_cases
from regtap.selftest.checks import run_checks
from regtap.selftest.report import Table

if TYPE_CHECKING:
    from collections.abc import Callable

# Not zero, so that a store of zeros shows; no two bytes of a register alike.
_PATTERN = bytes(range(256)) * (PROBE_BYTES // 256)


def check_machine(show: Callable[[str], None]) -> int:
    """Run the quick checks; return how many failed.

    Args:
        show: Called with each line as it is known.
    """
    failed = 0
    for outcome in run_checks():
        show(str(outcome))
        failed += not outcome.passed
    return failed


def check_bus_shape(show: Callable[[str], None]) -> int:
    """Run the page trap's cases; return how many are not as they have to be.

    Raises:
        RefusedError: The page trap is not available here.
    """
    require_available()
    with tempfile.TemporaryDirectory(prefix="regtap-selftest-") as folder:
        probe = os.path.join(folder, "probe")
        with open(probe, "wb") as file:
            file.write(_PATTERN)
        cases = [*product_cases(probe, folder), *counter_examples(probe)]
        table = Table.fitting(cases)
        show(table.header())
        failed = 0
        for case in cases:
            seen = observe(case.argv, probe)
            show(table.row(case, seen))
            failed += not case.passed(seen)
    show(_conclusion(len(cases), failed))
    return failed


def _conclusion(cases: int, failed: int) -> str:
    if failed:
        return f"{failed} of {cases} cases are not as they have to be"
    return (
        f"all {cases} cases as they have to be: one access of the declared width for each register, every "
        "counter-example caught (accesses that the kernel makes for a command are not seen)"
    )
