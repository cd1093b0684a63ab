"""Options of an export: rows, registers and format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap_analysis.signals.model import find_signal, with_fields

if TYPE_CHECKING:
    from pathlib import Path

    from regtap.registers.model import Register
    from regtap.trace.reader import Trace
    from regtap_analysis.signals.model import Signal

FORMATS = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".vcd": "vcd",
    ".fst": "fst",
    ".pftrace": "perfetto",
}


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """The rows and registers to export.

    Attributes:
        registers: Names of the registers, in this order; empty for all.
        first_ns: First time, inclusive; None from the start.
        stop_ns: Last time, exclusive; None to the end.
        on_change: Only rows where one of the registers differs from the row before; the first one counts as such.
    """

    registers: tuple[str, ...] = ()
    first_ns: int | None = None
    stop_ns: int | None = None
    on_change: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """The selected part of one trace.

    Attributes:
        trace: The trace.
        registers: The registers, in their order.
        options: As asked.
    """

    trace: Trace
    registers: tuple[Register, ...]
    options: ExportOptions

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The registers, each followed by its fields, lowest first, which are named with their register."""
        return tuple(
            signal for register in self.registers for signal in with_fields(register, are_alone=True)
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the registers."""
        return tuple(register.name for register in self.registers)

    @property
    def span_ns(self) -> tuple[int, int]:
        """Times of the first and the last row; those of the window if it is narrower."""
        held = self.trace.time_range or (0, 0)
        first, stop = self.options.first_ns, self.options.stop_ns
        return (
            held[0] if first is None else max(held[0], first),
            held[1] if stop is None else min(held[1], stop),
        )

    def in_window(self, t0_ns: int, t1_ns: int) -> bool:
        """Return whether a stretch of time meets the window."""
        first, stop = self.options.first_ns, self.options.stop_ns
        return (first is None or t1_ns >= first) and (stop is None or t0_ns < stop)


def is_named(signal: Signal) -> bool:
    """Return whether a signal's numbers have names."""
    return signal.has_states or (signal.field is not None and bool(signal.field.otherwise))


def select(trace: Trace, options: ExportOptions) -> Selection:
    """Return the selected part of a trace.

    Raises:
        InputError: A register is unknown, or the window is empty.
    """
    named = [find_signal(trace, name) for name in options.registers]
    for signal in named:
        if signal.field is not None:
            raise InputError(
                f"{signal.name} is a field; name its register {signal.register.name}, and it is there too"
            )
    first, stop = options.first_ns, options.stop_ns
    if first is not None and stop is not None and stop <= first:
        raise InputError("--to is not after --from; nothing lies between")
    chosen = tuple(dict.fromkeys(signal.register for signal in named)) or trace.registers
    return Selection(trace, chosen, options)


def format_of(path: Path) -> str:
    """Return the format of a file by its ending; raises InputError for an unknown ending."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        endings = ", ".join(FORMATS)
        raise InputError(f"cannot tell the format of {path}; let its name end in one of {endings}") from None
