"""Naming the accesses behind the page trap's log, and refusing where there is no page trap."""

from __future__ import annotations

import platform
import sys

import pytest

from regtap.errors import RefusedError
from regtap.selftest import bus_shape
from regtap.selftest.bus_shape import Access, decode_all, require_available

pytest.importorskip("iced_x86")


@pytest.mark.parametrize(
    ("code", "width_bytes"),
    [
        ("0fb606", 1),  # movzx eax, byte [rsi]
        ("668b06", 2),  # mov ax, [rsi]
        ("8b06", 4),  # mov eax, [rsi]
        ("488b06", 8),  # mov rax, [rsi]
        ("f30f6f06", 16),  # movdqu xmm0, [rsi]
        ("c5fe6f06", 32),  # vmovdqu ymm0, [rsi]
        ("f3a4", 1),  # rep movsb: logged by iteration
        ("f348a5", 8),  # rep movsq
    ],
)
def test_a_load_has_the_width_of_its_operand(code: str, width_bytes: int) -> None:
    assert list(decode_all([(0x40, False, bytes.fromhex(code))])) == [Access(0x40, width_bytes, write=False)]


@pytest.mark.parametrize(("code", "width_bytes"), [("8807", 1), ("668907", 2), ("8907", 4), ("488907", 8)])
def test_a_store_has_the_width_of_its_operand(code: str, width_bytes: int) -> None:
    assert list(decode_all([(0x40, True, bytes.fromhex(code))])) == [Access(0x40, width_bytes, write=True)]


@pytest.mark.parametrize("code", ["f0830701", "ff07", "8707", "f00fb10f"])
def test_an_instruction_that_reads_and_writes_is_two_accesses(code: str) -> None:
    accesses = list(decode_all([(0, True, bytes.fromhex(code))]))

    assert accesses == [Access(0, 4, write=False), Access(0, 4, write=True)]


def test_the_operand_in_the_direction_of_the_fault_counts() -> None:
    push = bytes.fromhex("66ff36")  # push word [rsi]: reads 2 bytes there, writes the stack

    assert list(decode_all([(8, False, push)])) == [Access(8, 2, write=False)]


def test_a_masked_store_is_given_as_a_bound() -> None:
    masked = bytes.fromhex("62e17f497f00")  # vmovdqu8 [rax]{k1}, zmm16

    (access,) = decode_all([(0, True, masked)])

    assert (access, str(access)) == (Access(0, 64, write=True, masked=True), "w<=512@0x0")


def test_bytes_that_are_no_instruction_have_an_unknown_width() -> None:
    (access,) = decode_all([(4, False, b"\x06")])

    assert (access, str(access)) == (Access(4, 0, write=False), "r?@0x4")


def test_another_processor_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")

    with pytest.raises(RefusedError, match="not available on Linux aarch64"):
        require_available()


def test_a_missing_disassembler_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setitem(sys.modules, "iced_x86", None)
    bus_shape._decoder.cache_clear()

    with pytest.raises(RefusedError, match=r"iced-x86; install it with `pip install 'regtap\[selftest\]'`"):
        require_available()
