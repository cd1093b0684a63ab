"""Finds and loads maps: `FILE[:BLOCK][@BASE]`, the format by a file's content, `REGTAP_MAP`."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from regtap.documents.text import terminal_text
from regtap.errors import InputError
from regtap.maps.lookup import MAP_VARIABLE, Maps
from regtap.units.parse import parse_integer, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from regtap.maps.model import DeviceMap, Group

SIMULATED = "sim"  # the map of the simulated device, where no file is called so
MOST_BYTES = 64 * 2**20  # of a file: the largest of a vendor's is 24 MB
_MOST_MESSAGE = 800  # letters: a name in the file may have millions
_BASE = re.compile(r"(?P<rest>.+)@(?P<base>0[xX][0-9a-fA-F_]+|[0-9][0-9_]*)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class MapChoice:
    """The request for a map: its file, and its block and base address if they are given.

    Attributes:
        path: The file, or `sim`.
        block: The one block to take, whose addresses then count from its own start; empty: the whole map.
        base: The number added to every address.
    """

    path: str
    block: str = ""
    base: int = 0


def parse_map_choice(text: str) -> MapChoice:
    """Return the request of a text `FILE[:BLOCK][@BASE]`; the file's name may contain a colon or an @."""
    rest, base = text, 0
    match = _BASE.match(text)
    if match is not None and not os.path.exists(text):
        rest, base = match["rest"], parse_integer(match["base"], "base")
    path, colon, block = rest.rpartition(":")
    if not colon or not path or os.path.exists(rest):
        return MapChoice(rest, "", base)
    return MapChoice(path, block, base)


def split_map_variable(text: str) -> list[str]:
    """Return the maps of REGTAP_MAP, a list like PATH.

    A part without `/` and `.` that is no file is the block of the file before it.
    """
    found: list[str] = []
    for part in text.split(os.pathsep):
        is_block = found and part and not set("/.") & set(part.partition("@")[0]) and not os.path.exists(part)
        if is_block:
            found[-1] += f":{part}"
        elif part:
            found.append(part)
    return found


MapsGiven: TypeAlias = "Maps | str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None"


def given_maps(given: MapsGiven) -> Maps:
    """Load the maps that a caller of the Python interface gives.

    Args:
        given: One or several, each `FILE[:BLOCK][@BASE]`, or maps that were loaded; None: those of REGTAP_MAP.

    Raises:
        InputError: As in load_maps.
    """
    if isinstance(given, Maps):
        return given
    if given is None:
        return load_maps((), os.environ)
    return load_maps([os.fspath(it) for it in ([given] if isinstance(given, str | os.PathLike) else given)])


def load_maps(choices: Sequence[str], environment: Mapping[str, str] | None = None) -> Maps:
    """Load maps by their texts `FILE[:BLOCK][@BASE]`; without any, load those of REGTAP_MAP.

    Args:
        choices: Each `FILE[:BLOCK][@BASE]`.
        environment: Environment with REGTAP_MAP; None: it is not looked for.

    Raises:
        InputError: A file is missing, is no map, or contradicts itself; the message names it.
    """
    wanted = list(choices) or split_map_variable((environment or {}).get(MAP_VARIABLE, ""))
    return Maps(tuple(load_map(parse_map_choice(text)) for text in wanted))


def load_map(choice: MapChoice) -> DeviceMap:
    """Load one map.

    Raises:
        InputError: As in load_maps.
    """
    is_built_in = choice.path == SIMULATED and not os.path.exists(SIMULATED)
    device = _simulated() if is_built_in else _read(choice.path)
    root = device.root if not choice.block else _block(device, choice)
    return replace(device, root=_moved(root, choice.base))


def _simulated() -> DeviceMap:
    from regtap.maps.naming import map_of
    from regtap.simulator.registers import REGISTERS

    return map_of(tuple(REGISTERS.values()), SIMULATED, "the simulated device of regtap")


def _read(path: str) -> DeviceMap:
    from regtap.maps.model import MOST_REGISTERS, count_steps

    if "\0" in path:
        raise InputError(f"map {quoted(path)}: that cannot be a file's name")
    try:
        content = _content(path)
        device = _reader(content)(content, path)
        if count_steps(device.root) > MOST_REGISTERS:
            raise InputError(
                f"its arrays make more than {MOST_REGISTERS:,} registers; that is no device's map"
            )
    except InputError as error:
        raise InputError(f"map {terminal_text(path)}: {terminal_text(str(error), _MOST_MESSAGE)}") from error
    except (RecursionError, MemoryError) as error:
        raise InputError(f"map {terminal_text(path)}: it is nested too deeply, or too large") from error
    return device


def _content(path: str) -> bytes:
    """Return what a file holds; raises InputError that does not name it."""
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) and not stat.S_ISFIFO(status.st_mode):
                raise InputError("it is no file; name an SVD, RDL, IP-XACT, LiteX or TOML file")
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(error.strerror) from error
    if len(content) > MOST_BYTES:
        raise InputError(f"it is larger than {MOST_BYTES >> 20} MiB; that is no device's map")
    return content


def _reader(content: bytes) -> Callable[[bytes, str], DeviceMap]:
    """Return the reader for a file, by the file's content.

    Raises:
        InputError: It is of no known format.
    """
    start = content.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")[:4096]
    if not start:
        is_zeroed = b"\0" in content
        raise InputError("it holds zero bytes and no text; copy it anew" if is_zeroed else "it is empty")
    if start.startswith(b"<"):
        return _xml_reader(content)
    if start.startswith(b"{"):
        from regtap.maps.litex import read_litex_json

        return read_litex_json
    if re.match(rb"#|csr_base,|csr_register,|constant,|memory_region,", start) and re.search(
        rb"^csr_(base|register),", content, re.MULTILINE
    ):
        from regtap.maps.litex import read_litex_csv

        return read_litex_csv
    return _text_reader(content)


def _text_reader(content: bytes) -> Callable[[bytes, str], DeviceMap]:
    """Return the reader for a file that is neither XML nor JSON nor CSV: SystemRDL if it has an addrmap, else TOML."""
    from regtap.maps.systemrdl import looks_like_rdl, read_systemrdl

    if looks_like_rdl(content):
        return read_systemrdl
    from regtap.maps.toml_map import read_toml

    return read_toml


def _xml_reader(content: bytes) -> Callable[[bytes, str], DeviceMap]:
    from regtap.maps.xml_file import root_tag

    tag = root_tag(content).rpartition("|")[2]
    if tag == "device":
        from regtap.maps.svd import read_svd

        return read_svd
    if tag == "component":
        from regtap.maps.ipxact import read_ipxact

        return read_ipxact
    known = "CMSIS-SVD has <device>, IP-XACT has <component>"
    raise InputError(
        f"its root element is <{terminal_text(tag, 60)}>, which no format has that is known here ({known})"
    )


def _block(device: DeviceMap, choice: MapChoice) -> Group:
    """Return one block as the whole of a map, with its own start as address 0."""
    from regtap.maps.model import Group
    from regtap.maps.nearest import nearest

    found = [group for group in _groups(device.root, "") if _is_tail(group.name, choice.block)]
    exact = [group for group in found if group.name == choice.block]
    if len(exact or found) != 1:
        names = [group.name for group in found] or nearest(
            choice.block, [g.name for g in _groups(device.root, "")]
        )
        problem = "has several blocks" if found else "has no block"
        near = f"; {'they' if found else 'the nearest'} are {', '.join(names[:8])}" if names else ""
        raise InputError(
            f"map {terminal_text(choice.path)}: it {problem} called {quoted(choice.block)}{near}"
        )
    block = (exact or found)[0]
    return Group(name="", offset=0, members=(replace(block, name=block.name.rpartition(".")[2], offset=0),))


def _is_tail(name: str, wanted: str) -> bool:
    return name == wanted or name.endswith(f".{wanted}")


def _groups(group: Group, prefix: str) -> Iterator[Group]:
    """Yield every block and cluster, arrays expanded, with its full name."""
    from regtap.maps.model import Group

    for member in group.members:
        if isinstance(member, Group):
            for index in range(member.count):
                name = prefix + member.name_at(index)
                yield replace(member, name=name, offset=0, repeat=None)
                yield from _groups(member, f"{name}.")


def _moved(root: Group, base: int) -> Group:
    return replace(root, offset=root.offset + base)
