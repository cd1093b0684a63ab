"""The Python arms: common idioms, unrolled in a Python loop.

Some of these expressions touch the register twice, or in another width than its own. They are for targets in RAM only.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
import sys
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import repeat
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from regtap_bench import _native
from regtap_bench.arms.base import BLOCK_S, PYTHON_EMPTY, THROUGHPUT, AccessArm, BlockRunner, Reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from regtap_bench.arms.site import MappedRegister, Sites

_ON_A_BUS = "on a device it would touch the register twice, or in another width"


@dataclass(frozen=True)
class PythonArm(AccessArm):
    """An expression, evaluated again and again.

    Attributes:
        expression: Python; its names come from `names`.
        names: Makes them, once a process.
        clean: Whether it touches the register once, in its own width, and maps it read-only.
        needs_calls: Whether it goes by system call.
        package: The package that it needs.
    """

    kind: ClassVar[str] = "python"
    block_s: ClassVar[float] = 2 * BLOCK_S  # its call is one of Python's, of 0.5 to 0.8 us

    expression: str
    names: Callable[[MappedRegister], dict[str, Any]]
    clean: bool = True
    needs_calls: bool = False
    package: str = ""

    @property
    def touches_mapping(self) -> bool:
        """Whether the arm reaches the register by a mapping."""
        return not self.needs_calls and self.kind != "control"

    def refusal(self, sites: Sites) -> str:
        """Return the reason for which this target cannot have the arm, or an empty text."""
        if self.package and find_spec(self.package) is None:
            return f"the package {self.package} is not installed"
        if sites.target.is_device and not self.clean:
            return _ON_A_BUS
        return sites.read.calls_refused if self.needs_calls else ""

    def block(self, sites: Sites, measure: str) -> BlockRunner:  # noqa: ARG002 - there is only one
        """Return the function to run a block of the arm; valid while the sites are open."""
        body = _unrolled(self.expression, self.names(sites.read))
        meter, unroll = _native.Meter(), _native.UNROLL

        def block(count: int) -> Reading:
            meter.begin()
            body(count // unroll)
            return meter.end()

        return block


class PythonControl(PythonArm):
    """An empty Python loop."""

    kind: ClassVar[str] = "control"


def _unrolled(expression: str, names: dict[str, Any]) -> Callable[[int], None]:
    lines = "".join(f"        {expression}\n" for _ in range(_native.UNROLL))
    parameters = ", ".join(f"{name}={name}" for name in names)  # locals: the quickest names that Python has
    source = f"def body(turns, repeat=repeat, {parameters}):\n    for _ in repeat(None, turns):\n{lines}"
    space = {"repeat": repeat, **names}
    exec(source, space)  # noqa: S102 - as timeit does it; the expressions are those below
    body: Callable[[int], None] = space["body"]
    return body


def _memory(opened: MappedRegister) -> mmap.mmap:
    request = opened.request
    memory = mmap.mmap(
        opened.fd, request.map_bytes, mmap.MAP_SHARED, mmap.PROT_READ, offset=request.map_offset
    )
    memory.madvise(mmap.MADV_DONTDUMP)  # as every window of regtap's own
    return memory


def _place(opened: MappedRegister) -> int:
    return opened.request.offset - opened.request.map_offset


_FORMATS: dict[int, Literal["B", "H", "I", "Q"]] = {1: "B", 2: "H", 4: "I", 8: "Q"}


def _format(opened: MappedRegister) -> Literal["B", "H", "I", "Q"]:
    return _FORMATS[opened.register.width_bytes]


def _memoryview(opened: MappedRegister) -> dict[str, Any]:
    view = memoryview(_memory(opened)).cast(_format(opened))
    return {"view": view, "at": _place(opened) // opened.register.width_bytes}


def _numpy(opened: MappedRegister) -> dict[str, Any]:
    import numpy as np

    array = np.frombuffer(_memory(opened), opened.register.dtype)
    return {"array": array, "at": _place(opened) // opened.register.width_bytes}


def _ctypes(opened: MappedRegister) -> dict[str, Any]:
    kinds = {1: ctypes.c_uint8, 2: ctypes.c_uint16, 4: ctypes.c_uint32, 8: ctypes.c_uint64}
    return {"item": kinds[opened.register.width_bytes].from_address(opened.site.address)}


def _struct(opened: MappedRegister) -> dict[str, Any]:
    unpack = struct.Struct(f"<{_format(opened)}").unpack_from
    return {"unpack": unpack, "memory": _memory(opened), "at": _place(opened)}


def _slice(opened: MappedRegister) -> dict[str, Any]:
    at = _place(opened)
    end = at + opened.register.width_bytes
    return {"memory": _memory(opened), "at": at, "end": end, "number": int.from_bytes}


def _pread(opened: MappedRegister) -> dict[str, Any]:
    width_bytes = opened.register.width_bytes
    return {
        "pread": os.pread,
        "fd": opened.fd,
        "width": width_bytes,
        "at": opened.request.offset,
        "number": int.from_bytes,
    }


def _periphery(opened: MappedRegister) -> dict[str, Any]:
    from periphery import MMIO

    bits = 8 * opened.register.width_bytes
    window = MMIO(opened.request.map_offset, opened.request.map_bytes, path=opened.request.node)
    return {"read": getattr(window, f"read{bits}"), "at": _place(opened)}


def _own(opened: MappedRegister) -> dict[str, Any]:
    assert opened.device is not None  # noqa: S101 - only plain RAM has none
    return {"read": opened.device.read, "register": opened.register}


def python_arms() -> list[AccessArm]:
    """Return the arms that are written in Python, in the order of the report."""
    control = PythonControl(
        PYTHON_EMPTY, "Python's loop around the arms below", (THROUGHPUT,), 0, "pass", _none
    )
    arm = partial(PythonArm, measures=(THROUGHPUT,))
    return [
        control,
        arm(
            "python: memoryview",
            "view[i]",
            system_calls=0,
            expression="view[at]",
            names=_memoryview,
        ),
        arm("python: numpy", "array[i]", system_calls=0, expression="array[at]", names=_numpy),
        arm("python: ctypes", "c_uint.value", system_calls=0, expression="item.value", names=_ctypes),
        arm(
            "python: struct",
            "Struct.unpack_from",
            system_calls=0,
            expression="unpack(memory, at)",
            names=_struct,
            clean=False,
        ),
        arm(
            "python: slice",
            "int.from_bytes(memory[i:j])",
            system_calls=0,
            expression=f"number(memory[at:end], {sys.byteorder!r})",
            names=_slice,
            clean=False,
        ),
        arm(
            "python: os.pread",
            "int.from_bytes(os.pread(...))",
            system_calls=1,
            expression=f"number(pread(fd, width, at), {sys.byteorder!r})",
            names=_pread,
            needs_calls=True,
        ),
        arm(
            "python: periphery",
            "python-periphery's MMIO, which maps for writing",
            system_calls=0,
            expression="read(at)",
            names=_periphery,
            clean=False,
            package="periphery",
        ),
        arm(
            "python: regtap",
            "regtap's Device.read",
            system_calls=0,
            expression="read(register)",
            names=_own,
        ),
    ]


def _none(_opened: MappedRegister) -> dict[str, Any]:
    return {}
