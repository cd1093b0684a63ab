"""Storing changes only: the first and the last row of a run of equal ones, and everything else counted."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests.conservation import assert_conserved

import regtap
from regtap.errors import InputError
from regtap.recording.on_change import OnChange
from regtap.registers.model import Field, Register
from regtap.trace.reader import Trace

SMALL: dict[str, Any] = {"spool_size": "512KiB"}


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "device"
    path.write_bytes(bytes(4096))
    return path


def poke(device: Path, offset: int, value: int, width: int = 4) -> None:
    with device.open("r+b") as file:
        os.pwrite(file.fileno(), value.to_bytes(width, "little"), offset)


def wait_for_rows(capture: regtap.Capture) -> None:
    """Wait until the loop, which may have to wait for a CPU, has looked again."""
    taken = capture.status().taken
    while capture.status().taken < taken + 10 and not capture.wait(0.001):
        pass


def rebuilt(trace: Trace, name: str) -> npt.NDArray[Any]:
    """Return the values of all samples, with what was not stored filled in: as a capture of every row would have them.

    Only for traces whose gaps are all unchanged, and told apart.
    """
    values = trace.to_arrow()[name].to_numpy()
    whole: list[npt.NDArray[Any]] = []
    row = absent = 0
    for gap in trace.gaps:
        assert gap.cause == "unchanged"
        assert not gap.rows
        upto = gap.first_index - absent
        whole += [values[row:upto], np.full(gap.count, values[upto - 1])]
        row, absent = upto, absent + gap.count
    return np.concatenate([*whole, values[row:]])


@pytest.mark.parametrize("rate", ["max", "20k"])
@pytest.mark.parametrize("registers", [["a=0:u32"], ["a=0:u32", "b=8:u8", "c=16:u64be"]])
def test_the_first_and_the_last_row_of_a_run_are_stored(
    device: Path, tmp_path: Path, rate: str, registers: list[str]
) -> None:
    with regtap.record(
        registers, tmp_path / "run", target=f"file:{device}", rate=rate, on_change=True, **SMALL
    ) as capture:
        for value in range(1, 6):
            wait_for_rows(capture)
            poke(device, 0, value)
        wait_for_rows(capture)

    trace, totals = capture.trace(), capture.summary.totals
    assert_conserved(trace)
    values = trace.to_arrow()["a"].to_numpy()
    assert sorted(set(values)) == list(range(6))
    causes = {gap.cause for gap in trace.gaps}
    assert "unchanged" in causes
    if causes == {"unchanged"}:  # no slot was missed, no room was waited for
        assert values.tolist() == [value for value in range(6) for _ in range(2)]
        assert np.all(np.diff(rebuilt(trace, "a").astype(np.int64)) >= 0)
        assert len(rebuilt(trace, "a")) == totals.taken
    assert totals.unchanged > 0
    assert totals.taken == totals.stored + totals.unchanged + totals.lost
    assert capture.summary.clean


def test_a_constant_takes_two_rows(device: Path, tmp_path: Path) -> None:
    with regtap.record(
        ["a=0"], tmp_path / "run", target=f"file:{device}", samples=2_000_000, on_change=True
    ) as capture:
        assert capture.wait(120)

    trace, totals = capture.trace(), capture.summary.totals
    assert_conserved(trace)
    assert totals.ended == "samples"
    assert (totals.taken, totals.stored, totals.unchanged) == (2_000_000, 2, 1_999_998)
    first, last = trace.to_arrow()["t_ns"].to_pylist()
    assert first < last


@pytest.mark.parametrize("samples", [1, 2, 3, 4, 70_000])
def test_the_last_sample_is_always_stored(device: Path, tmp_path: Path, samples: int) -> None:
    with regtap.record(
        ["a=0"], tmp_path / "run", target=f"file:{device}", samples=samples, on_change=True
    ) as capture:
        assert capture.wait(120)

    totals = capture.summary.totals
    assert_conserved(capture.trace())
    assert (totals.taken, totals.stored) == (samples, min(samples, 2))


@pytest.mark.parametrize("rate", ["max", "1M"])
def test_a_counter_is_stored_row_by_row(tmp_path: Path, rate: str) -> None:
    with regtap.record(
        ["COUNT32"],
        tmp_path / "run",
        target="sim",
        rate=rate,
        duration="300ms",
        on_change=True,
        spool_size="64MiB",
    ) as capture:
        assert capture.wait(120)

    trace = capture.trace()
    assert_conserved(trace)
    values = trace.to_arrow()["COUNT32"].to_numpy().astype(np.int64)
    assert np.all(np.diff(values) >= 0)
    runs = np.bincount(values - values[0])
    assert np.all(runs <= 2) or rate != "max" or {gap.cause for gap in trace.gaps} != {"unchanged"}
    assert trace.totals is not None
    assert trace.totals.stored < trace.totals.taken


def test_thick_changes_keep_an_exact_balance(device: Path, tmp_path: Path) -> None:
    """Runs of all lengths, far more than gaps are told apart: a child counts as fast as it can."""
    child = os.fork()
    if child == 0:
        with device.open("r+b", buffering=0) as file:
            value = 0
            while os.getppid() != 1:
                value += 1
                os.pwrite(file.fileno(), (value & 0xFFFFFFFF).to_bytes(4, "little"), 0)
        os._exit(0)
    try:
        with regtap.record(
            ["a=0"], tmp_path / "run", target=f"file:{device}", samples=3_000_000, on_change=True
        ) as capture:
            assert capture.wait(120)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)

    trace = capture.trace()
    assert_conserved(trace)
    values = trace.to_arrow()["a"].to_numpy()
    assert np.all(np.diff(values.astype(np.int64)) >= 0)
    assert np.all((values[2:] != values[1:-1]) | (values[1:-1] != values[:-2])) or len(trace.gaps) > 1
    assert capture.summary.totals.unchanged > 0


def test_only_what_is_named_is_looked_at(device: Path, tmp_path: Path) -> None:
    status = Register("status", 0, "u32", (Field("ERROR", 4, 1), Field("LEVEL", 8, 8)))
    other = Register("other", 8, "u32")
    with regtap.record(
        [status, other],
        tmp_path / "run",
        target=f"file:{device}",
        rate="20k",
        on_change=["status.ERROR"],
        **SMALL,
    ) as capture:
        for value in range(5):
            poke(device, 8, value)
            poke(device, 1, value, 1)  # LEVEL
            wait_for_rows(capture)
        poke(device, 0, 0x10, 1)
        wait_for_rows(capture)

    trace = capture.trace()
    assert_conserved(trace)
    errors = (trace.to_arrow()["status"].to_numpy() >> 4 & 1).tolist()
    assert errors == sorted(errors)
    assert set(errors) == {0, 1}
    if {gap.cause for gap in trace.gaps} == {"unchanged"}:
        assert errors == [0, 0, 1, 1]
    assert trace.mode.on_change == ("status.ERROR",)


def test_a_heartbeat_is_stored_between_two_gaps(device: Path, tmp_path: Path) -> None:
    with regtap.record(
        ["a=0"],
        tmp_path / "run",
        target=f"file:{device}",
        rate="10k",
        samples=2000,  # which take 200 ms at least, on a busy machine more
        on_change=True,
        heartbeat="10ms",
    ) as capture:
        assert capture.wait(120)

    trace = capture.trace()
    assert_conserved(trace)
    times = trace.to_arrow()["t_ns"].to_numpy()
    missed = sum(gap.t1_ns - gap.t0_ns for gap in trace.gaps if gap.cause == "missed")
    assert len(times) > 3
    assert np.all(np.diff(times) <= 11_000_000 + missed)


@pytest.mark.parametrize("on_full", ["wait", "discard", "stop"])
def test_a_full_ring_keeps_the_balance(
    device: Path, tmp_path: Path, on_full: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from regtap.parts.file import PartFile

    original = PartFile.write

    def write(self: PartFile, *rows: Any) -> None:
        time.sleep(0.02)
        original(self, *rows)

    monkeypatch.setattr(PartFile, "write", write)
    with regtap.record(
        ["COUNT64", "ADC"],
        tmp_path / "run",
        target="sim",
        samples=3_000_000,
        on_full=on_full,
        on_change=True,
        spool_size="384KiB",
    ) as capture:
        assert capture.wait(120)

    assert_conserved(capture.trace())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"heartbeat": "1s"}, "add --on-change"),
        ({"on_change": []}, "nothing is named that is to change"),
        ({"on_change": ""}, "what is to change is a name"),
        ({"on_change": "COUNT32,"}, "what is to change is a name"),
        ({"on_change": True, "heartbeat": 0}, "cannot be kept"),
        ({"on_change": True, "on_full": "overwrite"}, "choose one of them"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        regtap.record(["COUNT32"], tmp_path / "run", target="sim", **options)


def test_a_name_that_is_not_recorded_is_told() -> None:
    registers = (Register("A", 0, "u8", (Field("LOW", 0, 4),)), Register("B", 4))

    assert OnChange().masks(registers) == [0xFF, 0xFFFFFFFF]
    assert OnChange(("A.LOW", "B")).masks(registers) == [0x0F, 0xFFFFFFFF]
    with pytest.raises(InputError, match="'C' is not recorded, so that it cannot change; name one of A B"):
        OnChange(("C",)).masks(registers)
