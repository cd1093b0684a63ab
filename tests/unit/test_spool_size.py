"""A spool that is made as large as needed: every row fits, whatever the number of registers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.conservation import assert_conserved

import regtap
from regtap.spool.own import OwnSpool
from regtap.spool.size import needed_bytes
from regtap.targets import parse_target


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "device"
    path.write_bytes(bytes(8192))
    return path


def names(count: int, kind: str = "u32") -> list[str]:
    return [f"{4 * k:#x}:{kind}" for k in range(count)]


@pytest.mark.parametrize("kind", ["u8", "u32"])
@pytest.mark.parametrize("registers", [1, 80, 512])
@pytest.mark.parametrize("rows", [1, 20, 2000, 40_000])
@pytest.mark.parametrize("latency", [False, True])
def test_half_of_the_ring_holds_the_rows(
    device: Path, kind: str, registers: int, rows: int, latency: bool
) -> None:
    chosen = parse_target(f"file:{device}").resolve(names(registers, kind))
    document = b"x" * 300 * registers
    widths = [8, *(register.width_bytes for register in chosen), *[4] * latency]
    spool = OwnSpool(needed_bytes(rows, widths, len(document)))

    try:
        ring = spool.format(chosen, document, latency=latency)
        assert ring.rows_per_block * ring.block_count >= 2 * rows
    finally:
        spool.remove()
        spool.close()


@pytest.mark.parametrize(
    "options", [{"samples": 20}, {"rate": 1000, "samples": 20}, {"rate": 1, "samples": 1}]
)
@pytest.mark.parametrize("registers", [80, 512])
def test_wide_rows_are_recorded_by_default(
    device: Path, tmp_path: Path, registers: int, options: dict[str, Any]
) -> None:
    with regtap.record(names(registers), tmp_path / "run", target=f"file:{device}", **options) as capture:
        capture.wait()
    assert capture.summary.totals.stored == options["samples"]
    assert_conserved(capture.trace())
