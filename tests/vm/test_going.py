"""Devices that go away while they are recorded: the kernel leaves most mappings, so the capture has to say it."""

from __future__ import annotations

import pytest
from tests.vm.guest import Run

import regtap

ID = 0x010000ED


def _marks(run: Run, name: str) -> list[str]:
    trace = regtap.open_trace(run.files / f"going-{name}")
    return [mark.text.partition(" ")[2].partition(" ")[2] for mark in trace.marks]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("unbound", "was unbound from UIO"),
        ("disabled", "was disabled (enable is 0)"),
        ("undecoded", "was disabled (its command register no longer decodes memory)"),
        ("removed", "was removed"),
    ],
)
def test_a_device_that_goes_is_in_the_trace_and_the_last_lines(going: Run, name: str, said: str) -> None:
    outcome = going.tried(f"going-{name}")

    assert outcome.status in (0, 4), outcome
    assert _marks(going, name) == [said]
    assert f" {said}: seen " in outcome.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [("claimed-pci", "is claimed by the driver hilscher"), ("claimed-mem", "is claimed by 'hilscher'")],
)
def test_a_driver_that_takes_the_mapping_away_is_named(going: Run, name: str, said: str) -> None:
    outcome = going.tried(f"going-{name}")

    assert outcome.status == 4, outcome
    assert "the kernel took the mapping of register id" in outcome.stderr
    assert outcome.stderr.rstrip().endswith(said)
    assert _marks(going, name) == [said]
    values = regtap.open_trace(going.files / f"going-{name}").to_arrow()["id"].to_pylist()
    assert set(values) == {ID}


def test_a_device_that_reads_zeros_is_said(going: Run) -> None:
    assert "the last sample is 0 in every register" in going.tried("going-undecoded").stderr
