"""Fields and their values in CMSIS-SVD."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from regtap.errors import InputError
from regtap.maps.model import clean_name
from regtap.maps.svd_numbers import parse_bit_range, parse_labels, parse_number, parse_value
from regtap.maps.xml_file import one_line, texts_of
from regtap.registers.model import ACCESSES, Field, Value
from regtap.units.parse import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from regtap.maps.svd_derive import Derivation

_ACCESSES = {  # in small letters, since vendors differ in them
    **{word: word for word in ACCESSES},
    "writeonce": "write-once",
    "read-writeonce": "read-write-once",
    "read": "read-only",
    "write": "write-only",
    "readwrite": "read-write",
    "readonly": "read-only",
    "writeonly": "write-only",
}
READ_EFFECTS = {
    "clear": "clears it",
    "set": "sets it",
    "modify": "changes it",
    "modifyExternal": "changes something else",
}
WRITE_EFFECTS = {
    "oneToClear": "one-clears",
    "oneToSet": "one-sets",
    "oneToToggle": "one-toggles",
    "zeroToClear": "zero-clears",
    "zeroToSet": "zero-sets",
    "zeroToToggle": "zero-toggles",
    "clear": "any-clears",
    "set": "any-sets",
    "modify": "",  # the default: what is written is held
}
_USES = {"read": "read", "write": "write", "read-write": "read-write"}
_MOST_FIELDS = 1024  # of one array
_MOST_OF_REGISTER = 2**14


def access_word(text: str, where: str) -> str:
    """Return one of registers.ACCESSES."""
    return _word(text.lower(), _ACCESSES, where, "access")


def read_effect_text(text: str | None, where: str) -> str:
    """Return the effect of a read, in words; empty: there is no readAction."""
    return _word(text, READ_EFFECTS, where, "readAction") if text else ""


def write_effect_word(text: str | None, where: str) -> str:
    """Return the effect of a write, one of registers.WRITE_EFFECTS; empty: the written value is held."""
    return _word(text, WRITE_EFFECTS, where, "modifiedWriteValues") if text else ""


def _word(text: str, known: dict[str, str], where: str, what: str) -> str:
    word = known.get(text)
    if word is None:
        raise InputError(f"{where}: unknown {what} {quoted(text)}; one of {', '.join(known)} is meant")
    return word


class FieldReader:
    """Reads the fields of a register on first use."""

    def __init__(self, derivation: Derivation) -> None:
        self._derivation = derivation

    def read(self, register: tuple[Element, ...], where: str) -> tuple[Field, ...]:
        """Return the fields of a register, and those of the registers that it is derived from.

        Args:
            register: The register's element, and those of what it is derived from.
            where: Its name, for messages.

        Raises:
            InputError: A field contradicts itself.
        """
        kept: dict[str, list[Field]] = {}
        count = 0
        for element in reversed(register):
            own: dict[str, list[Field]] = {}
            for child in element.iterfind("fields/field"):
                for field in self._field(child, where):
                    own.setdefault(field.name, []).append(field)
                    count += 1
                if count > _MOST_OF_REGISTER:
                    raise InputError(f"{where} has more than {_MOST_OF_REGISTER:,} fields; mend the map")
            kept.update(own)
        return tuple(field for fields in kept.values() for field in _told_apart(fields))

    def _field(self, element: Element, where: str) -> Iterator[Field]:
        chain = self._derivation.chain(element)
        own = texts_of(element)
        texts = {tag: text for base in reversed(chain) for tag, text in texts_of(base).items()}
        if "%s" not in own.get("name", ""):
            texts = {tag: text for tag, text in texts.items() if not tag.startswith("dim") or tag in own}
        if any(tag in own for tag in ("bitOffset", "lsb", "bitRange")):
            places = ("bitOffset", "bitWidth", "lsb", "msb", "bitRange")
            texts = {
                tag: text
                for tag, text in texts.items()
                if tag not in places or tag in own or tag == "bitWidth"
            }
        name = texts.get("name", "")
        if not name:
            raise InputError(f"{where} has a field without a name; give it one")
        lsb, bits = _place(texts, f"{where}.{name}")
        values, otherwise = self._values(chain, f"{where}.{name}")
        for index, label in enumerate(_labels(texts, name, where)):
            step = parse_number(texts.get("dimIncrement", "0"), f"{where}.{name}, dimIncrement")
            yield Field(
                clean_name(name.replace("[%s]", label).replace("%s", label)),
                lsb + index * step,
                bits,
                one_line(texts.get("description")),
                values,
                otherwise,
                access_word(texts["access"], f"{where}.{name}") if texts.get("access") else "",
                read_effect_text(texts.get("readAction"), f"{where}.{name}"),
                write_effect_word(texts.get("modifiedWriteValues"), f"{where}.{name}"),
            )

    def _values(self, chain: tuple[Element, ...], where: str) -> tuple[tuple[Value, ...], str]:
        """Return the named numbers, and the name of every other one."""
        holders = next((found for base in chain if (found := base.findall("enumeratedValues"))), [])
        values: list[Value] = []
        otherwise = ""
        uses: set[str] = set()
        for holder in holders:
            source = self._derivation.chain(holder)
            use = next((text for base in source if (text := texts_of(base).get("usage"))), "read-write")
            use = _word(use, _USES, where, "usage")
            if use in uses or (uses and "read-write" in (use, *uses)):
                raise InputError(f"{where} has two lists of values for one use; mend the map")
            uses.add(use)
            for element in (item for base in source for item in base.findall("enumeratedValue")):
                value = _value(element, use, where)
                if isinstance(value, Value):
                    values.append(value)
                if (element.findtext("isDefault") or "").strip() in ("true", "1") and use != "write":
                    if otherwise:
                        raise InputError(f"{where} has two names for every other value; mend the map")
                    otherwise = (element.findtext("name") or "").strip()
        return tuple(values), otherwise


def _told_apart(fields: list[Field]) -> list[Field]:
    """Return fields with the lowest bit added to names that occur several times, as vendors' RESERVED does."""
    if len(fields) == 1:
        return fields
    return [replace(field, name=f"{field.name}_{field.lsb}") for field in fields]


def _value(element: Element, use: str, where: str) -> Value | None:
    texts = texts_of(element)
    if not texts.get("value"):
        return None
    number, any_bits = parse_value(texts["value"], f"{where}, value")
    return Value(
        texts.get("name") or texts["value"], number, one_line(texts.get("description")), any_bits, use
    )


def _labels(texts: dict[str, str], name: str, where: str) -> tuple[str, ...]:
    dim = texts.get("dim")
    if dim is None:
        if "%s" in name:
            raise InputError(f"field {name} of {where} has a name for an array, and no dim; give it one")
        return ("",)
    count = parse_number(dim, f"{where}.{name}, dim")
    if not 0 < count <= _MOST_FIELDS:
        raise InputError(
            f"field {name} of {where} is repeated {count:,} times; a register has no room for it"
        )
    return parse_labels(texts.get("dimIndex"), count, f"{where}.{name}") or tuple(map(str, range(count)))


def _place(texts: dict[str, str], where: str) -> tuple[int, int]:
    """Return the lowest bit of a field and its number of bits."""
    if text := texts.get("bitRange"):
        return parse_bit_range(text, where)
    if "bitOffset" in texts:
        width = texts.get("bitWidth")
        return parse_number(texts["bitOffset"], f"{where}, bitOffset"), (
            1 if width is None else parse_number(width, f"{where}, bitWidth")
        )
    if "lsb" in texts and "msb" in texts:
        low, high = sorted(parse_number(texts[tag], f"{where}, {tag}") for tag in ("lsb", "msb"))
        return low, high - low + 1
    raise InputError(f"field {where} does not say which bits it has; give it a bitRange")
