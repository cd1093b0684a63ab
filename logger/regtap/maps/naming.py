"""Resolves texts to registers: addresses, names, tails of names, and globs; registers with read effects are refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.maps.effects import check_read, read_effect
from regtap.maps.lookup import Maps, is_glob
from regtap.registers.model import PAIR, Register
from regtap.registers.spelling import parse_register
from regtap.units.parse import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from regtap.maps.model import DeviceMap, Entry, RegisterNode
    from regtap.registers.model import Field, RegisterMap

_MOST_LISTED = 24  # names of a target that a message lists all


@dataclass(frozen=True, slots=True)
class Chosen:
    """A selected register, or one of its fields.

    Attributes:
        register: The register.
        field: The field, or None for the whole register.
        is_full: Whether it was named in full, or by its address.
    """

    register: Register
    field: Field | None = None
    is_full: bool = True

    @property
    def name(self) -> str:
        """The full name of the register or field."""
        return self.register.name if self.field is None else f"{self.register.name}.{self.field.name}"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A register that a glob selects and that is left out, because a read would change the device.

    Attributes:
        name: Its full name.
        reason: Why, such as `a read of UART0.DR pops the FIFO`.
        is_effect: Whether that is why: a read is known to change the device.
    """

    name: str
    reason: str
    is_effect: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """The registers and fields that texts select.

    Attributes:
        chosen: In the order of the texts.
        left_out: Registers that globs select and that are left out.
    """

    chosen: tuple[Chosen, ...]
    left_out: tuple[LeftOut, ...] = ()


class Names:
    """The names of a target and of maps.

    Attributes:
        maps: All maps, the target's own last; its register gives way to one of a map with the same name.
    """

    def __init__(self, maps: Maps, known: RegisterMap) -> None:
        self.maps = Maps((*maps.maps, _target_map(known, maps))) if known else maps
        self._known = known

    def select(self, texts: Iterable[Register | str], *, allow_side_effects: bool = False) -> Selection:
        """Return the registers to read.

        Raises:
            InputError: A text means nothing, or several registers; a glob selects nothing that may be read.
            SideEffectError: Reading one of them has an effect, and it was not named in full or not allowed.
        """
        chosen: list[Chosen] = []
        left_out: list[LeftOut] = []
        for text in texts:
            if isinstance(text, Register):
                check_read(text, self.maps, is_full=True, allowed=allow_side_effects)
                chosen.append(Chosen(text))
                continue
            if is_glob(text):
                found = self._glob(text)
                chosen += found.chosen
                left_out += found.left_out
                continue
            one = self.one(text)
            check_read(one.register, self.maps, is_full=one.is_full, allowed=allow_side_effects)
            chosen.append(one)
        return Selection(tuple(chosen), tuple(left_out))

    def one(self, text: str) -> Chosen:
        """Return the registers and fields that one text selects, whatever effects a read of them has.

        Raises:
            InputError: It means nothing, or several registers.
        """
        name, _, place = text.rpartition("=")
        if place[:1].isdigit():
            return Chosen(parse_register(text))
        if place.endswith(f":{PAIR}"):
            return self._pair(name, place.removesuffix(f":{PAIR}"))
        found = self.maps.find(text)
        if found is None:
            raise self._unknown(text)
        return Chosen(self.maps.register(found.entry), found.field, found.is_full)

    def _pair(self, name: str, place: str) -> Chosen:
        """Return the counter whose halves are called so: `LOW/HIGH`, names or addresses of registers of 32 bits."""
        low, high = (self.one(half).register for half in _halves(name, place))
        for half in (low, high):
            if half.type != "u32":
                raise InputError(
                    f"{half.name} is {half.type}, and a half of a pair is u32; name another register"
                )
        effect = low.read_effect or high.read_effect
        return Chosen(Register(name, low.address, PAIR, read_effect=effect, volatile=True, high=high.address))

    def _glob(self, glob: str) -> Selection:
        chosen: list[Chosen] = []
        left_out: list[LeftOut] = []
        seen: set[str] = set()
        for entry in self.maps.select(glob):
            is_twice = entry.name in seen
            unread = LeftOut(entry.name, "another one has this name") if is_twice else self._unread(entry)
            seen.add(entry.name)
            if unread:
                left_out.append(unread)
            else:
                chosen.append(Chosen(self.maps.register(entry)))
        if not chosen:
            first = left_out[0]
            more = f" (and so on: {len(left_out)} registers)" if len(left_out) > 1 else ""
            raise InputError(
                f"{quoted(glob)} selects nothing that may be read: {first.name}: {first.reason}{more}"
            )
        return Selection(tuple(chosen), tuple(left_out))

    def _unread(self, entry: Entry) -> LeftOut | None:
        """Return why a register that a glob selects is left out; None: it is not."""
        try:
            register = self.maps.register(entry)
        except InputError as error:
            return LeftOut(entry.name, str(error))
        if not register.is_readable:
            return LeftOut(entry.name, f"it is {register.access}")
        effect = read_effect(register, self.maps)
        return LeftOut(entry.name, effect, is_effect=True) if effect else None

    def _unknown(self, text: str) -> InputError:
        if self.maps and len(self._known) != self.maps.count:
            return self.maps.unknown(text)
        if (of_field := self.maps.unknown_field(text)) is not None:
            return of_field
        names = f", or one of {' '.join(self._known)}" if self._known else ""
        return InputError(
            f"unknown register {quoted(text)}; write ADDRESS[:TYPE] or NAME=ADDRESS[:TYPE]{names}, or name a --map"
        )


def _halves(name: str, place: str) -> tuple[str, str]:
    low, slash, high = place.partition("/")
    if not name or not slash:
        raise InputError(f"a 64-bit counter in two halves is NAME=LOW/HIGH:{PAIR}, not {quoted(place)}")
    return low, high


def whole_registers(selection: Selection) -> tuple[Register, ...]:
    """Return the registers of a selection without fields, for commands that read whole registers into columns.

    Raises:
        InputError: A field was named, or a register twice.
    """
    seen: set[str] = set()
    for chosen in selection.chosen:
        name = chosen.register.name
        if chosen.field is not None:
            raise InputError(f"{chosen.name} is a field; name its register {name}, whose fields are kept")
        if name in seen:
            raise InputError(f"register {name} is named twice; give one another name (NAME=ADDRESS)")
        seen.add(name)
    return tuple(chosen.register for chosen in selection.chosen)


def map_of(registers: Sequence[Register], name: str, description: str = "") -> DeviceMap:
    """Return a map of registers, described in Python.

    Args:
        registers: The registers, in the order of the map.
        name: Name of the device.
        description: One line.
    """
    from regtap.maps.model import DeviceMap, Group

    members = tuple(_node(register) for register in registers)
    return DeviceMap(
        name, name, "built in", Group(name="", offset=0, members=members, description=description)
    )


def _target_map(known: RegisterMap, maps: Maps) -> DeviceMap:
    new = [register for register in known.values() if not maps.has(register.name)]
    return map_of(new, "the target's own")


def _node(register: Register) -> RegisterNode:
    from regtap.maps.model import RegisterNode

    return RegisterNode(
        name=register.name,
        offset=register.address,
        description=register.description,
        bits=8 * register.width_bytes,
        swapped=register.swapped,
        access=register.access,
        read_effect=register.read_effect,
        write_effect=register.write_effect,
        reset=register.reset,
        volatile=register.volatile,
        to_high=None if register.high is None else register.high - register.address,
        load_fields=lambda: register.fields,
    )
