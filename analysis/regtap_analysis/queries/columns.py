"""Columns and signals of traces: whole registers, and their fields."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.registers.model import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from regtap.registers.model import Field, Register
    from regtap_analysis.catalogue.facts import TraceFacts

TRACE = "trace"


@dataclass(frozen=True, slots=True)
class SignalColumn:
    """A register, or one of its fields, as a column of a question.

    Attributes:
        name: `STATUS`, or `STATUS.BUSY` for a field.
        column: The register that holds it.
        lsb: Number of its lowest bit.
        bits: The number of bits that it has.
        is_field: Whether it is a field.
        values: Its named numbers, first match first, without their descriptions, which make no difference here.
        otherwise: The name of every other number, or empty.
    """

    name: str
    column: str
    lsb: int
    bits: int
    is_field: bool = False
    values: tuple[Value, ...] = ()
    otherwise: str = ""

    @property
    def is_named(self) -> bool:
        """Whether its numbers have names."""
        return bool(self.values or self.otherwise)


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns and folders of traces; one scan reads all traces with equal layouts.

    Attributes:
        columns: Name and numpy type of each column, `t_ns` first.
        signals: The registers, each followed by its fields.
        root: The beginning of a trace's path that is not in its name.
        stores_changes: Whether only rows that differ from the row before were stored.
        name: Name of the one trace whose path does not end with it; empty: the path tells the names.
    """

    columns: tuple[tuple[str, str], ...]
    signals: tuple[SignalColumn, ...]
    root: str
    stores_changes: bool = False
    name: str = ""

    def to_json(self) -> str:
        """Return the layout as a text, equal for equal layouts."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Layout:
        """Return the layout of a text that to_json() has made."""
        document = json.loads(text)
        signals = tuple(
            SignalColumn(**{**it, "values": tuple(Value(**value) for value in it["values"])})
            for it in document["signals"]
        )
        columns = tuple((name, dtype) for name, dtype in document["columns"])
        return cls(columns, signals, document["root"], document["stores_changes"], document["name"])


@dataclass(frozen=True, slots=True)
class Group:
    """Traces of one layout.

    Attributes:
        layout: The layout that they share.
        files: Every part that has rows, trace after trace.
        traces: How many traces they are.
    """

    layout: Layout
    files: tuple[str, ...]
    traces: int

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Name and numpy type of each column, `t_ns` first."""
        return self.layout.columns

    @property
    def signals(self) -> tuple[SignalColumn, ...]:
        """The registers, each followed by its fields."""
        return self.layout.signals


def layout_of(facts: TraceFacts) -> Layout:
    """Return a trace's layout."""
    columns, signals, root = tuple(facts.columns.items()), signals_of(facts.registers), facts.location.root
    name = facts.name if root is None else ""
    return Layout(columns, signals, root or "", facts.stores_changes, name)


def groups_of(traces: Iterable[TraceFacts]) -> tuple[Group, ...]:
    """Return the traces in groups of one layout; those without rows have columns all the same."""
    found: dict[Layout, list[TraceFacts]] = {}
    for facts in traces:
        found.setdefault(layout_of(facts), []).append(facts)
    return tuple(
        Group(layout, tuple(file for facts in members for file in facts.files), len(members))
        for layout, members in found.items()
    )


def signals_of(registers: Sequence[Register]) -> tuple[SignalColumn, ...]:
    """Return the registers, each followed by its fields, lowest first."""
    signals: list[SignalColumn] = []
    for register in registers:
        signals.append(SignalColumn(register.name, register.name, 0, 8 * register.width_bytes))
        fields = sorted(register.fields, key=lambda field: field.lsb)
        signals += [_field_signal(register, field) for field in fields]
    return tuple(signals)


def _field_signal(register: Register, field: Field) -> SignalColumn:
    values = tuple(Value(it.name, it.value, any_bits=it.any_bits) for it in field.values if it.use != "write")
    name = f"{register.name}.{field.name}"
    return SignalColumn(name, register.name, field.lsb, field.bits, True, values, field.otherwise)


def all_columns(groups: Sequence[Group]) -> Mapping[str, str]:
    """Return every column of the groups, with its widest type in any of them.

    Names that differ in case only are one column, as in SQL; the first spelling stands.
    """
    spelled: dict[str, str] = {}
    widest: dict[str, str] = {}
    for group in groups:
        for name, dtype in group.columns:
            first = spelled.setdefault(name.casefold(), name)
            widest[first] = max(widest.get(first, dtype), dtype, key=_width)
    return widest


def _width(dtype: str) -> int:
    return int("".join(sign for sign in dtype if sign.isdigit()))


def signal_names(groups: Iterable[Group]) -> tuple[str, ...]:
    """Return the name of every signal of the groups once, in their order."""
    return tuple(dict.fromkeys(signal.name for group in groups for signal in group.signals))


class Names:
    """The names in a question: registers, and their fields.

    Args:
        groups: The traces asked.
    """

    def __init__(self, groups: Sequence[Group]) -> None:
        self.columns = all_columns(groups)
        self._by_case = {name.casefold(): name for name in self.columns}
        self._fields: dict[str, dict[str, list[SignalColumn]]] = {}
        for group in groups:
            for signal in group.signals:
                if signal.is_field:
                    _, _, field = signal.name.rpartition(f"{signal.column}.")
                    by_field = self._fields.setdefault(signal.column.casefold(), {})
                    known = by_field.setdefault(field.casefold(), [])
                    if signal not in known:
                        known.append(signal)

    def column(self, name: str) -> str | None:
        """Return the spelling of a column, given its name in any case; None: there is no such column."""
        return self._by_case.get(name.casefold())

    def width_bits(self, column: str) -> int:
        """Return how many bits a column has."""
        return _width(self.columns[column])

    def field(self, column: str | None, name: str) -> SignalColumn:
        """Return the field of `field(x, NAME)`.

        Args:
            column: The register that x is, or None for another expression.
            name: `FIELD`, or `REGISTER.FIELD`.

        Raises:
            InputError: There is none, or there are several at different places.
        """
        wanted = name.casefold()
        found = [
            signal
            for register, by_field in self._fields.items()
            for field, signals in by_field.items()
            if wanted == f"{register}.{field}" or (wanted == field and column in (None, register))
            for signal in signals
        ]
        if not found:
            raise InputError(self._unknown(column, name))
        places = {(signal.lsb, signal.bits, signal.values, signal.otherwise) for signal in found}
        if len(places) > 1:
            several = ", ".join(dict.fromkeys(f"{it.name} (bit {it.lsb}, {it.bits} wide)" for it in found))
            raise InputError(
                f"field {name!r} is several: {several}; write field(x, 'REGISTER.FIELD'), or ask these traces apart"
            )
        return found[0]

    def _unknown(self, column: str | None, name: str) -> str:
        registers = self._fields if column is None else {column: self._fields.get(column, {})}
        known = [
            signal.name
            for by_field in registers.values()
            for found in by_field.values()
            for signal in found[:1]
        ]
        where = "no register of these traces" if column is None else f"{self._by_case.get(column, column)}"
        has = (
            f"; known: {', '.join(known[:20])}"
            if known
            else "; the traces carry no fields for it (record with --map)"
        )
        return f"{where} has no field {name!r}{has}" if column else f"no field {name!r} in these traces{has}"
