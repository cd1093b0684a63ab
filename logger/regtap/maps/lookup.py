"""Finding registers in maps: by name, by the tail of a name, by a glob, by address."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice, product
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.units.parse import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from regtap.maps.model import DeviceMap, Entry, Group, NodePath
    from regtap.registers.model import Field, Register

MAP_VARIABLE = "REGTAP_MAP"  # maps for those who always use the same, a list like PATH
_MOST_FOUND = 9  # that are counted where a name is ambiguous
_MOST_FIELDS = 8  # that are listed where none is similar
_MOST_SELECTED = 2**16  # by one glob
_MOST_COMPARED = 20_000  # names that a misspelled one is compared with


@dataclass(frozen=True, slots=True)
class Found:
    """The register, or the field of a register, that a name stands for.

    Attributes:
        entry: The register.
        field: The field of it that was named, or None for the whole register.
        is_full: Whether the register was named in full.
    """

    entry: Entry
    field: Field | None
    is_full: bool


def is_glob(text: str) -> bool:
    """Return whether a text is a glob: it has a `*` or a `?`. Brackets alone belong to names of arrays."""
    return "*" in text or "?" in text


def glob_matcher(glob: str, *, tails: bool = False) -> Callable[[str], object]:
    """Return the function that tests whether a name matches a glob.

    Args:
        glob: `*` stands for any text, with dots in it too, and `?` for one character.
        tails: Whether it may be the tail of a name.
    """
    pattern = fnmatch.translate(glob.replace("[", "[[]"))  # atomic groups: a file's glob may have many stars
    return re.compile(rf"(?:.*\.)?{pattern}" if tails else pattern, re.DOTALL).fullmatch


class Maps:
    """Some maps, looked at as one.

    Attributes:
        maps: The maps, in the order of their names on the command line.
    """

    def __init__(self, maps: tuple[DeviceMap, ...] = ()) -> None:
        self.maps = maps
        self._registers: dict[Entry, Register] = {}

    def __bool__(self) -> bool:
        return bool(self.maps)

    def entries(self) -> Iterator[Entry]:
        """Yield every register, arrays expanded, in the order of the maps."""
        for device in self.maps:
            from regtap.maps.model import all_entries  # nothing of it is needed where there is no map

            yield from all_entries(device)

    def find(self, text: str) -> Found | None:
        """Return the register or field with a name, or with a name that ends so; None: there is none.

        Raises:
            InputError: Several registers are called so; the message lists them.
        """
        parts = text.split(".")
        entry = self._only(text, parts)
        if entry is not None:
            return Found(entry, None, entry.name == text)
        entry = self._only(text, parts[:-1]) if len(parts) > 1 else None
        field = None if entry is None else self.register(entry).field(parts[-1])
        if entry is None or field is None:
            return None
        return Found(entry, field, f"{entry.name}.{field.name}" == text)

    def has(self, name: str) -> bool:
        """Return whether a register has just this name."""
        return any(entry.name == name for entry in self._matching(name.split(".")))

    def select(self, glob: str) -> list[Entry]:
        """Return the registers whose full names match a glob or, if there are none, whose names' tails match.

        `*` stands for any text, with dots in it too, and `?` for one character.

        Raises:
            InputError: It selects none, or too many.
        """
        for match in (glob_matcher(glob), glob_matcher(glob, tails=True)):
            found = list(islice((e for e in self.entries() if match(e.name)), _MOST_SELECTED + 1))
            if len(found) > _MOST_SELECTED:
                raise InputError(
                    f"{quoted(glob)} selects more than {_MOST_SELECTED:,} registers; select fewer"
                )
            if found:
                return found
        raise InputError(f"{quoted(glob)} selects no register{self._near(glob.strip('*?.'))}")

    def at(self, address: int, size_bytes: int = 1) -> list[Entry]:
        """Return the registers in a range of addresses, in the order of their addresses."""
        found: list[Entry] = []
        for device in self.maps:
            from regtap.maps.model import entries_in

            found += entries_in(device.root, address, address + size_bytes, base=device.root.offset)
        return sorted(found, key=lambda entry: entry.address)

    def register(self, entry: Entry) -> Register:
        """Return a register with the corrections of `effects` tables.

        Raises:
            InputError: It cannot be accessed, or a table names what no map has.
        """
        known = self._registers.get(entry)
        if known is None:
            known = self._overlaid(entry.register())
            if len(self._registers) < _MOST_SELECTED:  # a list of a million is made once, and not kept
                self._registers[entry] = known
        return known

    @property
    def count(self) -> int:
        """The number of registers, arrays expanded."""
        from regtap.maps.model import count_registers

        return sum(count_registers(device.root) for device in self.maps)

    @property
    def has_corrections(self) -> bool:
        """Whether a map has an `effects` table: registers of one array may differ then."""
        return any(device.effects for device in self.maps)

    def unknown(self, text: str) -> InputError:
        """Return the error for a name that is no register's, and no field's."""
        if (of_field := self.unknown_field(text)) is not None:
            return of_field
        if any(_has_group(device.root, text.split(".")) for device in self.maps):
            return InputError(
                f"{quoted(text)} is a block; name a register of it, or '{text}.*' for all of them"
            )
        return InputError(f"unknown register {quoted(text)}{self._near(text)}")

    def unknown_field(self, text: str) -> InputError | None:
        """Return the error for an unknown field of a known register; None: the text names no known register."""
        from regtap.maps.nearest import nearest

        parts = text.split(".")
        entry = self._only(text, parts[:-1]) if len(parts) > 1 else None
        if entry is None:
            return None
        names = [field.name for field in self.register(entry).fields]
        near = nearest(parts[-1], names)
        hint = f"the nearest are {', '.join(f'{entry.name}.{name}' for name in near)}"
        if not near:
            hint = f"{entry.name} has {', '.join(names[:_MOST_FIELDS]) or 'no fields here'}"
        return InputError(f"unknown field {quoted(text)}; {hint}")

    def _near(self, text: str) -> str:
        from regtap.maps.nearest import nearest

        names = [entry.name for entry in islice(self.entries(), _MOST_COMPARED)]
        found = nearest(text, names) or nearest(text.rpartition(".")[0], names)  # a field's register
        return f"; the nearest are {', '.join(found)}" if found else "; `regtap map` lists what there is"

    def _only(self, text: str, parts: list[str]) -> Entry | None:
        """Return the register with a full name, or None."""
        found = list(islice(self._matching(parts), _MOST_FOUND))
        if len(found) > 1:
            wanted = ".".join(parts)
            in_full = [entry for entry in found if entry.name == wanted]
            if len(in_full) == 1:
                return in_full[0]
            raise InputError(f"{quoted(text)} is ambiguous; it could be {_listed(found)}")
        return found[0] if found else None

    def _matching(self, parts: list[str]) -> Iterator[Entry]:
        for device in self.maps:
            from regtap.maps.model import paths

            for path in paths(device.root):
                yield from _matches(path, parts, device.root.offset)

    def _overlaid(self, register: Register) -> Register:
        for name, read, write in self._overlays.get(register.name, ()):
            changes = {"read_effect": read, "write_effect": write}
            given = {key: text for key, text in changes.items() if text is not None}
            if not name:
                register = replace(register, **given)  # type: ignore[arg-type] # texts, both
                continue
            fields = tuple(
                replace(field, **given) if field.name == name else field  # type: ignore[arg-type]
                for field in register.fields
            )
            register = replace(register, fields=fields)
        return register

    @cached_property
    def _overlays(self) -> dict[str, list[tuple[str, str | None, str | None]]]:
        """Entries of `effects` tables by register: field (or empty), read effect, write effect."""
        overlays: dict[str, list[tuple[str, str | None, str | None]]] = {}
        for device in self.maps:
            for effect in device.effects:
                for name, field in self._meant(effect.pattern, device.source):
                    overlays.setdefault(name, []).append((field, effect.read, effect.write))
        return overlays

    def _meant(self, pattern: str, source: str) -> list[tuple[str, str]]:
        """Return the registers of an entry of an `effects` table, and its field if the entry names one."""
        if is_glob(pattern):
            return [(entry.name, "") for entry in self.select(pattern)]
        parts = pattern.split(".")
        entry = self._only(pattern, parts)
        if entry is not None:
            return [(entry.name, "")]
        entry = self._only(pattern, parts[:-1]) if len(parts) > 1 else None
        if entry is None or all(field.name != parts[-1] for field in entry.node.fields):
            near = self._near(pattern)
            raise InputError(
                f"the effects of {source} name {quoted(pattern)}, which is in none of the maps{near}"
            )
        return [(entry.name, parts[-1])]


NO_MAPS = Maps()


def _matches(path: NodePath, parts: list[str], base: int) -> Iterator[Entry]:
    """Yield the registers whose full name ends with the parts of a path."""
    from regtap.maps.model import Entry, Group

    if len(parts) > len(path):
        return
    tail: list[int] = []
    for member, part in zip(reversed(path), reversed(parts), strict=False):
        index = member.index_of(part)
        if index is None:
            return
        tail.append(index)
    above = [range(member.count) for member in path[: len(path) - len(parts)]]
    for head in product(*above):
        indexes = (*head, *reversed(tail))
        named = [(member.name_at(k), member.offset_at(k)) for member, k in zip(path, indexes, strict=True)]
        leaf = path[-1]
        assert not isinstance(leaf, Group)  # noqa: S101 - paths end at registers
        yield Entry(".".join(name for name, _ in named), base + sum(at for _, at in named), leaf)


def _has_group(group: Group, parts: list[str]) -> bool:
    """Return whether a full name is that of a block or a cluster with registers in it."""
    from regtap.maps.model import Group, count_registers

    first, *rest = parts
    inner = [it for it in group.members if isinstance(it, Group) and it.index_of(first) is not None]
    return any(_has_group(it, rest) if rest else count_registers(it) for it in inner)


def _listed(found: list[Entry]) -> str:
    shown = ", ".join(f"{entry.name} at {entry.address:#x}" for entry in found[: _MOST_FOUND - 1])
    return f"{shown} ..." if len(found) == _MOST_FOUND else shown
