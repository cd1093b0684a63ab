"""The cases of `regtap selftest --bus-shape`: commands of regtap, and Python idioms as counter-examples."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.registers.model import TYPES, Register
from regtap.selftest.bus_shape import Access, Observation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SAMPLES = 200
PROBE_BYTES = 4096
_FIRST = 0x40
# Mixed widths, none beside the same width, every type once.
MIXED = (
    Register("a", 0x40, "u32"),
    Register("b", 0x48, "u64"),
    Register("c", 0x51, "u8"),
    Register("d", 0x52, "u16"),
    Register("e", 0x54, "u32be"),
    Register("f", 0x60, "u16be"),
    Register("g", 0x58, "u64be"),
)


@dataclass(frozen=True, slots=True)
class Case:
    """A command, and its declared accesses: one of the declared width for each register.

    Attributes:
        name: What the command does.
        argv: The command.
        declared: The accesses that it should make, in order.
        harmful: It is known to do something else; the harness is wrong if it does not see that.
    """

    name: str
    argv: tuple[str, ...]
    declared: tuple[Access, ...]
    harmful: bool = False

    def verdict(self, seen: Observation) -> str:
        """Return the verdict: `ok` or `caught`, or in capitals `FAIL` or `MISSED`."""
        as_declared = seen.accesses == self.declared
        if self.harmful:
            return "caught" if seen.succeeded and seen.accesses and not as_declared else "MISSED"
        return "ok" if seen.succeeded and as_declared else "FAIL"

    def passed(self, seen: Observation) -> bool:
        """Return whether the accesses are as expected of this case."""
        return self.verdict(seen) in ("ok", "caught")


def product_cases(probe: str, folder: str) -> list[Case]:
    """Return the cases of regtap's own accesses.

    Args:
        probe: A file of PROBE_BYTES.
        folder: Folder for traces.
    """
    target = ("-t", f"file:{probe}")
    return [
        *_single_cases(target),
        *_block_cases(target),
        *_record_cases(target, folder),
        _sample_case(probe),
    ]


def counter_examples(probe: str) -> list[Case]:
    """Return the counter-examples: Python idioms for one access with more accesses on the bus."""
    one_read = (Access(_FIRST, 4, write=False),)
    one_write = (Access(_FIRST, 4, write=True),)
    array = "import numpy; a = numpy.frombuffer(mm, '<u4')"
    return [
        _idiom(probe, "mm[0:4]", "", f"mm[{_FIRST}:{_FIRST + 4}]", one_read),
        _idiom(probe, "numpy slice copy", array, "a[16:32].copy()", _reads(_FIRST, 4, 16)),
        _idiom(
            probe,
            "struct.pack_into '<I'",
            "import struct",
            f"struct.pack_into('<I', mm, {_FIRST}, 7)",
            one_write,
        ),
        _idiom(
            probe,
            "ctypes .value = v",
            f"import ctypes; c = ctypes.c_uint32.from_buffer(mm, {_FIRST})",
            "c.value = 7",
            one_write,
        ),
    ]


def _single_cases(target: Sequence[str]) -> Iterable[Case]:
    for number, kind in enumerate(TYPES):
        register = Register("r", _FIRST + 8 * number, kind)
        place = f"{register.address:#x}:{kind}"
        read, write = _access(register), _access(register, write=True)
        value = f"{0x0123456789ABCDEF % 256**register.width_bytes:#x}"
        yield _regtap(f"read {kind}", "read", target, [place], [read])
        yield _regtap(f"write {kind}", "write", target, [place, value], [write])
        yield _regtap(f"write --verify {kind}", "write", target, [place, value, "--verify"], [write, read])


def _block_cases(target: Sequence[str]) -> Iterable[Case]:
    yield _regtap("read mixed", "read", target, _spelled(MIXED), map(_access, MIXED))
    yield _regtap("read range u16", "read", target, [f"{_FIRST:#x}+16:u16"], _reads(_FIRST, 2, 8))


def _record_cases(target: Sequence[str], folder: str) -> Iterable[Case]:
    # A single register has a loop of its own, for each width.
    for kind in TYPES:
        register = Register("r", _FIRST, kind)
        yield _record(target, [register], "--rate max", SAMPLES, f"{folder}/{kind}")
    # The trap costs more than a slot of 10k, so that most are missed; at 100 the loop sleeps and is in time.
    runs = [
        ("--rate max", SAMPLES),
        ("--rate max --latency", SAMPLES),
        ("--rate 10k", SAMPLES),
        ("--rate 100", 20),
    ]
    for number, (pace, samples) in enumerate(runs):
        yield _record(target, MIXED, pace, samples, f"{folder}/{number}")


def _record(
    target: Sequence[str], registers: Sequence[Register], pace: str, samples: int, output: str
) -> Case:
    name = f"record {registers[0].type if len(registers) == 1 else 'mixed'} {pace}"
    options = [*pace.split(), "--samples", str(samples), "-o", output]
    declared = [_access(register) for register in registers] * samples
    return _regtap(name, "record", target, [*_spelled(registers), *options], declared)


def _sample_case(probe: str) -> Case:
    source = f"""
import numpy, regtap
ticks = numpy.empty({SAMPLES}, "u8")
values = [numpy.empty({SAMPLES}, dtype) for dtype in {[register.dtype for register in MIXED]}]
regtap.sample({_spelled(MIXED)}, values=values, ticks=ticks, target="file:{probe}")
"""
    declared = tuple(_access(register) for register in MIXED) * SAMPLES
    return Case("regtap.sample", (sys.executable, "-P", "-c", source), declared)


def _idiom(probe: str, name: str, setup: str, expression: str, declared: tuple[Access, ...]) -> Case:
    source = f"""
import mmap
file = open({probe!r}, "r+b")
mm = mmap.mmap(file.fileno(), {PROBE_BYTES})
{setup}
{expression}
"""
    return Case(name, (sys.executable, "-P", "-c", source), declared, harmful=True)


def _regtap(
    name: str, command: str, target: Sequence[str], arguments: Iterable[str], declared: Iterable[Access]
) -> Case:
    argv = (sys.executable, "-P", "-m", "regtap", command, *target, *arguments)
    return Case(name, argv, tuple(declared))


def _access(register: Register, *, write: bool = False) -> Access:
    return Access(register.address, register.width_bytes, write)


def _reads(offset: int, width_bytes: int, count: int) -> tuple[Access, ...]:
    return tuple(Access(offset + i * width_bytes, width_bytes, write=False) for i in range(count))


def _spelled(registers: Iterable[Register]) -> list[str]:
    return [f"{register.name}={register.address:#x}:{register.type}" for register in registers]
