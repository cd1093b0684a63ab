"""Signals of a picture: whole registers and their fields, as samples if they are few, otherwise as envelopes."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.triggers.names import UnknownNameError, all_bits, find_bits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regtap.registers.model import Field, Register
    from regtap.trace.reader import Trace
    from regtap_analysis.signals.envelope import Envelope, Times, Values


@dataclass(frozen=True, slots=True)
class Signal:
    """A register, or one of its fields.

    Attributes:
        register: The register of the samples.
        field: The field of the register; None: all its bits.
        is_alone: Whether a field is shown without its register; it is the same signal either way.
    """

    register: Register
    field: Field | None = None
    is_alone: bool = dataclasses.field(default=False, compare=False)

    @property
    def name(self) -> str:
        """Name on the lane; a field is named with its register where that has no lane above it."""
        if self.field is None:
            return self.register.name
        return f"{self.register.name}.{self.field.name}" if self.is_alone else self.field.name

    @property
    def bits(self) -> int:
        """How many bits its values have."""
        return self.field.bits if self.field else 8 * self.register.width_bytes

    @property
    def has_states(self) -> bool:
        """Whether the field has named values, so that it is shown as states and not as a curve."""
        return self.field is not None and any(value.use != "write" for value in self.field.values)

    def holds(self, on_change: Sequence[str]) -> bool:
        """Return whether its value is known where samples were counted as unchanged: all of its bits were looked at.

        Args:
            on_change: The names of what was looked at (`Mode.on_change`); none, or `*`: every register.
        """
        if not on_change or "*" in on_change:
            return True
        looked_at = 0
        for bits in all_bits([self.register]):
            looked_at |= bits.mask if bits.name in on_change else 0
        own = (1 << self.bits) - 1 if self.field is None else self.field.mask
        return looked_at & own == own

    def pick(self, values: Values) -> Values:
        """Return this signal's part of the register's samples, in the register's type."""
        if self.field is None:
            return values
        unsigned = values.dtype.type
        picked: Values = values >> unsigned(self.field.lsb)
        # In place: memory for millions of rows costs as much as the operation.
        picked &= unsigned((1 << self.field.bits) - 1)
        return picked


@dataclass(frozen=True, slots=True)
class Samples:
    """Every sample of a signal.

    Attributes:
        times_ns: int64, non-decreasing, shape (rows,).
        values: The samples, shape (rows,).
    """

    times_ns: Times
    values: Values


@dataclass(frozen=True, slots=True)
class View:
    """The time span of a picture, [first_ns, stop_ns)."""

    first_ns: int
    stop_ns: int

    @property
    def span_ns(self) -> int:
        """Its length."""
        return self.stop_ns - self.first_ns


@dataclass(frozen=True, slots=True)
class Reading:
    """The data of a picture.

    Attributes:
        rows: The number of rows that lie in the view.
        signals: Each signal's samples, if there are no more rows than buckets, or else its envelope.
    """

    rows: int
    signals: Mapping[Signal, Samples | Envelope]


def signals_of(trace: Trace, names: Sequence[str] = ()) -> tuple[Signal, ...]:
    """Return the signals that the names mean, each once, in their order; a register brings its fields.

    Args:
        trace: The trace of the rows.
        names: Registers and fields (`STATUS.BUSY`), or tails of their names that are unambiguous; empty: all registers.

    Raises:
        InputError: The trace has no such register or field, or several.
    """
    named = [find_signal(trace, name) for name in names] or [Signal(it) for it in trace.registers]
    shown = (with_fields(it.register) if it.field is None else (it,) for it in named)
    return tuple(dict.fromkeys(itertools.chain.from_iterable(shown)))


def with_fields(register: Register, *, are_alone: bool = False) -> tuple[Signal, ...]:
    """Return a register, followed by its fields, lowest first; see `Signal.is_alone`."""
    fields = sorted(register.fields, key=_lsb)
    return (Signal(register), *(Signal(register, field, are_alone) for field in fields))


def find_signal(trace: Trace, name: str) -> Signal:
    """Return the register or field of a trace that a name, or an unambiguous tail of one, means.

    Raises:
        InputError: There is none, or there are several.
    """
    try:
        bits = find_bits(name, trace.registers)
    except UnknownNameError as error:
        raise InputError(f"{trace.path}: {error}") from None
    return Signal(trace.registers[bits.register], bits.field, is_alone=bits.field is not None)


def whole_view(trace: Trace) -> View:
    """Return the stretch from the trace's start, or from where rotation left off, to its last row, gap or mark."""
    moments = [*(trace.time_range or ()), *(mark.t_ns for mark in trace.marks)]
    gaps = [gap for gap in trace.gaps if gap.cause != "rotated"]
    moments += [moment for gap in gaps for moment in (gap.t0_ns, gap.t1_ns)]
    first, last = min(moments, default=0), max(moments, default=0)
    starts_late = first > (last - first) // 8  # a flight recorder keeps the end only
    return View(first if starts_late else min(first, 0), last + 1)


def _lsb(field: Field) -> int:
    return field.lsb
