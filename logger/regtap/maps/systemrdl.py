"""SystemRDL, by systemrdl-compiler (the extra `rdl`)."""

from __future__ import annotations

import os
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from regtap.errors import InputError, RefusedError
from regtap.maps.arrays import ArrayCount, elements_of, joined_reset, labels_of
from regtap.maps.model import MOST_LEVELS, DeviceMap, Group, RegisterNode, Repeat, clean_name
from regtap.maps.xml_file import one_line
from regtap.registers.model import Field, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT = "SystemRDL"
_INCLUDE = re.compile(rb'`include\s+"([^"\n]+)"')
_ADDRMAP = re.compile(rb"^[^#\n]*\baddrmap\b[^\n;]*(\{|\n)|^\s*`include\b", re.MULTILINE)
_MOST_BYTES = 4 * 2**20  # its parser takes some 10 us a byte
_MOST_FILES = 64
_READ_EFFECTS = {"rclr": "clears it", "rset": "sets it", "ruser": "changes it"}
_WRITE_EFFECTS = {
    "woclr": "one-clears",
    "woset": "one-sets",
    "wot": "one-toggles",
    "wzc": "zero-clears",
    "wzs": "zero-sets",
    "wzt": "zero-toggles",
    "wclr": "any-clears",
    "wset": "any-sets",
    "wuser": "modifies",
}
_ACCESSES = {
    "rw": "read-write",
    "r": "read-only",
    "w": "write-only",
    "rw1": "read-write-once",
    "w1": "write-once",
    "na": "",
}


def looks_like_rdl(content: bytes) -> bool:
    """Return whether a text defines an address map in SystemRDL, or includes one; `#` begins a comment of TOML."""
    return bool(_ADDRMAP.search(content))


def read_systemrdl(content: bytes, source: str) -> DeviceMap:
    """Read the map of the last addrmap in a SystemRDL file.

    Raises:
        InputError: It does not compile; the message is the compiler's first.
        RefusedError: systemrdl-compiler is not installed.
    """
    try:
        from systemrdl.compiler import RDLCompiler
        from systemrdl.messages import MessagePrinter, RDLCompileError
    except ImportError as error:
        raise RefusedError(
            "SystemRDL needs systemrdl-compiler, which is not installed", remedy="pip install 'regtap[rdl]'"
        ) from error

    _check_text(content, source)
    errors: list[str] = []

    class Printer(MessagePrinter):
        """Keeps the compiler's messages."""

        def print_message(self, severity: Any, text: str, src_ref: Any) -> None:
            where = f"line {src_ref.line}: " if getattr(src_ref, "line", None) else ""
            if severity.name in ("ERROR", "FATAL"):
                errors.append(f"{where}{one_line(text)}")

    compiler = RDLCompiler(message_printer=Printer())
    try:
        compiler.compile_file(source)
        top = compiler.elaborate().top
    except RDLCompileError as error:
        raise InputError(f"it does not compile: {errors[0] if errors else error}") from error
    except Exception as error:  # a fault of the compiler's is one of the file's to the user
        raise InputError(
            f"systemrdl-compiler fails on it ({type(error).__name__}: {one_line(str(error))})"
        ) from error
    root = Group(
        name="", offset=0, members=tuple(_members(top, 1, ArrayCount())), description=_description(top)
    )
    return DeviceMap(clean_name(top.inst_name), source, FORMAT, root)


def _check_text(content: bytes, source: str) -> None:
    """Raise InputError if the file, or a file that it includes, contains Perl: the compiler would run it."""
    waiting, seen = [(content, source)], {os.path.realpath(source)}
    while waiting:
        text, path = waiting.pop()
        if len(text) > _MOST_BYTES:
            raise InputError(f"{path} is larger than {_MOST_BYTES >> 20} MiB; that is too much for SystemRDL")
        if b"<%" in text:
            raise InputError(f"{path} has Perl in it (<% ... %>), which is not run; preprocess it first")
        for found in _INCLUDE.finditer(text):
            included = os.path.join(os.path.dirname(path), os.fsdecode(found[1]))
            real = os.path.realpath(included)
            if real in seen or not os.path.isfile(real):
                continue  # the compiler says that it is missing
            seen.add(real)
            if len(seen) > _MOST_FILES:
                raise InputError(f"it includes more than {_MOST_FILES} files")
            with open(real, "rb") as file:
                waiting.append((file.read(_MOST_BYTES + 1), included))


def _members(node: Any, level: int, arrays: ArrayCount) -> Iterator[Group | RegisterNode]:
    from systemrdl.node import AddressableNode, RegNode

    if level > MOST_LEVELS:
        raise InputError(f"its register files lie more than {MOST_LEVELS} levels deep, in {node.inst_name}")
    for child in node.children(unroll=False):
        if not isinstance(child, AddressableNode):
            continue
        repeat = _repeat(child, arrays)
        name = clean_name(child.inst_name)
        common: dict[str, Any] = {
            "name": name if repeat is None else f"{name}[%s]",
            "offset": child.raw_address_offset,
            "repeat": repeat,
            "description": _description(child),
        }
        if isinstance(child, RegNode):
            yield _register(child, common)
        else:
            yield Group(**common, members=tuple(_members(child, level + 1, arrays)))


def _repeat(node: Any, arrays: ArrayCount) -> Repeat | None:
    if not node.is_array:
        return None
    dims = list(node.array_dimensions)
    count = elements_of(dims, node.inst_name)
    arrays.add(count, node.inst_name)
    return Repeat(count, node.array_stride, labels_of(dims, node.inst_name))


def _register(node: Any, common: dict[str, Any]) -> RegisterNode:
    fields = list(node.fields())
    accesses = {_access(field) for field in fields}
    readable, writable = node.has_sw_readable, node.has_sw_writable
    access = "read-write" if readable and writable else "read-only" if readable else "write-only"
    resets = [(field.get_property("reset"), field.low) for field in fields]
    known = [(value, low) for value, low in resets if isinstance(value, int)]
    bits = node.get_property("regwidth")
    return RegisterNode(
        **common,
        bits=bits,
        access=next(iter(accesses)) if len(accesses) == 1 and "" not in accesses else access,
        reset=joined_reset(known, bits) if len(known) == len(fields) else None,
        volatile=any(field.is_volatile for field in fields),
        load_fields=partial(_fields, fields),
    )


def _fields(nodes: list[Any]) -> tuple[Field, ...]:
    return tuple(_field(node) for node in nodes)


def _field(node: Any) -> Field:
    read, write, names = (node.get_property(it) for it in ("onread", "onwrite", "encode"))
    values = () if names is None else tuple(Value(it.name, it.value, one_line(it.rdl_desc)) for it in names)
    return Field(
        clean_name(node.inst_name),
        node.low,
        node.high - node.low + 1,
        _description(node),
        values,
        "",
        _access(node),
        "" if read is None else _READ_EFFECTS[read.name],
        "" if write is None else _WRITE_EFFECTS[write.name],
    )


def _access(node: Any) -> str:
    return _ACCESSES[node.get_property("sw").name]


def _description(node: Any) -> str:
    return one_line(node.get_property("desc") or node.get_property("name", default=""))
