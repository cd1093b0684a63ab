"""regtap: record memory-mapped registers at bus speed.

In short:

    with regtap.record(["COUNT32", "STATUS"], "run1", target="sim") as capture:
        run_the_test()
        capture.mark("phase 2")
    table = regtap.open_trace("run1").to_arrow()
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regtap.clock.live import TickClock
    from regtap.errors import (
        AddressError,
        BusFaultError,
        ExpressionError,
        FaultError,
        InputError,
        RefusedError,
        RegtapError,
        SideEffectError,
        StorageError,
        TraceError,
    )
    from regtap.recording.api import record
    from regtap.recording.capture import Capture
    from regtap.recording.marking import mark
    from regtap.recording.options import RecordOptions
    from regtap.recording.summary import NothingRecordedWarning, Summary
    from regtap.registers.model import Field, Register, RegisterMap
    from regtap.sampling.arrays import sample
    from regtap.targets import parse_target
    from regtap.targets.device import Device
    from regtap.targets.target import Target
    from regtap.trace.reader import Trace, open_trace

# Imported when first used: `regtap read` needs neither numpy nor pyarrow.
_HOMES = {
    "AddressError": "errors",
    "BusFaultError": "errors",
    "Capture": "recording.capture",
    "Device": "targets.device",
    "ExpressionError": "errors",
    "FaultError": "errors",
    "Field": "registers.model",
    "InputError": "errors",
    "NothingRecordedWarning": "recording.summary",
    "RecordOptions": "recording.options",
    "RefusedError": "errors",
    "Register": "registers.model",
    "RegisterMap": "registers.model",
    "RegtapError": "errors",
    "SideEffectError": "errors",
    "StorageError": "errors",
    "Summary": "recording.summary",
    "Target": "targets.target",
    "TickClock": "clock.live",
    "Trace": "trace.reader",
    "TraceError": "errors",
    "mark": "recording.marking",
    "open_trace": "trace.reader",
    "parse_target": "targets",
    "record": "recording.api",
    "sample": "sampling.arrays",
}

__all__ = [
    "AddressError",
    "BusFaultError",
    "Capture",
    "Device",
    "ExpressionError",
    "FaultError",
    "Field",
    "InputError",
    "NothingRecordedWarning",
    "RecordOptions",
    "RefusedError",
    "Register",
    "RegisterMap",
    "RegtapError",
    "SideEffectError",
    "StorageError",
    "Summary",
    "Target",
    "TickClock",
    "Trace",
    "TraceError",
    "mark",
    "open_trace",
    "parse_target",
    "record",
    "sample",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
