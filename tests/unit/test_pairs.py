"""64-bit counters in two halves: read high, low, high until the highs agree."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.conservation import assert_conserved

import regtap
from regtap.errors import AddressError, FaultError, InputError
from regtap.maps.load import load_maps
from regtap.maps.toml_write import write_toml
from regtap.registers.model import PAIR, Register
from regtap.registers.spelling import parse_register
from regtap.targets import parse_target
from regtap.targets.device import _load_pair

STEP = 0x1_0000_0001  # both halves count together: a value whose halves differ was never there


@pytest.fixture
def still(tmp_path: Path) -> str:
    path = tmp_path / "still"
    path.write_bytes(bytes(range(256)) * 16)
    return f"file:{path}"


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[str]:
    """A device whose counter carries with each step, as fast as a process can count."""
    path = tmp_path / "counting"
    path.write_bytes(bytes(4096))
    child = os.fork()
    if child == 0:
        with path.open("r+b") as file:
            counter = ctypes.c_uint64.from_buffer(mmap.mmap(file.fileno(), 4096))
            value = 0
            while os.getppid() != 1:
                for _ in range(10_000):
                    value = value + STEP & (1 << 64) - 1
                    counter.value = value
        os._exit(0)
    yield f"file:{path}"
    os.kill(child, 9)
    os.waitpid(child, 0)


def halves_of(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values & 0xFFFFFFFF, values >> 32


def test_a_pair_is_spelled_by_two_addresses() -> None:
    register = parse_register("COUNT=0x10/0x14:u64pair")

    assert register == Register("COUNT", 0x10, PAIR, high=0x14)
    assert (register.dtype, register.kind, register.width_bytes) == ("uint64", "u64", 8)
    assert [(half.address, half.type) for half in register.loads] == [(0x10, "u32"), (0x14, "u32")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("C=0x10/0x14", "is of type 'u32'; two halves of a counter are NAME=LOW/HIGH:u64pair"),
        ("C=0x10/0x14:u64", "is of type 'u64'; two halves of a counter"),
        ("C=0x10:u64pair", "a single register has one address"),
        ("C=0x10/0x10:u64pair", "both halves of C are at 0x10"),
        ("C=0x10/:u64pair", "is not a valid address"),
    ],
)
def test_a_pair_that_is_none_is_told(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse_register(text)


@pytest.mark.parametrize("text", ["C=0x12/0x14:u64pair", "C=0x10/0x16:u64pair"])
def test_a_misaligned_half_is_told(text: str) -> None:
    with pytest.raises(AddressError, match="is not aligned to the 4 bytes"):
        parse_register(text)


def test_names_make_a_pair_and_their_widths_must_fit(still: str) -> None:
    names = parse_target("sim").names()

    pair = names.one("C=COUNT64_LO/COUNT64_HI:u64pair").register
    assert (pair.address, pair.high) == (0x10, 0x14)
    with pytest.raises(InputError, match="COUNT64 is u64, and a half of a pair is u32"):
        names.one("C=COUNT64/COUNT64_HI:u64pair")
    with pytest.raises(InputError, match="is NAME=LOW/HIGH:u64pair"):
        names.one("C=COUNT64_LO:u64pair")


def test_each_row_is_three_loads_where_nothing_moves(still: str, tmp_path: Path) -> None:
    with regtap.record(
        ["a=0:u8", "C=16/8:u64pair", "b=4:u16"], tmp_path / "run", target=still, samples=500
    ) as capture:
        assert capture.wait(60)

    trace, totals = capture.trace(), capture.summary.totals
    assert_conserved(trace)
    assert (totals.accesses, totals.torn) == (500 * 5, 0)
    assert set(trace.to_arrow()["C"].to_pylist()) == {0x0B0A0908_13121110}
    assert trace.registers[1].high == 8


def test_no_value_is_torn_though_each_carries(counting: str, tmp_path: Path) -> None:
    for number in range(50):
        folder = tmp_path / f"run{number}"
        with regtap.record(
            ["C=0/4:u64pair", "low=0", "high=4"], folder, target=counting, samples=300_000
        ) as capture:
            assert capture.wait(120)
        table, totals = capture.trace().to_arrow(), capture.summary.totals
        low, high = halves_of(table["C"].to_numpy())
        assert np.array_equal(low, high)
        assert_conserved(capture.trace())
        was_tried = np.any(table["low"].to_numpy() != table["high"].to_numpy())
        assert totals.accesses is not None
        if was_tried and totals.accesses > 5 * totals.taken:
            return
    raise AssertionError("the counter never carried between two loads")


def test_halves_that_never_agree_are_a_loss_of_their_own(counting: str, tmp_path: Path) -> None:
    with regtap.record(
        ["C=0/4:u64pair"], tmp_path / "run", target=counting, duration=0.3, spool_size="64MiB"
    ) as capture:
        assert capture.wait(60)

    trace, totals = capture.trace(), capture.summary.totals
    assert_conserved(trace)
    assert totals.torn == sum(gap.count for gap in trace.gaps if gap.cause == "torn") == totals.lost
    assert capture.summary.clean == (totals.torn == 0)


def test_a_paced_capture_of_a_pair_balances(counting: str, tmp_path: Path) -> None:
    with regtap.record(
        ["C=0/4:u64pair"], tmp_path / "run", target=counting, rate="50k", duration=0.1
    ) as capture:
        assert capture.wait(60)

    low, high = halves_of(capture.trace().to_arrow()["C"].to_numpy())
    assert np.array_equal(low, high)
    assert_conserved(capture.trace())


def test_a_single_read_gives_up_after_four_tries() -> None:
    highs = iter([0, 1, 2, 2])

    assert _load_pair("C", lambda: 7, lambda: next(highs)) == 2 << 32 | 7
    numbers = iter(range(100))
    with pytest.raises(FaultError, match="the halves of C never agreed, in 4 tries"):
        _load_pair("C", lambda: 7, lambda: next(numbers))
    assert next(numbers) == 5


def test_a_device_reads_a_pair(still: str) -> None:
    pair = parse_register("C=0x10/0x8:u64pair")

    with parse_target(still).open([pair]) as device:
        assert device.read(pair) == 0x0B0A0908_13121110


def test_what_takes_single_accesses_refuses_a_pair(still: str) -> None:
    ticks, values = np.zeros(3, np.uint64), np.zeros(3, np.uint64)

    with pytest.raises(InputError, match="C is a pair of registers"):
        regtap.sample(["C=0/4:u64pair"], values=values, ticks=ticks, target=still)


def test_a_map_may_mark_a_pair(tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text("[registers.COUNT]\naddress = 0x10\nhigh = 0x14\n[registers.ONE]\naddress = 0\n")

    maps = load_maps([f"{path}@0x1000"], {})
    found = maps.find("COUNT")

    assert found is not None
    register = maps.register(found.entry)
    assert (register.type, register.address, register.high) == (PAIR, 0x1010, 0x1014)


@pytest.mark.parametrize("lines", ['type = "u64pair"', 'type = "u32"\nhigh = 4'])
def test_a_map_that_marks_half_a_pair_is_told(tmp_path: Path, lines: str) -> None:
    path = tmp_path / "map.toml"
    path.write_text(f"[registers.COUNT]\naddress = 0\n{lines}\n")

    with pytest.raises(InputError, match="go together"):
        load_maps([str(path)], {})


def test_a_map_with_a_pair_is_written_and_read_back(tmp_path: Path) -> None:
    path, again = tmp_path / "map.toml", tmp_path / "again.toml"
    path.write_text(
        "[blocks.TIMER]\naddress = 0x1000\n[blocks.TIMER.registers.COUNT]\noffset = 8\nhigh = 4\nvolatile = true\n"
    )
    first = load_maps([str(path)], {})
    again.write_bytes(write_toml(first.maps[0]))

    found = load_maps([str(again)], {}).find("TIMER.COUNT")

    assert found is not None
    assert (found.entry.register().address, found.entry.register().high) == (0x1008, 0x1004)
    assert found.entry.register() == first.find("COUNT").entry.register()  # type: ignore[union-attr]
