"""The quick checks of `regtap selftest`: sampling, recording and a bus fault on this machine."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import BusFaultError, RegtapError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAMPLES = 1000
_PATIENCE_S = 30.0
_REGISTERS = ("COUNT32", "CHECK", "STATUS")


class _FailedError(Exception):
    """A failed check; the text gives the reason."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a check.

    Attributes:
        name: Name of the check.
        passed: Whether it is as it has to be.
        meaning: The result, and its consequence.
    """

    name: str
    passed: bool
    meaning: str

    def __str__(self) -> str:
        return f"{'ok' if self.passed else 'FAIL':<4}  {self.name}: {self.meaning}"


def run_checks() -> Iterator[Outcome]:
    """Run all checks, and yield each outcome at once; writes in a temporary folder only."""
    with tempfile.TemporaryDirectory(prefix="regtap-selftest-") as folder:
        for name, check in _checks(folder):
            yield _run(name, check)


def _run(name: str, check: Callable[[], str]) -> Outcome:
    try:
        return Outcome(name, True, check())
    except (_FailedError, RegtapError) as error:
        return Outcome(name, False, str(error))
    except (ImportError, OSError, AttributeError, TypeError, ValueError) as error:
        return Outcome(name, False, f"{type(error).__name__}: {error}")


def _checks(folder: str) -> list[tuple[str, Callable[[], str]]]:
    trace = os.path.join(folder, "trace")
    return [
        ("native core", _native_core),
        ("simulated device", _simulated_device),
        ("record", lambda: _record(trace)),
        ("clock", lambda: _clock(trace)),
        ("fault guard", lambda: _fault_guard(os.path.join(folder, "device"))),
    ]


def _native_core() -> str:
    from regtap.clock import source  # noqa: F401 (whether the extension behind it loads is the question)

    return "loads"


def _simulated_device() -> str:
    import numpy as np

    import regtap
    from regtap.simulator.process import check_of

    ticks = np.empty(SAMPLES, np.uint64)
    checked = np.empty(SAMPLES, np.uint64)
    regtap.sample(["CHECKED"], values=[checked], ticks=ticks, target="sim")
    torn = sum(check_of(value & 0xFFFFFFFF) != value >> 32 for value in checked.tolist())
    if torn:
        raise _FailedError(f"{torn} of {SAMPLES} samples of CHECKED are torn")
    if np.any(ticks[1:] < ticks[:-1]):
        raise _FailedError("the tick counter went back")
    return f"starts; {SAMPLES} samples of CHECKED, none torn"


def _record(path: str) -> str:
    import regtap

    with regtap.record(_REGISTERS, path, target="sim", samples=SAMPLES) as capture:
        capture.wait(_PATIENCE_S)
    trace = regtap.open_trace(path)
    totals = trace.totals
    if totals is None or not totals.balanced:
        raise _FailedError(f"the capture does not balance: {totals}")
    if not trace.rows == totals.stored == SAMPLES:
        raise _FailedError(f"{SAMPLES} samples taken, {totals.stored} stored, {trace.rows} read back")
    return f"{totals.stored} samples stored and read back, {totals.lost} lost"


def _clock(path: str) -> str:
    import regtap

    clock = regtap.open_trace(path).clock
    megahertz = clock.frequency_hz / 1e6
    return f"{clock.source} at {megahertz:.3f} MHz, times at most {clock.error_bound_ns:.0f} ns off"


def _fault_guard(path: str) -> str:
    import regtap

    with open(path, "wb") as file:
        file.truncate(4096)
    target = regtap.parse_target(f"file:{path}")
    (register,) = target.resolve(["0x40"])
    with target.open([register]) as device:
        device.read(register)
        os.truncate(path, 0)
        try:
            device.read(register)
        except BusFaultError:
            return "a register that stops answering ends in an error, not in a dead process"
    raise _FailedError("reading a truncated file raised nothing")
