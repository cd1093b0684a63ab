"""`regtap selftest`, and the proof that regtap's own commands make one access of the declared width."""

from __future__ import annotations

import platform
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from tests.command import REGTAP, run_regtap

from regtap.errors import RefusedError
from regtap.selftest.bus_shape import Access, Observation, observe
from regtap.selftest.cases import SAMPLES, Case, counter_examples, product_cases
from regtap.trace.reader import open_trace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_AVAILABLE = platform.machine() == "x86_64" and find_spec("iced_x86") is not None
needs_trap = pytest.mark.skipif(not _AVAILABLE, reason="the page trap needs x86-64 and iced-x86")


@pytest.fixture
def probe(tmp_path: Path) -> Path:
    path = tmp_path / "probe"
    path.write_bytes(bytes(range(256)) * 16)
    return path


def _watch(probe: Path, *arguments: str) -> Observation:
    return _observe((*REGTAP, *arguments), probe)


def _observe(argv: Sequence[str], probe: Path) -> Observation:
    try:
        return observe(argv, str(probe))
    except RefusedError as error:
        pytest.skip(str(error))


# The types that are left out here are cases of `selftest --bus-shape`, as all of these are: see below.


@needs_trap
def test_read_is_one_load_of_the_declared_width(probe: Path) -> None:
    kinds = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "u16be": 2, "u32be": 4, "u64be": 8}
    registers = [f"{0x40 + 8 * number:#x}:{kind}" for number, kind in enumerate(kinds)]

    seen = _watch(probe, "read", "-t", f"file:{probe}", *registers)

    assert seen.succeeded, seen.output
    assert list(seen.accesses) == [
        Access(0x40 + 8 * number, width, write=False) for number, width in enumerate(kinds.values())
    ]


@needs_trap
@pytest.mark.parametrize(("kind", "width_bytes"), [("u8", 1), ("u16be", 2), ("u64", 8)])
def test_write_is_one_store_of_the_declared_width_and_no_load(
    probe: Path, kind: str, width_bytes: int
) -> None:
    seen = _watch(probe, "write", "-t", f"file:{probe}", f"0x48:{kind}", "0x7f")

    assert seen.succeeded, seen.output
    assert seen.accesses == (Access(0x48, width_bytes, write=True),)


@needs_trap
@pytest.mark.parametrize("rate", ["max", "10k"])
def test_a_record_reads_each_register_once_a_sample_in_order(probe: Path, tmp_path: Path, rate: str) -> None:
    registers = ["0x40:u32", "0x51:u8", "0x48:u64", "0x52:u16"]
    options = ["--rate", rate, "--samples", "200", "-o", str(tmp_path / "run")]

    seen = _watch(probe, "record", "-t", f"file:{probe}", *registers, *options)

    assert seen.succeeded, seen.output
    assert [str(access) for access in seen.accesses] == ["r32@0x40", "r8@0x51", "r64@0x48", "r16@0x52"] * 200
    assert open_trace(tmp_path / "run").rows == 200


@needs_trap
def test_a_read_of_the_wrong_width_would_be_found(probe: Path) -> None:
    (declared,) = (case for case in product_cases(str(probe), "") if case.name == "read u32")
    sabotaged = Case(declared.name, (*declared.argv[:-1], "0x50:u64"), declared.declared)

    assert sabotaged.verdict(_observe(sabotaged.argv, probe)) == "FAIL"


@needs_trap
def test_bus_shape_proves_every_case() -> None:
    done = run_regtap("selftest", "--bus-shape")
    if done.returncode == 3:
        pytest.skip(done.stderr)

    cases = [*product_cases("probe", "folder"), *counter_examples("probe")]
    lines = done.stdout.splitlines()
    for case in cases:
        expected = "caught" if case.harmful else "ok"
        assert any(line.startswith(f"{case.name} ") and f" {expected} " in line for line in lines), (
            done.stdout
        )
    assert f"{SAMPLES} x (r32@0x40" in done.stdout
    assert f"all {len(cases)} cases" in lines[-1]
    assert (done.returncode, done.stderr) == (0, "")


def test_the_quick_checks_pass_and_are_a_line_each() -> None:
    done = run_regtap("selftest")

    assert [line.split(":")[0].split(maxsplit=1) for line in done.stdout.splitlines()] == [
        ["ok", name] for name in ("native core", "simulated device", "record", "clock", "fault guard")
    ]
    assert (done.returncode, done.stderr) == (0, "")
