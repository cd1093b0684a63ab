"""Physical memory, with a file in the place of /dev/mem and a kernel that says no."""

from __future__ import annotations

import errno
import mmap
import os
from pathlib import Path

import pytest
from tests.stubborn_kernel import record_open_flags, record_windows, refuse_map, refuse_open, refused

from regtap import _native
from regtap.errors import AddressError, RefusedError
from regtap.registers.model import Register
from regtap.system import iomem, kernel
from regtap.targets import MemTarget

PAGE = mmap.PAGESIZE
IOMEM = """\
00000000-00000fff : Reserved
00001000-0009ffff : System RAM
c0000000-febfffff : PCI Bus 0000:00
  feb00000-feb000ff : 0000:00:01.0
    feb00000-feb000ff : ahci
fed00000-fed003ff : HPET 0
"""
HIDDEN_IOMEM = """\
00000000-00000000 : Reserved
00000000-00000000 : System RAM
  00000000-00000000 : Kernel code
"""


@pytest.fixture
def target(tmp_path: Path) -> MemTarget:
    node = tmp_path / "mem"
    node.write_bytes(bytes(16 * PAGE))
    return MemTarget("mem", node=str(node))


@pytest.fixture(autouse=True)
def _kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every fact about the system a file that the test may write."""
    monkeypatch.setattr(iomem, "IOMEM", str(tmp_path / "IOMEM"))
    for name in ("CPUINFO", "CMDLINE", "LOCKDOWN", "STATUS"):
        monkeypatch.setattr(kernel, name, str(tmp_path / name))


def test_only_the_pages_of_the_registers_are_mapped(
    target: MemTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = record_windows(monkeypatch)
    pages = (9, 2, 3)
    target.open([Register(f"R{page}", page * PAGE + 8) for page in pages]).close()

    assert seen == [(2 * PAGE, 2 * PAGE, False), (9 * PAGE, PAGE, False)]


@pytest.mark.parametrize(("writable", "access"), [(False, os.O_RDONLY), (True, os.O_RDWR)])
def test_it_is_opened_with_o_sync_and_read_only_unless_asked(
    target: MemTarget, monkeypatch: pytest.MonkeyPatch, writable: bool, access: int
) -> None:
    flags = record_open_flags(monkeypatch)
    target.open([Register("R", 0)], writable=writable).close()

    assert [flag & os.O_ACCMODE for flag in flags] == [access]
    assert [flag & os.O_SYNC for flag in flags] == [os.O_SYNC]


def test_an_address_past_all_offsets_is_wrong_before_any_open(
    target: MemTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_open(monkeypatch, errno.EIO)
    with pytest.raises(AddressError):
        target.open([Register("R", 2**63)])


def test_a_window_refused_leaves_no_descriptor_open(
    target: MemTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    refuse_map(monkeypatch, errno.EPERM)
    refused(target)

    assert sorted(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENXIO])
def test_a_kernel_without_dev_mem_points_to_the_other_targets(
    target: MemTarget, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refuse_open(monkeypatch, number)
    error = refused(target)

    assert "CONFIG_DEVMEM" in error.cause
    assert "uio:N" in error.remedy
    assert error.errno == number


def test_a_nodes_mode_bits_are_shown_and_root_is_the_remedy(
    target: MemTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(target.node).chmod(0o640)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    refuse_open(monkeypatch, errno.EACCES)

    error = refused(target)

    assert "runs as uid 12345" in error.cause
    assert "-rw-r----- " in error.cause
    assert error.remedy == "run as root (sudo)"


def test_eperm_at_open_is_lockdown_where_the_kernel_says_so(
    target: MemTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(kernel.LOCKDOWN).write_text("none [integrity] confidentiality\n")
    refuse_open(monkeypatch, errno.EPERM)
    assert "lockdown (integrity)" in refused(target).cause


def test_eperm_at_open_is_the_capability_where_it_is_missing(
    target: MemTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(kernel.LOCKDOWN).write_text("[none] integrity confidentiality\n")
    Path(kernel.STATUS).write_text("Name:\tx\nCapEff:\t000001fffffdffff\n")
    refuse_open(monkeypatch, errno.EPERM)

    assert "CAP_SYS_RAWIO" in refused(target).cause


def test_eperm_at_open_with_the_capability_is_the_containers(
    target: MemTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(kernel.STATUS).write_text("CapEff:\t000001ffffffffff\n")
    refuse_open(monkeypatch, errno.EPERM)

    error = refused(target)

    assert "device rules" in error.cause
    assert "--device" in error.remedy


def test_eperm_at_mmap_of_ram_is_strict_devmem(target: MemTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(iomem.IOMEM).write_text(IOMEM)
    refuse_map(monkeypatch, errno.EPERM)

    error = refused(target, 0x2000)

    assert "System RAM" in error.cause
    assert "CONFIG_STRICT_DEVMEM" in error.cause
    assert "iomem=relaxed" not in error.remedy  # it would not help


@pytest.mark.parametrize(("address", "owner"), [(0xFEB00010, "ahci"), (0xFED00FF0, "HPET 0")])
def test_eperm_at_mmap_names_the_driver_that_claims_the_page(
    target: MemTarget, monkeypatch: pytest.MonkeyPatch, address: int, owner: str
) -> None:
    Path(iomem.IOMEM).write_text(IOMEM)
    refuse_map(monkeypatch, errno.EPERM)

    error = refused(target, address)

    assert f"'{owner}'" in error.cause
    assert "iomem=relaxed" in error.remedy


@pytest.mark.parametrize("text", [None, "", HIDDEN_IOMEM])
def test_eperm_at_mmap_names_no_owner_where_they_are_hidden(
    target: MemTarget, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    if text is not None:
        Path(iomem.IOMEM).write_text(text)
    refuse_map(monkeypatch, errno.EPERM)

    error = refused(target, 0)

    assert "System RAM, or claimed by a driver" in error.cause
    assert "/proc/iomem" in error.remedy


def test_einval_at_mmap_is_the_width_of_a_physical_address(
    target: MemTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(kernel.CPUINFO).write_text("flags\t: x\naddress sizes\t: 40 bits physical, 48 bits virtual\n")
    refuse_map(monkeypatch, errno.EINVAL)

    assert "40-bit physical addresses" in refused(target, 1 << 40).cause
    assert "40-bit" not in refused(target, (1 << 40) - 4).cause


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM, errno.EACCES, errno.EBADMSG])
def test_any_other_refusal_at_mmap_still_has_cause_and_remedy(
    target: MemTarget, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refuse_map(monkeypatch, number)
    error = refused(target)

    assert target.node in error.cause
    assert error.remedy
    assert error.errno == number


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.EFAULT, r"is not RAM \(Bad address\)"),
        (errno.EPERM, "protects"),
        (errno.EIO, "refuses system calls"),
    ],
)
def test_a_refused_pread_points_to_the_mapping(
    target: MemTarget, monkeypatch: pytest.MonkeyPatch, number: int, cause: str
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    register = Register("R", 0x10)
    with target.open([register]) as device:
        monkeypatch.setattr(_native, "pread_register", refuse)
        with pytest.raises(RefusedError, match=cause) as caught:
            device.pread(register)
    assert caught.value.errno == number
