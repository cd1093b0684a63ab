"""The model of a map: blocks, clusters and registers, with arrays not expanded.

Readers make this tree; `lookup` finds registers in it. Fields are read when they are asked for: most registers of
a map are never looked at.
"""

from __future__ import annotations

import heapq
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, chain
from typing import TYPE_CHECKING, TypeAlias

from regtap.errors import InputError
from regtap.registers.model import PAIR, Field, Register, Value
from regtap.units.format import count_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_REGISTERS = 2**20  # of a map, with its arrays expanded: more is a mistake, or an attack
MOST_LEVELS = 16  # of clusters in clusters
_WIDTHS = (8, 16, 32, 64)  # of one access, in bits
_HALF_BYTES = 4
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


def clean_name(text: str) -> str:
    """Return a name of a map with `_` in place of letters that a register's name cannot have."""
    cleaned = _NOT_IN_NAMES.sub("_", text.strip())
    return f"_{cleaned}" if cleaned[:1].isdigit() or cleaned[:1] == "-" else cleaned


@dataclass(frozen=True, slots=True)
class Repeat:
    """How a register or a cluster is repeated.

    Attributes:
        count: The number of repetitions, at least 1.
        step: From one to the next, in bytes.
        labels: Names of the repetitions; empty: 0, 1, 2...
    """

    count: int
    step: int
    labels: tuple[str, ...] = ()

    def label(self, index: int) -> str:
        """Return what one repetition is called."""
        return self.labels[index] if self.labels else str(index)

    def index(self, label: str) -> int | None:
        """Return which repetition is called so, or None."""
        if self.labels:
            return self.labels.index(label) if label in self.labels else None
        is_number = label.isascii() and label.isdigit() and len(label) < 10 and label == str(int(label))
        return int(label) if is_number and int(label) < self.count else None


@dataclass(frozen=True, eq=False, kw_only=True)
class Node:
    """The common part of registers and groups.

    Attributes:
        name: Its name; of repeated ones a pattern that contains `%s`.
        offset: Offset of the first repetition in the group around it, in bytes.
        repeat: Its repetitions, or None.
        description: One line.
    """

    name: str
    offset: int
    repeat: Repeat | None = None
    description: str = ""

    @property
    def count(self) -> int:
        """The number of repetitions."""
        return 1 if self.repeat is None else self.repeat.count

    def name_at(self, index: int) -> str:
        """Return the name of one repetition."""
        return self.name if self.repeat is None else self.name.replace("%s", self.repeat.label(index))

    def offset_at(self, index: int) -> int:
        """Return the offset of one repetition."""
        return self.offset if self.repeat is None else self.offset + index * self.repeat.step

    @property
    def extent(self) -> tuple[int, int]:
        """Lowest address and the one after the highest, of one repetition, from its own start."""
        raise NotImplementedError

    def indexes_in(self, first: int, end: int) -> range:
        """Return which repetitions have an address from `first` to before `end`; addresses count as offsets do."""
        low, high = (self.offset + side for side in self.extent)
        step = 0 if self.repeat is None else self.repeat.step
        if not step:
            return range(self.count if low < end and high > first else 0)
        return range(max(0, (first - high) // step + 1), min(self.count, -((low - end) // step)))

    def index_of(self, name: str) -> int | None:
        """Return which repetition is called so, or None."""
        if self.repeat is None:
            return 0 if name == self.name else None
        head, _, tail = self.name.partition("%s")
        if not (name.startswith(head) and name.endswith(tail) and len(name) > len(head) + len(tail)):
            return None
        return self.repeat.index(name[len(head) : len(name) - len(tail)])


def _no_fields() -> tuple[Field, ...]:
    return ()


@dataclass(frozen=True, eq=False, kw_only=True)
class RegisterNode(Node):
    """A register of a map, or an array of them.

    Attributes:
        bits: Its width as declared.
        swapped: Whether the value's bytes are swapped after the access.
        access: One of registers.ACCESSES.
        read_effect: Effect of a read on the device, in words; empty: none is known.
        write_effect: One of registers.WRITE_EFFECTS, or empty.
        reset: Its value after a reset, or None.
        volatile: Whether the device changes it by itself.
        to_high: Of a 64-bit counter in two halves, the way from the low half to the high one, in bytes; else None.
        load_fields: Reads its fields; called once, when they are needed.
    """

    bits: int = 32
    swapped: bool = False
    access: str = "read-write"
    read_effect: str = ""
    write_effect: str = ""
    reset: int | None = None
    volatile: bool = False
    to_high: int | None = None
    load_fields: Callable[[], tuple[Field, ...]] = _no_fields

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """Its fields, lowest first.

        Raises:
            InputError: They are spelled wrong.
        """
        return tuple(sorted(self.load_fields(), key=lambda item: item.lsb))

    @property
    def access_bits(self) -> int | None:
        """Width of an access to the register, in bits; None: the register is wider than any access."""
        return next((width for width in _WIDTHS if self.bits <= width), None)

    @property
    def extent(self) -> tuple[int, int]:
        """Lowest address and the one after the highest; see Node.extent."""
        return 0, self.span_bytes

    @property
    def span_bytes(self) -> int:
        """Size of one repetition in the address space, in bytes."""
        if self.to_high is not None:
            return _HALF_BYTES
        return (self.access_bits or self.bits + 7) // 8


@dataclass(frozen=True, eq=False, kw_only=True)
class Group(Node):
    """A block or a cluster of registers, or an array of them.

    Attributes:
        members: Its registers and groups, in the order of the map.
    """

    members: tuple[Group | RegisterNode, ...] = ()

    @cached_property
    def extent(self) -> tuple[int, int]:
        """Lowest address and the one after the highest, of one repetition; see Node.extent."""
        lows = [member.offset_at(0) + member.extent[0] for member in self.members]
        highs = [member.offset_at(member.count - 1) + member.extent[1] for member in self.members]
        return min(lows, default=0), max(highs, default=0)

    @cached_property
    def _spans(self) -> tuple[list[int], list[int], list[int]]:
        """Of the members by their lowest addresses: these, the largest end up to each, and their places in the map."""
        spans = sorted(
            (member.offset + member.extent[0], member.offset_at(member.count - 1) + member.extent[1], place)
            for place, member in enumerate(self.members)
        )
        ends = accumulate((end for _, end, _ in spans), max)
        return [low for low, _, _ in spans], list(ends), [place for _, _, place in spans]

    def members_near(self, first: int, end: int) -> Iterator[Group | RegisterNode]:
        """Yield each member with an address from `first` to before `end`, and perhaps others, in the map's order."""
        lows, ends, places = self._spans
        for place in sorted(places[bisect_right(ends, first) : bisect_left(lows, end)]):
            yield self.members[place]


Member: TypeAlias = Group | RegisterNode
NodePath: TypeAlias = tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Effect:
    """An entry of an `effects` table: a correction of a map.

    Attributes:
        pattern: A register's name, a glob, or a field's name.
        read: Effect of a read; empty: none; None: as the map says.
        write: One of registers.WRITE_EFFECTS; empty: a write is held; None: as the map says.
    """

    pattern: str
    read: str | None = None
    write: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceMap:
    """A whole map, as a file describes it.

    Attributes:
        name: Name of the device; empty: the map has none.
        source: The file, as it was spelled.
        format: Format of the file, such as `CMSIS-SVD`.
        root: Its blocks, and registers outside of blocks.
        effects: Its corrections of registers of this map and of others.
        notes: Decisions of the reader, one line each.
    """

    name: str
    source: str
    format: str
    root: Group
    effects: tuple[Effect, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One register of a map, arrays expanded.

    Attributes:
        name: Its full name, such as `BLOCK.CLUSTER[2].REGISTER`.
        address: Its address.
        node: Its description in the map.
    """

    name: str
    address: int
    node: RegisterNode

    @property
    def end(self) -> int:
        """First address after the register."""
        return self.address + self.node.span_bytes

    @property
    def type(self) -> str:
        """The register's type, one of registers.TYPES; for a wider register its width in bits, as a text."""
        width = self.node.access_bits
        if width is None:
            return f"{self.node.bits} bits"
        if self.node.to_high is not None:
            return PAIR
        return f"u{width}be" if self.node.swapped and width > 8 else f"u{width}"

    def register(self) -> Register:
        """Return the register for an access.

        Raises:
            InputError: It cannot: it is wider than any access, or a field lies outside of it.
            AddressError: It is misaligned, or past 64 bits.
        """
        node = self.node
        if node.access_bits is None:
            raise InputError(
                f"{self.name} is {node.bits} bits wide, and one access reads 64 at most; read a part of it by address"
            )
        check_fields(self.name, node.bits, node.fields)
        return Register(
            self.name,
            self.address,
            self.type,
            tuple(map(_with_true_names, node.fields)),
            node.read_effect,
            node.description,
            node.access,
            node.write_effect,
            node.reset,
            node.volatile,
            None if node.to_high is None else self.address + node.to_high,
        )


def check_fields(name: str, bits: int, fields: tuple[Field, ...]) -> None:
    """Raise InputError if a field lies outside of its register."""
    for part in fields:
        if part.lsb < 0 or part.bits < 1 or part.lsb + part.bits > bits:
            raise InputError(
                f"field {part.label} of {name} lies outside of its {count_of(bits, 'bit')}; mend the map"
            )


def misfit(field: Field) -> Value | None:
    """Return the first named value that does not fit the bits of its field, or None."""
    return next((value for value in field.values if (value.value | value.any_bits) >> field.bits), None)


def _with_true_names(field: Field) -> Field:
    """Return a field; without the names of its values if one of the values does not fit.

    Vendors write binary numbers as decimal ones (10 and 11 for two bits): those that happen to fit are wrong too.
    """
    return field if misfit(field) is None else replace(field, values=(), otherwise="")


def paths(group: Group, above: NodePath = ()) -> Iterator[NodePath]:
    """Yield the way from the root's members down to each register, arrays not expanded."""
    for member in group.members:
        path = (*above, member)
        if isinstance(member, Group):
            yield from paths(member, path)
        else:
            yield path


def count_registers(group: Group) -> int:
    """Return the number of registers in a group as if arrays were expanded; no array is expanded for that."""
    total = 0
    for member in group.members:
        inner = count_registers(member) if isinstance(member, Group) else 1
        total += member.count * inner
    return total


def count_steps(group: Group) -> int:
    """Return the number of steps of a way through a group's registers: as many as they are, or one if it is empty."""
    return max(1, sum(m.count * (count_steps(m) if isinstance(m, Group) else 1) for m in group.members))


def entries(group: Group, prefix: str = "", base: int = 0) -> Iterator[Entry]:
    """Yield every register with its full name and address, arrays expanded, in the order of the map.

    Args:
        group: The group around the registers.
        prefix: The beginning of their names, such as `UART0.`.
        base: Address of the group's offset 0.
    """
    for member in group.members:
        for index in range(member.count):
            name, address = prefix + member.name_at(index), base + member.offset_at(index)
            if isinstance(member, Group):
                yield from entries(member, f"{name}.", address)
            else:
                yield Entry(name, address, member)


def all_entries(device: DeviceMap) -> Iterator[Entry]:
    """Yield every register of a map."""
    return entries(device.root, base=device.root.offset)


def entries_in(group: Group, first: int, end: int, prefix: str = "", base: int = 0) -> Iterator[Entry]:
    """Yield the registers with an address from `first` to before `end`, in the order of the map; see entries().

    Of arrays only those repetitions are looked at that reach into the range.
    """
    for member in group.members_near(first - base, end - base):
        for index in member.indexes_in(first - base, end - base):
            name, address = prefix + member.name_at(index), base + member.offset_at(index)
            if isinstance(member, Group):
                yield from entries_in(member, first, end, f"{name}.", address)
            else:
                yield Entry(name, address, member)


def entries_by_address(group: Group, prefix: str = "", base: int = 0) -> Iterator[Entry]:
    """Yield every register in the order of the addresses; few of them exist at a time. See entries()."""
    streams = [_array_by_address(member, prefix, base) for member in group.members]
    return heapq.merge(*streams, key=lambda entry: entry.address)


def _array_by_address(member: Member, prefix: str, base: int) -> Iterator[Entry]:
    named = ((prefix + member.name_at(k), base + member.offset_at(k)) for k in range(member.count))
    if not isinstance(member, Group):
        return (Entry(name, address, member) for name, address in named)
    each = (entries_by_address(member, f"{name}.", address) for name, address in named)
    low, high = member.extent
    is_apart = member.repeat is None or high - low <= member.repeat.step
    return chain.from_iterable(each) if is_apart else heapq.merge(*each, key=lambda entry: entry.address)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a map.

    Attributes:
        where: The register, field or block.
        text: The fault, in words.
    """

    where: str
    text: str
