"""A dump: the values of registers at one moment, as a JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Annotated

from regtap.documents.decoding import Within, decode
from regtap.documents.json_text import Limits, load_json
from regtap.errors import InputError
from regtap.maps.model import check_fields
from regtap.maps.naming import LeftOut  # noqa: TC001 - decode() reads the annotations
from regtap.registers.document import without_defaults
from regtap.registers.model import Register  # noqa: TC001 - decode() reads the annotations

FORMAT = "regtap-dump"
# 1: first version.
VERSION = 1
_LIMITS = Limits(size_bytes=64 << 20, containers=1 << 20)


@dataclass(frozen=True, slots=True)
class Reading:
    """A register and its value at the moment of a dump.

    Attributes:
        register: Its description.
        value: The value of the register.
    """

    register: Register
    value: Annotated[int, Within(0, 2**64 - 1)]


@dataclass(frozen=True, slots=True)
class Dump:
    """The values of registers at one moment.

    Attributes:
        target: The target as it was spelled.
        realtime_ns: When the first one was read, by CLOCK_REALTIME.
        readings: In the order of the reads.
        left_out: Registers that a glob selected and that were not read.
    """

    target: str
    realtime_ns: int
    readings: tuple[Reading, ...]
    left_out: tuple[LeftOut, ...] = ()

    def to_json(self) -> str:
        """Return the file's content."""
        readings = [{"register": without_defaults(it.register), "value": it.value} for it in self.readings]
        document = {"format": FORMAT, "format_version": VERSION, "target": self.target}
        rest = {"realtime_ns": self.realtime_ns, "readings": readings}
        return (
            json.dumps({**document, **rest, "left_out": [asdict(it) for it in self.left_out]}, indent=1)
            + "\n"
        )


def read_dump(content: bytes, where: str) -> Dump:
    """Read a dump from a file.

    Raises:
        InputError: It is none, or one of a version that this regtap does not know.
    """
    try:
        document = load_json(content, _LIMITS)
        if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
            raise ValueError("it was not written by `regtap dump -o`")
        version = document.pop("format_version", None)
        if version != VERSION:
            raise ValueError(f"it has version {version!r:.40}, and this regtap reads {VERSION}: upgrade it")
        dump = decode(Dump, document)
        for it in dump.readings:
            it.register.check_value(it.value)
            check_fields(it.register.name, 8 * it.register.width_bytes, it.register.fields)
    except ValueError as error:
        raise InputError(f"{where} is no dump: {error}") from error
    return dump
