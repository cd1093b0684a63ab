"""The live mapping, on a file that plays the device."""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.mappings import flags_of

from regtap.errors import AddressError, BusFaultError, InputError, RefusedError
from regtap.registers.model import TYPES, Register
from regtap.targets import FileTarget, parse_target

if TYPE_CHECKING:
    from pathlib import Path

    from regtap.targets.device import Device

UNHURRIED = settings(deadline=None)  # a loaded machine is no failure
PAGE = mmap.PAGESIZE


@pytest.fixture
def target(tmp_path: Path) -> FileTarget:
    path = tmp_path / "registers"
    path.write_bytes(bytes(range(256)) * (4 * PAGE // 256))
    return FileTarget.from_spec(f"file:{path}")


def _expected(register: Register) -> int:
    stored = bytes((register.address + index) % 256 for index in range(register.width_bytes))
    return int.from_bytes(stored, "big" if register.swapped else "little")


@pytest.mark.parametrize("type_name", TYPES)
@pytest.mark.parametrize("way", ["read", "pread"])
def test_a_register_is_read_in_its_width_and_byte_order(target: FileTarget, type_name: str, way: str) -> None:
    register = Register("R", 0x10, type_name)
    with target.open([register]) as device:
        assert getattr(device, way)(register) == _expected(register)


@pytest.mark.parametrize("type_name", TYPES)
@pytest.mark.parametrize("way", ["write", "pwrite"])
def test_a_write_has_the_registers_width_and_byte_order(target: FileTarget, type_name: str, way: str) -> None:
    register = Register("R", 0x10, type_name)
    value = 0x0102030405060708 % 2 ** (8 * register.width_bytes)
    with open(target.path, "rb") as file:
        before = file.read()
    with target.open([register], writable=True) as device:
        getattr(device, way)(register, value)
        assert device.read(register) == value
    with open(target.path, "rb") as file:
        after = file.read()

    stored = value.to_bytes(register.width_bytes, "big" if register.swapped else "little")

    assert after == before[:0x10] + stored + before[0x10 + len(stored) :]


@UNHURRIED
@given(st.integers(0, 2**64 - 1))
def test_a_swapped_register_gives_back_what_was_written(value: int) -> None:
    register = Register("R", 0x100, "u64be")
    fd = os.memfd_create("registers")
    os.truncate(fd, PAGE)
    with FileTarget.from_spec(f"file:/proc/self/fd/{fd}").open([register], writable=True) as device:
        device.write(register, value)
        assert device.read(register) == device.pread(register) == value
    assert os.pread(fd, 8, 0x100) == value.to_bytes(8, "big")

    os.close(fd)


def test_a_register_in_an_open_page_needs_not_be_named_before(target: FileTarget) -> None:
    with target.open([Register("R", 0x10)]) as device:
        assert device.read(Register("other", 0x20)) == _expected(Register("other", 0x20))


def test_a_register_of_another_page_is_refused(target: FileTarget) -> None:
    with target.open([Register("R", 0x10)]) as device:
        for way in (device.read, device.pread, device.locate):
            with pytest.raises(AddressError, match="not mapped") as caught:
                way(Register("far", PAGE))
            assert caught.value.address == PAGE


def test_an_address_past_the_end_in_the_last_page_is_refused(target: FileTarget) -> None:
    os.truncate(target.path, PAGE + 8)
    with target.open([Register("R", PAGE)]) as device, pytest.raises(AddressError):
        device.read(Register("past", PAGE + 8))


def test_a_register_is_located_in_the_window_that_holds_it(target: FileTarget) -> None:
    near, far = Register("near", 0x10), Register("far", 2 * PAGE + 0x20)
    with target.open([far, near]) as device:
        near_window, near_offset = device.locate(near)
        far_window, far_offset = device.locate(far)
        assert (near_offset, far_offset) == (0x10, 0x20)
        assert near_window is not far_window
        assert far_window.load(far_offset, 4) == device.read(far)


def test_system_calls_find_a_register_by_its_offset_in_the_file(target: FileTarget) -> None:
    register = Register("R", 2 * PAGE + 0x20)
    with target.open([register]) as device:
        fd, offset = device.locate_syscall(register)
        assert os.pread(fd, 4, offset) == bytes([0x20, 0x21, 0x22, 0x23])


@pytest.mark.parametrize("way", ["write", "pwrite"])
def test_a_device_is_read_only_unless_asked(target: FileTarget, way: str) -> None:
    register = Register("R", 0x10)
    with target.open([register]) as device:
        with pytest.raises(InputError, match="read-only"):
            getattr(device, way)(register, 1)
        window, offset = device.locate(register)
        with pytest.raises(ValueError, match="read-only"):
            window.store(offset, 4, value=1)
        assert device.read(register) == _expected(register)


@pytest.mark.parametrize(("type_name", "value"), [("u8", 256), ("u16", -1), ("u32be", 2**32), ("u64", 2**64)])
def test_a_value_that_does_not_fit_is_not_written(target: FileTarget, type_name: str, value: int) -> None:
    register = Register("R", 0x10, type_name)
    with target.open([register], writable=True) as device:
        with pytest.raises(InputError, match="does not fit"):
            device.write(register, value)
        assert device.read(register) == _expected(register)


def _truncated(target: FileTarget, register: Register) -> Device:
    device = target.open([Register("first", 0), register], writable=True)
    os.truncate(target.path, PAGE)
    return device


def test_a_register_that_stops_answering_is_named(target: FileTarget) -> None:
    gone, first = Register("GONE", 2 * PAGE + 8), Register("first", 0)
    with _truncated(target, gone) as device:
        for access in (lambda: device.read(gone), lambda: device.write(gone, 1)):
            with pytest.raises(BusFaultError, match="GONE at 0x2008") as caught:
                access()
            assert (caught.value.register, caught.value.address) == ("GONE", 2 * PAGE + 8)
            assert device.read(first) == _expected(first)


def test_a_system_call_past_the_end_is_refused(target: FileTarget) -> None:
    gone = Register("GONE", 2 * PAGE + 8)
    with _truncated(target, gone) as device, pytest.raises(RefusedError, match="GONE at 0x2008"):
        device.pread(gone)


def test_a_closed_device_reads_nothing_and_closes_twice(target: FileTarget) -> None:
    register = Register("R", 0x10)
    device = target.open([register], writable=True)
    window, offset = device.locate(register)
    device.close()
    device.close()
    for way in (device.read, device.pread, device.locate):
        with pytest.raises(InputError, match="closed"):
            way(register)
    with pytest.raises(InputError, match="closed"):
        device.write(register, 1)

    with pytest.raises(ValueError, match="closed"):
        window.load(offset, 4)


def test_a_mapping_is_no_buffer(target: FileTarget) -> None:
    register = Register("R", 0x10)
    with target.open([register]) as device:
        window, _ = device.locate(register)
        for thing in (device, window):
            with pytest.raises(TypeError):
                memoryview(thing)  # type: ignore[arg-type]


def test_a_device_knows_its_target(target: FileTarget) -> None:
    with target.open([Register("R", 0)]) as device:
        assert device.spec == target.spec
        assert parse_target(device.spec) == target


@pytest.mark.parametrize("writable", [False, True])
def test_a_core_dump_leaves_the_mapping_out(target: FileTarget, writable: bool) -> None:
    with (
        target.open([Register("R", 0), Register("S", 2 * PAGE)], writable=writable),
        open("/proc/self/smaps") as file,
    ):
        windows = flags_of(target.path, file.read())
    assert ["dd" in flags for flags in windows] == [True, True]


def test_a_mapping_that_nothing_was_done_about_would_be_dumped(target: FileTarget) -> None:
    """What the test above would find."""
    with open(target.path, "rb") as device, mmap.mmap(device.fileno(), PAGE, prot=mmap.PROT_READ):  # noqa: SIM117
        with open("/proc/self/smaps") as file:
            assert ["dd" in flags for flags in flags_of(target.path, file.read())] == [False]
