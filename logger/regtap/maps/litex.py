"""Reads csr.json and csr.csv of LiteX.

`size` counts words of the CSR bus. The words of a wide register are ordered big-endian by default (the most
significant first), so that no single access reads it: each word becomes a register of its own.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.documents.json_text import Limits, load_json
from regtap.errors import InputError
from regtap.maps.arrays import ArrayCount
from regtap.maps.checked import Table, checked_number
from regtap.maps.model import DeviceMap, Group, RegisterNode, clean_name
from regtap.units.parse import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

JSON_FORMAT, CSV_FORMAT = "LiteX csr.json", "LiteX csr.csv"
_LIMITS = Limits(size_bytes=64 << 20, containers=1 << 18)
_MOST_WORDS = 4096
_ACCESSES = {"rw": "read-write", "ro": "read-only", "wo": "write-only"}


@dataclass(frozen=True, slots=True)
class _Csr:
    """A register in either file: full name, address, number of bus words, access."""

    name: str
    address: int
    words: int
    access: str


@dataclass(frozen=True, slots=True)
class _Bus:
    """How wide a word is.

    Attributes:
        data_bits: Bits of a word that hold data.
        step: From one word to the next, in bytes.
        is_little: Whether the least significant word comes first.
    """

    data_bits: int
    step: int
    is_little: bool

    @classmethod
    def of(cls, constants: Mapping[str, object]) -> _Bus:
        data_bits = checked_number(constants.get("config_csr_data_width", 32), "config_csr_data_width", 8, 64)
        align_bits = checked_number(
            constants.get("config_csr_alignment", max(32, data_bits)), "config_csr_alignment"
        )
        if data_bits not in (8, 16, 32, 64) or align_bits not in (8, 16, 32, 64) or align_bits < data_bits:
            raise InputError(
                f"its CSR bus has words of {data_bits} bits every {align_bits} bits; no bus is so"
            )
        return cls(data_bits, align_bits // 8, "config_csr_ordering_little" in constants)


def read_litex_json(content: bytes, source: str) -> DeviceMap:
    """Read the map of a csr.json.

    Raises:
        InputError: It is not one; the message says where.
    """
    try:
        document = Table(load_json(content, _LIMITS), "the map")
    except InputError:
        raise
    except ValueError as error:
        raise InputError(str(error)) from error
    if "csr_registers" not in document or "csr_bases" not in document:
        raise InputError("it is JSON without csr_bases and csr_registers, so no csr.json of LiteX")
    bases, registers, constants = (document.table(it) for it in ("csr_bases", "csr_registers", "constants"))
    found = [_from_json(registers.table(name), name) for name in registers.names()]
    blocks = {name: bases.number(name) or 0 for name in bases.names()}
    return _device(
        found, blocks, {name: constants.get(name) for name in constants.names()}, (source, JSON_FORMAT)
    )


def _from_json(table: Table, name: str) -> _Csr:
    address, words = table.number("addr"), table.number("size", 1, _MOST_WORDS)
    if address is None or words is None:
        raise InputError(f"{table.where} has no addr or no size")
    return _Csr(name, address, words, _access(table.text("type", "rw"), table.where))


def read_litex_csv(content: bytes, source: str) -> DeviceMap:
    """Read the map of a csr.csv.

    Raises:
        InputError: It is not one; the message names the line.
    """
    found: list[_Csr] = []
    blocks: dict[str, int] = {}
    constants: dict[str, object] = {}
    try:
        for number, row in enumerate(csv.reader(io.StringIO(content.decode("utf-8-sig"))), 1):
            if not row or row[0].startswith("#"):
                continue
            cells = [*(cell.strip() for cell in row), "", "", "", ""]
            _take(cells, f"line {number}", (found, blocks, constants))
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"its CSV cannot be read ({error})") from error
    return _device(found, blocks, constants, (source, CSV_FORMAT))


def _take(
    cells: Sequence[str], where: str, into: tuple[list[_Csr], dict[str, int], dict[str, object]]
) -> None:
    found, blocks, constants = into
    kind, name, value, size, access = cells[:5]
    if kind == "csr_base":
        blocks[name] = checked_number(value, where)
    elif kind == "csr_register":
        words = checked_number(size, where, 1, _MOST_WORDS)
        found.append(_Csr(name, checked_number(value, where), words, _access(access, where)))
    elif kind == "constant":
        constants[name] = value
    elif kind != "memory_region":
        raise InputError(f"{where}: {kind!r:.40} is no line of a csr.csv")


def _access(text: str, where: str) -> str:
    access = _ACCESSES.get(text)
    if access is None:
        raise InputError(f"{where}: unknown access {text!r:.40}; it can be {', '.join(_ACCESSES)}")
    return access


def _device(
    found: Sequence[_Csr], blocks: Mapping[str, int], constants: Mapping[str, object], place: tuple[str, str]
) -> DeviceMap:
    if not found:
        raise InputError("it has no registers")
    bus = _Bus.of(constants)
    words = ArrayCount()
    for item in found:
        words.add(item.words, quoted(item.name))
    members: dict[str, list[RegisterNode]] = {block: [] for block in blocks}
    loose: list[RegisterNode] = []
    longest_first = sorted(blocks, key=len, reverse=True)
    for item in found:
        block = next((block for block in longest_first if item.name.startswith(f"{block}_")), "")
        base = blocks.get(block, 0)
        if item.address < base:
            raise InputError(
                f"{quoted(item.name)} lies at {item.address:#x}, before its block {quoted(block)}"
            )
        name = clean_name(item.name[len(block) + 1 :] if block else item.name)
        (members[block] if block else loose).extend(_words(item, name, item.address - base, bus))
    groups = [
        Group(name=clean_name(block), offset=blocks[block], members=tuple(inside))
        for block, inside in members.items()
        if inside
    ]
    source, form = place
    root = Group(name="", offset=0, members=(*groups, *loose))
    order = "least" if bus.is_little else "most"
    wide = any(item.words > 1 for item in found)
    notes = (
        (f"registers of several words are listed word by word, the {order} significant first",)
        if wide
        else ()
    )
    return DeviceMap("", source, form, root, notes=notes)


def _words(item: _Csr, name: str, offset: int, bus: _Bus) -> Iterator[RegisterNode]:
    for index in range(item.words):
        rank = index if bus.is_little else item.words - 1 - index
        low = rank * bus.data_bits
        text = "" if item.words == 1 else f"bits {low + bus.data_bits - 1}:{low} of {item.name}"
        yield RegisterNode(
            name=name if item.words == 1 else f"{name}[{index}]",
            offset=offset + index * bus.step,
            description=text,
            bits=max(bus.data_bits, 32) if bus.step >= 4 else bus.data_bits,
            access=item.access,
        )
