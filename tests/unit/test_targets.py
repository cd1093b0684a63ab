"""What can be mapped: spelling, bounds, pages. The refusals of each kind are in test_targets_*.py."""

from __future__ import annotations

import dataclasses
import errno
import itertools
import mmap
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.stubborn_kernel import record_open_flags, refuse_open

from regtap.errors import AddressError, InputError, RefusedError
from regtap.registers.model import TYPES, Register
from regtap.system import permissions
from regtap.targets import (
    SPELLINGS,
    Extent,
    FileTarget,
    MemTarget,
    PciTarget,
    UioTarget,
    parse_target,
    refusals,
)
from regtap.targets import (
    node as node_module,
)
from regtap.targets.node import check_registers, page_runs

if TYPE_CHECKING:
    from pathlib import Path

UNHURRIED = settings(deadline=None)  # a loaded machine is no failure
PAGE = mmap.PAGESIZE


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("mem", MemTarget("mem")),
        ("uio:3", UioTarget("uio:3", 3)),
        ("uio:3/1", UioTarget("uio:3/1", 3, 1)),
        ("pci:0000:03:00.0/bar2", PciTarget("pci:0000:03:00.0/bar2", "0000:03:00.0", 2)),
        ("pci:10000:AF:1f.7/bar0", PciTarget("pci:10000:AF:1f.7/bar0", "10000:af:1f.7", 0)),
        ("pci:03:00.0/bar2", PciTarget("pci:03:00.0/bar2", "0000:03:00.0", 2)),
        ("file:/dev/shm/x:y", FileTarget("file:/dev/shm/x:y", "/dev/shm/x:y")),
    ],
)
def test_a_target_is_known_by_its_spelling(text: str, target: object) -> None:
    assert parse_target(text) == target
    assert parse_target(text).spec == text


@pytest.mark.parametrize("text", ["", "bogus", "mem:", "uio", "pci", "file", "MEM", "vfio:0", "/dev/mem"])
def test_an_unknown_spelling_is_answered_with_the_known_ones(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_target(text)
    assert all(spelling in str(caught.value) for spelling in SPELLINGS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("uio:", "uio:N"),
        ("uio:x", "uio:N"),
        ("uio:0/", "uio:N"),
        ("uio:-1", "uio:N"),
        ("pci:0000:03:00.0", "/barN"),
        ("pci:0000:03:00.0/bar6", "/barN"),
        ("pci:0000:03:00.8/bar0", "/barN"),
        ("pci:../../etc/bar0", "/barN"),
        ("file:", "file:PATH"),
        ("file:a\0b", "file:PATH"),
    ],
)
def test_a_misspelled_target_is_answered_with_its_form(text: str, form: str) -> None:
    with pytest.raises(InputError, match=form):
        parse_target(text)


def test_parsing_looks_at_nothing() -> None:
    assert parse_target("file:/nowhere/at/all").spec == "file:/nowhere/at/all"


def test_a_target_is_a_description_that_cannot_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        parse_target("mem").spec = "sim"  # type: ignore[misc]


def test_registers_are_resolved_in_the_order_given() -> None:
    names = [register.name for register in parse_target("mem").resolve(["B=8", "A=0", "0x10:u64"])]
    assert names == ["B", "A", "r_10"]


@pytest.mark.parametrize("texts", [["A=0", "A=4"], ["0x10", "16"], ["0x10", "0x10:u8"]])
def test_two_registers_of_one_column_are_refused(texts: list[str]) -> None:
    with pytest.raises(InputError, match="named twice"):
        parse_target("mem").resolve(texts)


@st.composite
def registers(draw: st.DrawFn, below: int = 2**64) -> Register:
    type_name = draw(st.sampled_from(TYPES))
    width_bytes = Register("r", 0, type_name).width_bytes
    return Register("r", draw(st.integers(0, below // width_bytes - 1)) * width_bytes, type_name)


@UNHURRIED
@given(registers(), st.integers(0, 2**64))
def test_a_register_is_in_bounds_exactly_when_its_last_byte_is(register: Register, length: int) -> None:
    extent = Extent("/node", length)
    if register.address + register.width_bytes <= length:
        check_registers([register], extent, "spec")
    else:
        with pytest.raises(AddressError) as caught:
            check_registers([register], extent, "spec")
        assert caught.value.address == register.address


def test_a_register_that_the_place_itself_misaligns_is_refused() -> None:
    check_registers([Register("r", 0, "u16")], Extent("/node", 64, shift=0x402), "spec")
    with pytest.raises(AddressError, match="misaligned on the bus"):
        check_registers([Register("r", 0, "u32")], Extent("/node", 64, shift=0x402), "spec")


def test_a_register_wider_than_one_access_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "MAX_ACCESS_BYTES", 4)
    with pytest.raises(AddressError, match="use u32"):
        check_registers([Register("r", 0, "u64")], Extent("/node", 64), "spec")


@UNHURRIED
@given(st.lists(registers(below=64 * PAGE), min_size=1, max_size=20), st.integers(0, 3))
def test_the_runs_are_exactly_the_pages_of_the_registers(wanted: list[Register], shift_words: int) -> None:
    extent = Extent("/node", 64 * PAGE, shift=8 * shift_words)
    runs = page_runs(wanted, extent)

    pages = [page for first, end in runs for page in range(first // PAGE, end // PAGE)]
    assert pages == sorted({(extent.shift + register.address) // PAGE for register in wanted})
    assert all(first % PAGE == end % PAGE == 0 for first, end in runs)
    assert all(left[1] < right[0] for left, right in itertools.pairwise(runs))


def test_a_whole_place_is_mapped_from_its_first_page_on() -> None:
    extent = Extent("/node", 64 * PAGE, shift=2 * PAGE + 0x400, whole=True)
    assert page_runs([Register("r", 3 * PAGE)], extent) == [(2 * PAGE, 6 * PAGE)]


def _file(folder: Path, size: int) -> FileTarget:
    path = folder / "registers"
    path.write_bytes(bytes(range(256)) * (size // 256) + bytes(size % 256))
    return FileTarget.from_spec(f"file:{path}")


def test_the_exact_size_of_a_file_bounds_it(tmp_path: Path) -> None:
    target = _file(tmp_path, PAGE + 6)
    last = Register("last", PAGE + 4, "u16")
    with target.open([last]) as device:
        assert device.read(last) == 0

    with pytest.raises(AddressError, match="0x1006 bytes"):
        target.open([Register("past", PAGE + 4, "u32")])


def test_nothing_is_opened_for_an_address_past_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = _file(tmp_path, 64)
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("opened"))
    with pytest.raises(AddressError):
        target.open([Register("good", 0), Register("past", 64)])


def test_opening_for_no_register_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one"):
        _file(tmp_path, 64).open([])


@pytest.mark.parametrize(("writable", "access"), [(False, os.O_RDONLY), (True, os.O_RDWR)])
def test_a_file_is_opened_read_only_and_without_o_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writable: bool, access: int
) -> None:
    flags = record_open_flags(monkeypatch)
    _file(tmp_path, 64).open([Register("r", 0)], writable=writable).close()

    assert [flag & os.O_ACCMODE for flag in flags] == [access]
    assert [flag & os.O_SYNC for flag in flags] == [0]


def test_no_descriptor_stays_open_after_close_or_refusal(tmp_path: Path) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    target = _file(tmp_path, 64)
    target.open([Register("r", 0)]).close()

    with pytest.raises(RefusedError):
        FileTarget.from_spec("file:/dev/null").open([Register("r", 0)])

    assert sorted(os.listdir("/proc/self/fd")) == before


def test_a_file_is_no_device_and_a_character_device_is_one(tmp_path: Path) -> None:
    assert not _file(tmp_path, 64).is_device
    assert not FileTarget.from_spec("file:/nowhere").is_device
    assert FileTarget.from_spec("file:/dev/zero").is_device
    assert MemTarget("mem").is_device


def test_a_device_node_that_can_be_mapped_is_a_target() -> None:
    register = Register("r", 0x1000)
    with FileTarget.from_spec("file:/dev/zero").open([register]) as device:
        assert device.read(register) == 0


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_a_file_that_holds_no_registers_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(InputError, match="neither a file nor a device"):
        FileTarget.from_spec(f"file:{path}").open([Register("r", 0)])


def test_a_missing_file_is_refused_by_its_name() -> None:
    with pytest.raises(RefusedError, match="there is no /nowhere/at/all") as caught:
        FileTarget.from_spec("file:/nowhere/at/all").open([Register("r", 0)])
    assert caught.value.errno == errno.ENOENT


def test_a_node_without_mmap_is_refused_for_that() -> None:
    with pytest.raises(RefusedError, match="has no mmap") as caught:
        FileTarget.from_spec("file:/dev/null").open([Register("r", 0)])
    assert caught.value.errno == errno.ENODEV


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.EACCES, "this process runs as"),
        (errno.EPERM, "the kernel forbids opening"),
        (errno.EROFS, "read-only file system"),
        (errno.ETXTBSY, "running"),
        (errno.EMFILE, "too many open files"),
        (errno.ESTALE, "tale file handle"),
    ],
)
def test_each_refusal_at_open_has_cause_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, cause: str
) -> None:
    target = _file(tmp_path, 64)

    refuse_open(monkeypatch, number)
    with pytest.raises(RefusedError, match=cause) as caught:
        target.open([Register("r", 0)], writable=True)
    assert caught.value.errno == number
    assert caught.value.remedy
    assert "{" not in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "writable", "helps"),
    [(0o640, False, True), (0o640, True, False), (0o660, True, True), (0o600, False, False)],
)
def test_the_group_is_a_remedy_only_where_it_may_open_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, writable: bool, helps: bool
) -> None:
    target = _file(tmp_path, 64)
    os.chmod(target.path, mode)
    monkeypatch.setattr(permissions, "group_name", lambda gid: "hardware")
    monkeypatch.setattr(refusals, "_ROOT_GROUP", -1)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    refuse_open(monkeypatch, errno.EACCES)

    with pytest.raises(RefusedError) as caught:
        target.open([Register("r", 0)], writable=writable)

    assert ("join group hardware" in caught.value.remedy) == helps
