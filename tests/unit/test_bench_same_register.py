"""Do mmap and pread reach the same register? Two that do are never accused, whatever the register does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regtap.registers.model import Register
from regtap_bench.arms.site import Sites
from regtap_bench.measuring import agreement
from regtap_bench.measuring.agreement import READS, Agreement, read_by_both, read_mixed

WORDS = st.integers(0, 2**32 - 1)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "_LONGEST_PAUSE_S", 0.0)


def _one_register(values: Iterator[int]) -> Agreement:
    """Read a register that both ways reach, and that shows these values one after the other."""
    read: Callable[[], int] = values.__next__
    return read_mixed(read, read)


@given(st.lists(WORDS, min_size=1, max_size=16))
def test_a_register_that_repeats_itself_is_not_accused(period: list[int]) -> None:
    """A toggle, a FIFO that goes round, a port that shows its halves in turn."""
    assert not _one_register(period[k % len(period)] for k in range(2 * READS)).disagree


@given(WORDS, st.integers(0, 2**31), st.integers(1, 64))
def test_a_counter_is_not_accused(start: int, step: int, bits: int) -> None:
    assert not _one_register((start + k * step) % 2**bits for k in range(2 * READS)).disagree


@given(st.lists(st.tuples(st.integers(1, 2 * READS), WORDS), min_size=1, max_size=8))
def test_a_register_that_changes_now_and_then_is_not_accused(stretches: list[tuple[int, int]]) -> None:
    shown = [value for length, value in stretches for _ in range(length)]
    assert not _one_register(shown[min(k, len(shown) - 1)] for k in range(2 * READS)).disagree


@pytest.mark.parametrize("at", range(2 * READS))
def test_a_register_that_changes_once_is_never_accused(at: int) -> None:
    assert not _one_register(int(k >= at) for k in range(2 * READS)).disagree


@given(st.randoms(use_true_random=False))
def test_a_register_of_noise_is_not_accused(noise: Iterator[int]) -> None:
    assert not _one_register(noise.getrandbits(1) for _ in range(2 * READS)).disagree  # type: ignore[attr-defined]


def test_a_register_cleared_by_its_first_read_is_not_accused() -> None:
    assert not _one_register(0 if k else 0xFF for k in range(2 * READS)).disagree


@given(WORDS, WORDS)
def test_two_constant_registers_are_told_apart_by_their_values(one: int, other: int) -> None:
    assert read_mixed(lambda: one, lambda: other).disagree == (one != other)


def test_zeros_in_the_place_of_a_counter_are_found_out() -> None:
    counter = iter(range(1, 10_000, 7))
    assert read_mixed(counter.__next__, lambda: 0).disagree
    assert read_mixed(lambda: 0, counter.__next__).disagree


def test_a_flag_that_reading_clears_is_not_taken_for_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device sets it every 10 us; one way is over at once, the other takes 20 us."""
    monkeypatch.undo()  # with the pauses
    now_us, cleared_us = 0.0, 0.0

    def wait(seconds: float) -> None:
        nonlocal now_us
        now_us += seconds * 1e6

    def read() -> int:
        nonlocal cleared_us
        is_set = now_us // 10 != cleared_us // 10
        cleared_us = now_us
        return int(is_set)

    def slow_read() -> int:
        wait(20e-6)
        return read()

    monkeypatch.setattr(time, "sleep", wait)
    assert not read_mixed(read, slow_read).disagree


def test_a_real_register_is_read_by_both(tmp_path: Path) -> None:
    path = tmp_path / "page"
    path.write_bytes(bytes(range(256)) * 16)
    with Sites(f"file:{path}", Register("r", 0x10, "u32be"), None) as sites:
        assert read_by_both(sites.read) == Agreement((0x10111213,) * READS, (0x10111213,) * READS)


def test_a_mapping_that_does_not_answer_is_not_compared(tmp_path: Path) -> None:
    path = tmp_path / "page"
    path.write_bytes(bytes(4096))
    with Sites(f"file:{path}", Register("r", 0x10, "u32"), None) as sites:
        path.write_bytes(b"")
        assert read_by_both(sites.read) is None
