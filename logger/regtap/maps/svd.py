"""Reads CMSIS-SVD by its standard: a register inherits size, access and reset value from the elements around it.

svdconv goes beyond the standard where a register declares no size: it takes the largest of its neighbours. A wrong
width is a wrong access, so here the declared one holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.maps.arrays import ArrayCount
from regtap.maps.model import MOST_LEVELS, DeviceMap, Group, RegisterNode, Repeat, clean_name
from regtap.maps.svd_derive import Derivation
from regtap.maps.svd_fields import FieldReader, access_word, read_effect_text, write_effect_word
from regtap.maps.svd_numbers import parse_labels, parse_number
from regtap.maps.xml_file import one_line, parse_xml, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

FORMAT = "CMSIS-SVD"
_MOST_NODES = 2**16  # registers and clusters, arrays not expanded


@dataclass(frozen=True, slots=True)
class _Properties:
    """Properties that a register inherits from its cluster, block and device."""

    bits: int = 32
    access: str = "read-write"
    reset: int | None = None

    def with_own(self, texts: dict[str, str], where: str) -> _Properties:
        size, access, reset = texts.get("size"), texts.get("access"), texts.get("resetValue")
        mask = texts.get("resetMask")
        value = self.reset if reset is None else _reset(reset)
        return _Properties(
            parse_number(size, where) if size else self.bits,
            access_word(access, where) if access else self.access,
            None if mask is not None and _reset(mask) == 0 else value,
        )


def read_svd(content: bytes, source: str) -> DeviceMap:
    """Read the map of a CMSIS-SVD file.

    Raises:
        InputError: It is not one, or contradicts itself; the message says where.
    """
    return _Reader(parse_xml(content)).read(source)


def _reset(text: str) -> int | None:
    """Return a reset value; None: the text is no number, which no access depends on."""
    try:
        return parse_number(text, "")
    except InputError:
        return None


class _Reader:
    """Makes the tree of one file; fields are read later, from the same elements."""

    def __init__(self, device: Element) -> None:
        self._device = device
        self._derivation = Derivation(device)
        self._fields = FieldReader(self._derivation)
        self._nodes = 0
        self._arrays = ArrayCount()

    def read(self, source: str) -> DeviceMap:
        if self._device.tag != "device":
            raise InputError(f"its root element is {self._device.tag!r}, and a CMSIS-SVD file's is 'device'")
        texts = texts_of(self._device)
        if texts.get("addressUnitBits", "8") != "8":
            raise InputError(
                f"its addresses count units of {texts['addressUnitBits']} bits; only 8 are understood"
            )
        name = clean_name(texts.get("name", ""))
        properties = _Properties().with_own(texts, "device")
        blocks = [
            self._group(element, properties, ())
            for holder in self._device.iter("peripherals")
            for element in holder.iter("peripheral")
        ]
        root = Group(name="", offset=0, members=tuple(blocks), description=one_line(texts.get("description")))
        return DeviceMap(name, source, FORMAT, root)

    def _group(self, element: Element, around: _Properties, above: tuple[str, ...]) -> Group:
        chain = self._derivation.chain(element)
        texts = self._texts(chain)
        name = self._name(texts, element, above)
        where = (*above, name)
        self._count(where)
        at = texts.get("baseAddress" if element.tag == "peripheral" else "addressOffset", "0")
        repeat = self._repeat(texts, name, ".".join(where))
        properties = around.with_own(texts, ".".join(where))
        return Group(
            name=_pattern(name, repeat),
            offset=parse_number(at, f"{'.'.join(where)}, address"),
            repeat=repeat,
            description=one_line(texts.get("description")),
            members=tuple(self._member(item, properties, where) for item in _members(chain)),
        )

    def _member(self, element: Element, around: _Properties, above: tuple[str, ...]) -> Group | RegisterNode:
        if element.tag == "cluster":
            return self._group(element, around, above)
        chain = self._derivation.chain(element)
        texts = self._texts(chain)
        if group := texts.get("alternateGroup"):
            texts["name"] = f"{texts.get('name', '')}_{group}"
        name = self._name(texts, element, above)
        where = f"{'.'.join(above)}.{name}"
        self._count(above)
        properties = around.with_own(texts, where)
        repeat = self._repeat(texts, name, where)
        return RegisterNode(
            name=_pattern(name, repeat),
            offset=parse_number(texts.get("addressOffset", "0"), f"{where}, addressOffset"),
            repeat=repeat,
            description=one_line(texts.get("description")),
            bits=properties.bits,
            access=properties.access,
            read_effect=read_effect_text(texts.get("readAction"), where),
            write_effect=write_effect_word(texts.get("modifiedWriteValues"), where),
            reset=properties.reset,
            load_fields=partial(self._fields.read, chain, where),
        )

    def _texts(self, chain: tuple[Element, ...]) -> dict[str, str]:
        """Return the texts of an element's children; missing ones come from the element that it is derived from."""
        if len(chain) == 1:
            return texts_of(chain[0])
        own = texts_of(chain[0])
        inherited = {tag: text for base in reversed(chain[1:]) for tag, text in texts_of(base).items()}
        if "%s" not in own.get("name", ""):
            inherited = {tag: text for tag, text in inherited.items() if not tag.startswith("dim")}
        return {**inherited, **own}

    def _name(self, texts: dict[str, str], element: Element, above: tuple[str, ...]) -> str:
        written = texts.get("name", "")
        if not written:
            raise InputError(f"a {element.tag} in {'.'.join(above) or 'the device'} has no name; give it one")
        head, pattern, tail = written.partition("%s")
        array = head.endswith("[") and tail.startswith("]")
        name = clean_name(head[:-1] if array else head) if head else ""
        if pattern:
            rest = clean_tail(tail[1:] if array else tail)
            name = f"{name}[%s]{rest}" if array else f"{name}%s{rest}"
        return name

    def _repeat(self, texts: dict[str, str], name: str, where: str) -> Repeat | None:
        dim = texts.get("dim")
        if dim is None:
            if "%s" in name:
                raise InputError(f"{where} has a name for an array, and no dim; give it one")
            return None
        count = parse_number(dim, f"{where}, dim")
        self._arrays.add(count, where)
        step = parse_number(texts.get("dimIncrement", "0"), f"{where}, dimIncrement")
        return Repeat(count, step, parse_labels(texts.get("dimIndex"), count, where))

    def _count(self, where: tuple[str, ...]) -> None:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise InputError(f"it describes more than {_MOST_NODES:,} registers; that is no device's map")
        if len(where) > MOST_LEVELS:
            raise InputError(
                f"its clusters lie more than {MOST_LEVELS} levels deep, in {where[0]}; mend the map"
            )


def clean_tail(text: str) -> str:
    """Return what follows the index in a name, as clean_name has it; it may begin with a digit."""
    return clean_name(f"x{text}")[1:] if text else ""


def _pattern(name: str, repeat: Repeat | None) -> str:
    return f"{name}[%s]" if repeat is not None and "%s" not in name else name


def _members(chain: tuple[Element, ...]) -> Iterator[Element]:
    """Yield the registers and clusters of an element: first those of the element that it is derived from.

    One of its own takes the place of one of the same name and alternate group.
    """
    if len(chain) == 1:
        yield from _own_members(chain[0])
        return
    kept: dict[str, Element] = {}
    for element in reversed(chain):
        own: set[str] = set()
        for member in _own_members(element):
            name = f"{(member.findtext('name') or '').strip()} {member.findtext('alternateGroup') or ''}"
            key = name if name not in own else f"{name} {len(kept)}"  # twice in one place: refused later
            own.add(name)
            kept[key] = member
    yield from kept.values()


def _own_members(element: Element) -> Iterator[Element]:
    holders = element.findall("registers") if element.tag == "peripheral" else [element]
    for holder in holders:
        for child in holder:
            if child.tag in ("register", "cluster"):
                yield child
