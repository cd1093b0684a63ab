"""UIO and PCI, with trees of files in the place of /sys and /dev."""

from __future__ import annotations

import errno
import mmap
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.stubborn_kernel import record_open_flags, record_windows, refuse_map, refused

from regtap.errors import AddressError, RefusedError
from regtap.registers.model import Register
from regtap.targets import PciTarget, UioTarget

if TYPE_CHECKING:
    from pathlib import Path


PAGE = mmap.PAGESIZE
R = Register("R", 0)


def _uio(folder: Path, spec: str = "uio:0") -> UioTarget:
    """A device of two maps in a file of 8 pages whose 32-bit words hold their own offsets."""
    (folder / "dev").mkdir()
    words = b"".join(offset.to_bytes(4, "little") for offset in range(0, 8 * PAGE, 4))
    (folder / "dev" / "uio0").write_bytes(words)
    _uio_map(folder, 0, addr=0xA0000000, offset=0, size=3 * PAGE)
    _uio_map(folder, 1, addr=0xB0000000, offset=0x400, size=PAGE)
    return replace(UioTarget.from_spec(spec), sys_root=str(folder / "uio"), dev_root=str(folder / "dev"))


def _uio_map(folder: Path, number: int, *, addr: int, offset: int, size: int, name: str = "regs") -> None:
    described = folder / "uio" / "uio0" / "maps" / f"map{number}"
    described.mkdir(parents=True, exist_ok=True)
    for attribute, value in {"addr": addr, "offset": offset, "size": size}.items():
        (described / attribute).write_text(f"{value:#x}\n")
    (described / "name").write_text(f"{name}\n")


def test_a_uio_map_is_a_window_at_its_number_of_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = _uio(tmp_path)
    seen = record_windows(monkeypatch)
    register = Register("R", PAGE + 8)

    with target.open([register]) as device:
        assert device.read(register) == PAGE + 8

    assert seen == [(0, 2 * PAGE, False)]  # from the start of the map: the offset is the map's number


def test_addresses_of_a_uio_map_count_from_its_offset_in_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = _uio(tmp_path, "uio:0/1")
    seen = record_windows(monkeypatch)

    with target.open([Register("R", 8)]) as device:
        assert device.read(Register("R", 8)) == PAGE + 0x400 + 8

    assert seen == [(PAGE, PAGE, False)]


@pytest.mark.parametrize(("addr", "length"), [(0xB0000000, PAGE - 0x400), (0xB0000400, PAGE)])
def test_the_size_of_a_uio_map_counts_from_its_offset_too(tmp_path: Path, addr: int, length: int) -> None:
    target = _uio(tmp_path, "uio:0/1")
    _uio_map(tmp_path, 1, addr=addr, offset=0x400, size=PAGE)
    target.open([Register("last", length - 4)]).close()

    with pytest.raises(AddressError, match=f"{length:#x} bytes"):
        target.open([Register("past", length)])


def test_a_register_misaligned_by_its_uio_maps_offset_is_wrong(tmp_path: Path) -> None:
    target = _uio(tmp_path, "uio:0/1")
    _uio_map(tmp_path, 1, addr=0xB0000000, offset=0x402, size=PAGE)
    with pytest.raises(AddressError, match="misaligned"):
        target.open([R])


def test_an_unknown_uio_device_is_answered_with_those_that_exist(tmp_path: Path) -> None:
    error = refused(replace(_uio(tmp_path), number=7))
    assert "no UIO device 7" in error.cause
    assert error.remedy == "choose from uio:0"


def test_a_system_without_uio_says_how_to_get_one(tmp_path: Path) -> None:
    error = refused(replace(UioTarget.from_spec("uio:0"), sys_root=str(tmp_path / "none")))
    assert "uio_pdrv_genirq" in error.remedy


def test_an_unknown_uio_map_is_answered_with_those_that_exist(tmp_path: Path) -> None:
    error = refused(replace(_uio(tmp_path), map=5))
    assert "no map 5" in error.cause
    assert error.remedy == "choose from uio:0/0 (regs) uio:0/1 (regs)"


def test_a_uio_description_that_is_no_number_is_refused(tmp_path: Path) -> None:
    target = _uio(tmp_path)
    (tmp_path / "uio/uio0/maps/map0/size").write_text("big\n")
    assert "'big'" in refused(target).cause


def test_a_uio_device_without_its_node_is_refused_for_that(tmp_path: Path) -> None:
    target = _uio(tmp_path)
    (tmp_path / "dev" / "uio0").unlink()
    assert "its node" in refused(target).cause


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENODEV])
def test_a_uio_map_that_is_not_whole_pages_is_refused_for_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refuse_map(monkeypatch, number)
    assert "whole pages" in refused(_uio(tmp_path)).cause


def test_uio_has_no_way_by_system_call(tmp_path: Path) -> None:
    with _uio(tmp_path).open([R]) as device, pytest.raises(RefusedError, match="waits for an interrupt"):
        device.pread(R)


MEM, IO, MEM_64 = 0x200, 0x100, 0x100200
BARS = (
    (0xA0000000, 0xA0000000 + 2 * PAGE - 1, MEM_64),
    (0, 0, 0),  # the upper half
    (0xC000, 0xC01F, IO),
    (0xB0000400, 0xB00004FF, MEM),  # smaller than a page, and not at its start
    (0, 0, 0),
    (0, 0, 0),
)


def _pci(folder: Path, bar: int = 0, **attributes: str) -> PciTarget:
    """A device whose BARs are files of 2 pages, of 32-bit words that hold their own offsets."""
    device = folder / "devices" / "0000:03:00.0"
    device.mkdir(parents=True)
    (device / "resource").write_text(
        "".join(f"{a:#018x} {b:#018x} {c:#018x}\n" for a, b, c in (*BARS, (0, 0, 0)))
    )
    for name, text in {"enable": "1", "power_state": "D0", **attributes}.items():
        (device / name).write_text(f"{text}\n")
    words = b"".join(offset.to_bytes(4, "little") for offset in range(0, 2 * PAGE, 4))
    (device / f"resource{bar}").write_bytes(words)
    return replace(PciTarget.from_spec(f"pci:0000:03:00.0/bar{bar}"), sys_root=str(folder / "devices"))


def test_only_the_needed_pages_of_a_bar_are_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = _pci(tmp_path)
    seen = record_windows(monkeypatch)
    register = Register("R", PAGE + 16)

    with target.open([register]) as device:
        assert device.read(register) == PAGE + 16

    assert seen == [(PAGE, PAGE, False)]


def test_a_bar_smaller_than_a_page_is_found_at_its_place_in_it(tmp_path: Path) -> None:
    target = _pci(tmp_path, 3)
    with target.open([Register("R", 8)]) as device:
        assert device.read(Register("R", 8)) == 0x408
    with pytest.raises(AddressError, match="0x100 bytes"):
        target.open([Register("past", 0x100)])


def test_nothing_of_the_page_outside_a_small_bar_can_be_read(tmp_path: Path) -> None:
    with _pci(tmp_path, 3).open([R]) as device, pytest.raises(AddressError):
        device.read(Register("past", 0x100))


@pytest.mark.parametrize(
    ("bar", "cause", "remedy"),
    [
        (1, "upper half of the 64-bit bar0", "use bar0"),
        (2, "I/O ports", "choose from bar0 bar3"),
        (4, "does not exist", "choose from bar0 bar3"),
    ],
)
def test_a_bar_that_has_no_mapping_is_refused_with_those_that_do(
    tmp_path: Path, bar: int, cause: str, remedy: str
) -> None:
    error = refused(_pci(tmp_path, bar))
    assert cause in error.cause
    assert error.remedy == remedy


def test_a_kernel_without_bar_files_is_not_a_missing_device(tmp_path: Path) -> None:
    error = refused(replace(_pci(tmp_path), bar=3))
    assert "no file that maps bar3 of 0000:03:00.0" in error.cause
    assert error.errno == errno.ENOENT


def test_an_unknown_pci_device_is_answered_with_those_that_exist(tmp_path: Path) -> None:
    error = refused(replace(_pci(tmp_path), device="0000:99:00.0"))
    assert "no PCI device 0000:99:00.0" in error.cause
    assert error.remedy == "choose from 0000:03:00.0"


def test_a_system_without_pci_says_so(tmp_path: Path) -> None:
    target = replace(PciTarget.from_spec("pci:03:00.0/bar0"), sys_root=str(tmp_path / "none"))
    assert "no PCI devices" in refused(target).remedy


def test_a_disabled_device_is_refused_with_what_enables_it(tmp_path: Path) -> None:
    error = refused(_pci(tmp_path, enable="0"))
    assert "disabled" in error.cause
    assert error.remedy.endswith(f"echo 1 > {tmp_path}/devices/0000:03:00.0/enable")


def test_a_sleeping_device_is_refused_with_what_wakes_it(tmp_path: Path) -> None:
    error = refused(_pci(tmp_path, power_state="D3hot"))
    assert "D3hot" in error.cause
    assert "power/control" in error.remedy


@pytest.mark.parametrize("text", ["hello\n", "", "0x0 0x0\n" * 7, "0x0 0x0 0x0\n" * 5])
def test_a_bar_list_that_makes_no_sense_is_refused(tmp_path: Path, text: str) -> None:
    target = _pci(tmp_path)
    (tmp_path / "devices/0000:03:00.0/resource").write_text(text)
    assert "cannot be understood" in refused(target).cause


@pytest.mark.parametrize(
    ("number", "cause"), [(errno.EPERM, "lockdown"), (errno.EINVAL, "claims bar0"), (errno.EAGAIN, "cache")]
)
def test_each_refusal_to_map_a_bar_has_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, cause: str
) -> None:
    refuse_map(monkeypatch, number)
    error = refused(_pci(tmp_path))

    assert cause in error.cause
    assert error.errno == number


def test_a_bar_has_no_way_by_system_call(tmp_path: Path) -> None:
    with _pci(tmp_path).open([R]) as device, pytest.raises(RefusedError, match="gives EIO"):
        device.pread(R)


def test_a_bar_is_opened_with_o_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = _pci(tmp_path)
    flags = record_open_flags(monkeypatch)
    target.open([R]).close()

    assert [flag & (os.O_SYNC | os.O_ACCMODE) for flag in flags] == [os.O_SYNC | os.O_RDONLY]


@pytest.mark.parametrize("kind", ["uio", "pci"])
def test_no_descriptor_stays_open_where_no_system_call_needs_one(tmp_path: Path, kind: str) -> None:
    target = _uio(tmp_path) if kind == "uio" else _pci(tmp_path)
    before = sorted(os.listdir("/proc/self/fd"))
    with target.open([R]):
        assert sorted(os.listdir("/proc/self/fd")) == before
