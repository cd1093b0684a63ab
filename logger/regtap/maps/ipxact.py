"""IP-XACT 1685-2009 and 1685-2014: the memory maps of a component. Expressions are refused by name."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.maps.arrays import ArrayCount, elements_of, joined_reset, labels_of
from regtap.maps.model import MOST_LEVELS, DeviceMap, Group, RegisterNode, Repeat, clean_name
from regtap.maps.svd_fields import access_word, read_effect_text, write_effect_word
from regtap.maps.xml_file import one_line, parse_xml
from regtap.registers.model import Field, Value
from regtap.units.parse import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

FORMAT = "IP-XACT"
NAMESPACES = {
    "http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009": "IP-XACT 1685-2009",
    "http://www.accellera.org/XMLSchema/IPXACT/1685-2014": "IP-XACT 1685-2014",
}
_NUMBER = re.compile(
    r"\+?(?:(?:0[xX]|#|(?:[0-9]{0,4})'[sS]?[hH])(?P<hex>[0-9a-fA-F_]{1,40})|[0-9]{0,4}'[sS]?[bB](?P<bin>[01_]{1,80})"
    r"|(?:[0-9]{0,4}'[sS]?[dD])?(?P<dec>[0-9_]{1,40}))(?P<unit>[kKMGT]?)\Z"
)
_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_USES = {"read": "read", "write": "write", "read-write": "read-write"}
_MOST_NODES = 2**16


def read_ipxact(content: bytes, source: str) -> DeviceMap:
    """Read the map of an IP-XACT component.

    Raises:
        InputError: It is none, needs an expression evaluated, or contradicts itself; the message says where.
    """
    root = parse_xml(content)
    namespace, _, tag = root.tag.removeprefix("{").rpartition("}")
    if tag != "component" or namespace not in NAMESPACES:
        known = " and ".join(name.removeprefix("IP-XACT ") for name in NAMESPACES.values())
        raise InputError(
            f"it is a {tag} of {quoted(namespace)}; components of IP-XACT {known} are understood"
        )
    return _Reader(namespace).read(root, source)


class _Reader:
    """Makes the tree of one component."""

    def __init__(self, namespace: str) -> None:
        self._prefix = f"{{{namespace}}}"
        self._format = NAMESPACES[namespace]
        self._nodes = 0
        self._arrays = ArrayCount()

    def read(self, root: Element, source: str) -> DeviceMap:
        blocks = [
            self._block(block, self._unit_bytes(memory))
            for memory in root.iterfind(self._tag("memoryMaps/memoryMap"))
            for block in memory.iterfind(self._tag("addressBlock"))
        ]
        if not blocks:
            raise InputError("it has no address block, so that it describes no registers")
        name = self._text(root, "name")
        group = Group(
            name="", offset=0, members=tuple(blocks), description=one_line(self._text(root, "description"))
        )
        return DeviceMap(name, source, self._format, group)

    def _unit_bytes(self, memory: Element) -> int:
        bits = self._number(memory, "addressUnitBits", 8, self._text(memory, "name"))
        if bits % 8 or not bits:
            raise InputError(
                f"memory map {self._text(memory, 'name')} counts units of {bits} bits; bytes are meant"
            )
        return bits // 8

    def _block(self, element: Element, unit: int) -> Group:
        name = self._name(element, "")
        return Group(
            name=name,
            offset=self._number(element, "baseAddress", 0, name) * unit,
            description=one_line(self._text(element, "description")),
            members=tuple(self._members(element, (name,), unit, self._text(element, "access"))),
        )

    def _members(
        self, element: Element, above: tuple[str, ...], unit: int, access: str
    ) -> Iterator[Group | RegisterNode]:
        if len(above) > MOST_LEVELS:
            raise InputError(f"its register files lie more than {MOST_LEVELS} levels deep, in {above[0]}")
        for child in element:
            kind = child.tag.removeprefix(self._prefix)
            if kind not in ("register", "registerFile"):
                continue
            self._nodes += 1
            if self._nodes > _MOST_NODES:
                raise InputError(f"it describes more than {_MOST_NODES:,} registers; that is no device's map")
            where = ".".join((*above, self._name(child, ".".join(above))))
            if kind == "register":
                yield self._register(child, where, unit, access)
            else:
                yield self._file(child, above, unit, access)

    def _file(self, element: Element, above: tuple[str, ...], unit: int, access: str) -> Group:
        name = self._name(element, ".".join(above))
        where = ".".join((*above, name))
        repeat = self._repeat(element, where, self._number(element, "range", 0, where) * unit)
        return Group(
            name=name if repeat is None else f"{name}[%s]",
            offset=self._number(element, "addressOffset", 0, where) * unit,
            repeat=repeat,
            description=one_line(self._text(element, "description")),
            members=tuple(self._members(element, (*above, name), unit, access)),
        )

    def _register(self, element: Element, where: str, unit: int, access: str) -> RegisterNode:
        bits = self._number(element, "size", 32, where)
        name = where.rpartition(".")[2]
        repeat = self._repeat(element, where, (bits + 7) // 8)
        word = self._text(element, "access") or access
        return RegisterNode(
            name=name if repeat is None else f"{name}[%s]",
            offset=self._number(element, "addressOffset", 0, where) * unit,
            repeat=repeat,
            description=one_line(self._text(element, "description")),
            bits=bits,
            access=access_word(word, where) if word else "read-write",
            reset=self._reset(element, where, bits),
            volatile=self._text(element, "volatile") == "true",
            load_fields=partial(self._fields, element, where),
        )

    def _reset(self, element: Element, where: str, bits: int) -> int | None:
        """Return the reset value of a register; in 1685-2014 it is the sum of the fields' reset values."""
        text = element.findtext(self._tag("reset/value"))
        if text is not None:
            return _number(text.strip(), f"{where}, reset")
        fields = element.iterfind(self._tag("field"))
        found = ((field.findtext(self._tag("resets/reset/value")), field) for field in fields)
        parts = (
            (_number(inner.strip(), f"{where}, reset"), self._number(field, "bitOffset", 0, where))
            for inner, field in found
            if inner is not None
        )
        return joined_reset(parts, bits)

    def _fields(self, element: Element, where: str) -> tuple[Field, ...]:
        return tuple(self._field(child, where) for child in element.iterfind(self._tag("field")))

    def _field(self, element: Element, where: str) -> Field:
        name = self._name(element, where)
        place = f"{where}.{name}"
        access = self._text(element, "access")
        write = self._text(element, "modifiedWriteValue")
        return Field(
            name,
            self._number(element, "bitOffset", 0, place),
            self._number(element, "bitWidth", 1, place),
            one_line(self._text(element, "description")),
            tuple(self._values(element, place)),
            "",
            access_word(access, place) if access else "",
            read_effect_text(self._text(element, "readAction") or None, place),
            write_effect_word(write or None, place),
        )

    def _values(self, element: Element, where: str) -> Iterator[Value]:
        for item in element.iterfind(self._tag("enumeratedValues/enumeratedValue")):
            use = item.get("usage") or item.get(f"{self._prefix}usage") or "read-write"
            if use not in _USES:
                raise InputError(f"{where}: unknown usage {quoted(use)}")
            name, text = self._text(item, "name"), self._text(item, "value")
            yield Value(
                name or text, _number(text, f"{where}, value"), self._text(item, "description"), 0, use
            )

    def _repeat(self, element: Element, where: str, step: int) -> Repeat | None:
        dims = [
            _number((dim.text or "").strip(), f"{where}, dim") for dim in element.iterfind(self._tag("dim"))
        ]
        if not dims:
            return None
        count = elements_of(dims, where)
        self._arrays.add(count, where)
        return Repeat(count, step, labels_of(dims, where))

    def _name(self, element: Element, above: str) -> str:
        name = clean_name(self._text(element, "name"))
        if not name:
            raise InputError(f"something in {above or 'the component'} has no name; give it one")
        return name

    def _text(self, element: Element, tag: str) -> str:
        return (element.findtext(self._prefix + tag) or "").strip()

    def _number(self, element: Element, tag: str, default: int, where: str) -> int:
        text = self._text(element, tag)
        return _number(text, f"{where}, {tag}") if text else default

    def _tag(self, path: str) -> str:
        return "/".join(self._prefix + part for part in path.split("/"))


def _number(text: str, where: str) -> int:
    """Return a number such as `0x10`, `32'h10` or `4K`.

    Raises:
        InputError: It is none; an expression is named as such.
    """
    match = _NUMBER.match(text)
    if match is None:
        kind = (
            "is an expression, and none are evaluated"
            if re.search(r"[-+*/()$?<>a-zA-Z]", text)
            else "is no number"
        )
        raise InputError(f"{where}: {quoted(text)} {kind}")
    digits, base = next((match[it], base) for it, base in (("hex", 16), ("bin", 2), ("dec", 10)) if match[it])
    try:
        value = int(digits, base) * _UNITS[match["unit"].lower()]
    except ValueError as error:  # an underscore in the wrong place
        raise InputError(f"{where}: {quoted(text)} is no number") from error
    if value >= 2**64:
        raise InputError(f"{where}: {quoted(text)} does not fit 64 bits")
    return value
