"""The arms that not every machine and target has: blocks of many bytes, io_uring, and busybox devmem."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.simulated_bench import COSTS_NS, Machine

from regtap.registers.model import Register
from regtap.targets import parse_target
from regtap_bench import _native
from regtap_bench.arms.base import BULK, SLOW, THROUGHPUT
from regtap_bench.arms.bulk_arms import BULK_SIZES, BULK_WAYS, PREAD_AT_ONCE, BulkArm, bulk_arms
from regtap_bench.arms.catalogue import catalogue
from regtap_bench.arms.process_arm import DEVMEM, devmem_arm
from regtap_bench.arms.site import Sites
from regtap_bench.arms.uring_arm import IO_URING, _reason, uring_arm
from regtap_bench.measuring.blocks import Blocks
from regtap_bench.measuring.engine import Measured, _by_cadence
from regtap_bench.measuring.job import Subject
from regtap_bench.measuring.probe import Probe, count_system_calls
from regtap_bench.session import slow_rows

REGISTER = Register("r", 0x1008, "u32")
MIB = 1 << 20


def _file(tmp_path: Path, size_bytes: int) -> Path:
    path = tmp_path / "block"
    with open(path, "wb") as file:
        file.truncate(size_bytes)
    return path


def _sites(path: Path, register: Register = REGISTER) -> Sites:
    return Sites(f"file:{path}", register, None)


def _sizes(sites: Sites, register: Register = REGISTER) -> set[int]:
    return {arm.size_bytes for arm in bulk_arms(register) if not arm.refusal(sites)}


def _bulk_arm(way: str, size_bytes: int, register: Register = REGISTER) -> BulkArm:
    return next(it for it in bulk_arms(register) if (it.way, it.size_bytes) == (way, size_bytes))


def test_only_a_full_run_has_them() -> None:
    full, quick = (catalogue(REGISTER, is_device=False, quick=quick, writes=False) for quick in (False, True))
    special = {IO_URING, DEVMEM, *(arm.name for arm in bulk_arms(REGISTER))}

    assert special <= set(full)
    assert not special & set(quick)
    assert {arm.cadence for name, arm in full.items() if name in special} == {BULK, SLOW}


def test_a_file_of_1_mib_has_every_size_and_a_page_its_own(tmp_path: Path) -> None:
    with _sites(_file(tmp_path, MIB)) as sites:
        assert _sizes(sites) == set(BULK_SIZES)
    register = Register("r", 8)
    with Sites("sim", register, None) as sites:
        assert _sizes(sites, register) == {size for size in BULK_SIZES if size <= 4096}


def test_a_block_is_aligned_around_the_register_in_the_target(tmp_path: Path) -> None:
    path = _file(tmp_path, 6000)
    with _sites(path, Register("r", 0x10)) as sites:
        assert max(_sizes(sites)) == 4096
    with _sites(path) as sites:  # 0x1008: the second page ends past the file
        assert max(_sizes(sites)) == 1024
        assert "no aligned block" in _bulk_arm("memcpy", 2048).refusal(sites)
        mapped = sites.bulk(1024, 4)
        assert (mapped.address - sites.read.site.address) % 4096 == 4096 - 8


def test_single_loads_have_the_registers_width_or_32_bits(tmp_path: Path) -> None:
    assert {arm.load_bytes for arm in bulk_arms(Register("r", 0x1008, "u8"))} == {4}
    register = Register("r", 0x1008, "u64")
    assert {arm.load_bytes for arm in bulk_arms(register)} == {8}

    with _sites(_file(tmp_path, MIB), register) as sites:
        assert "8 B" in _bulk_arm("loads", 4, register).refusal(sites)


@pytest.mark.parametrize("way", BULK_WAYS)
def test_no_block_of_a_device_is_read(way: str) -> None:
    with Sites("file:/dev/zero", REGISTER, None) as sites:
        reasons = {arm.refusal(sites) for arm in bulk_arms(REGISTER) if arm.way == way}
    (reason,) = reasons

    assert reason.startswith("on a device")
    assert "neighbours" in reason


@pytest.mark.parametrize("way", BULK_WAYS)
def test_a_block_makes_the_system_calls_that_it_says(way: str, tmp_path: Path) -> None:
    arm = _bulk_arm(way, 8192)
    with _sites(_file(tmp_path, MIB)) as sites:
        block = arm.block(sites, THROUGHPUT)
        try:
            counted = count_system_calls(block, arm.least)
        except OSError:
            pytest.skip("tracing is not allowed here")
    assert counted == arm.system_calls == (1 if way == PREAD_AT_ONCE else 0)


@pytest.mark.parametrize("way", BULK_WAYS)
def test_the_whole_block_is_read(way: str, tmp_path: Path) -> None:
    """The second of its two pages is gone: whoever reads that far finds out."""
    path = _file(tmp_path, 8192)
    with _sites(path, Register("r", 0x8)) as sites:
        block = _bulk_arm(way, 8192, Register("r", 0x8)).block(sites, THROUGHPUT)
        block(1)
        os.truncate(path, 4096)
        with pytest.raises(OSError if way == PREAD_AT_ONCE else _native.BusFault):
            block(1)
        _bulk_arm(way, 4096, Register("r", 0x8)).block(sites, THROUGHPUT)(3)


def test_a_block_that_does_not_lie_within_its_window_is_refused(tmp_path: Path) -> None:
    fd = os.open(_file(tmp_path, 8192), os.O_RDONLY)
    try:
        with pytest.raises(ValueError, match="block"):
            _native.Site(
                fd,
                path="",
                open_flags=0,
                map_offset=0,
                map_bytes=4096,
                offset=8,
                width_bytes=4,
                writable=False,
                bulk_bytes=4096,
            )
    finally:
        os.close(fd)


def _has_io_uring() -> bool:
    try:
        _native.try_uring()
    except OSError:
        return False
    return True


needs_io_uring = pytest.mark.skipif(not _has_io_uring(), reason="this kernel does not let io_uring be used")


@needs_io_uring
def test_sixteen_reads_by_io_uring_are_one_system_call(tmp_path: Path) -> None:
    arm = uring_arm()
    with _sites(_file(tmp_path, 8192)) as sites:
        assert arm.refusal(sites) == ""
        block = arm.block(sites, THROUGHPUT)
        assert all(block(count)[0] > 0 for count in (1, 15, 16, 17, 160))  # any count will do
        try:
            assert count_system_calls(block, arm.least) == arm.system_calls == 1 / 16
        except PermissionError:
            pytest.skip("tracing is not allowed here")


@needs_io_uring
def test_a_failed_read_by_io_uring_is_an_error_with_its_number(tmp_path: Path) -> None:
    path = _file(tmp_path, 8192)
    with _sites(path) as sites:
        block = uring_arm().block(sites, THROUGHPUT)
        os.truncate(path, 0x100A)  # two bytes of four
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            block(16)
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        block(16)


@pytest.mark.parametrize(
    ("code", "sysctl", "says"),
    [
        (errno.ENOSYS, None, "this kernel has no io_uring"),
        (errno.EPERM, "2", "Operation not permitted: kernel.io_uring_disabled = 2"),
        (errno.EPERM, "1", "kernel.io_uring_group"),
        (errno.EPERM, "0", "seccomp"),
        (errno.EPERM, None, "seccomp"),
        (errno.ENOMEM, None, "io_uring_setup: Cannot allocate memory"),
    ],
)
def test_a_refusal_of_io_uring_gives_the_kernel_s_reason(
    code: int, sysctl: str | None, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "io_uring_disabled"
    if sysctl is not None:
        path.write_text(f"{sysctl}\n")
    assert says in _reason(code, str(path))


# Fails io_uring_setup with EPERM, as the filters of containers do.
_FILTER = textwrap.dedent("""
    import ctypes, struct
    LOAD, EQUAL, RETURN, ALLOW, EPERM, SETUP = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050001, 425
    program = b"".join(struct.pack("HBBI", *it) for it in (
        (LOAD, 0, 0, 0), (EQUAL, 0, 1, SETUP), (RETURN, 0, 0, EPERM), (RETURN, 0, 0, ALLOW)))
    code = ctypes.create_string_buffer(program)
    whole = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    assert libc.prctl(22, 2, ctypes.byref(whole)) == 0, ctypes.get_errno()
    from types import SimpleNamespace
    from regtap_bench.arms.uring_arm import uring_arm
    print(uring_arm().refusal(SimpleNamespace(read=SimpleNamespace(calls_refused=""))))
""")


def test_a_filter_that_forbids_io_uring_is_a_reason_not_a_crash() -> None:
    done = subprocess.run([sys.executable, "-c", _FILTER], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("io_uring_setup: Operation not permitted")


@pytest.fixture
def mem() -> Any:
    return SimpleNamespace(target=parse_target("mem"))


def _install_busybox(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """Put a program of that name, which logs its arguments, first in the PATH."""
    log, program = folder / "log", folder / "busybox"
    program.write_text(f'#!/bin/sh\necho "$@" >> {log}\n{script}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return log


def test_devmem_is_one_process_an_access(tmp_path: Path, mem: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    log = _install_busybox(tmp_path, monkeypatch, "echo 0x12345678")
    arm = devmem_arm(Register("r", 0xFED000F0, "u64"))
    assert arm.refusal(mem) == ""

    ticks, *_ = arm.block(mem, THROUGHPUT)(3)

    assert ticks > 0
    assert log.read_text().splitlines() == ["devmem 0xfed000f0 64"] * 4  # the first by refusal()


def test_system_calls_of_devmem_are_counted_in_its_process(
    tmp_path: Path, mem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    for calls in ("", "kill -0 $$; kill -0 $$; kill -0 $$"):
        _install_busybox(tmp_path, monkeypatch, calls)
        try:
            counted.append(count_system_calls(devmem_arm(REGISTER).block(mem, THROUGHPUT), 1))
        except PermissionError:
            pytest.skip("tracing is not allowed here")
    assert counted[1] - counted[0] == 3


def test_devmem_on_another_target_means_nothing(tmp_path: Path) -> None:
    with _sites(_file(tmp_path, 8192)) as sites:
        assert "/dev/mem" in devmem_arm(REGISTER).refusal(sites)


def test_devmem_that_is_not_installed_is_said(
    tmp_path: Path, mem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert devmem_arm(REGISTER).refusal(mem) == "busybox is not installed"


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo devmem: applet not found >&2; exit 127", "devmem: applet not found"),
        ("exit 3", "status 3"),
        ("kill -BUS $$", "status -7"),
    ],
)
def test_devmem_that_fails_is_refused_with_what_it_said(
    script: str, says: str, tmp_path: Path, mem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install_busybox(tmp_path, monkeypatch, script)
    assert says in devmem_arm(REGISTER).refusal(mem)


def test_devmem_that_fails_while_it_is_measured_is_an_error(
    tmp_path: Path, mem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = _install_busybox(tmp_path, monkeypatch, f"test $(wc -l < {tmp_path}/log) -lt 3")
    block = devmem_arm(REGISTER).block(mem, THROUGHPUT)

    with pytest.raises(RuntimeError, match="status 1"):
        block(3)

    assert len(log.read_text().splitlines()) == 3


def test_slow_arms_have_rounds_of_their_own_with_the_baseline() -> None:
    ticks = {THROUGHPUT: 1.0}
    probes = {
        "pread": Probe(ticks=ticks),
        "4 B by loads": Probe(ticks=ticks, cadence=BULK),
        "8 B by loads": Probe("does not fit", cadence=BULK),
        DEVMEM: Probe(ticks=ticks, cadence=SLOW),
    }
    assert _by_cadence(probes, "pread") == {
        "regular": [("pread", THROUGHPUT)],
        BULK: [("4 B by loads", THROUGHPUT)],
        SLOW: [("pread", THROUGHPUT), (DEVMEM, THROUGHPUT)],
    }


def test_a_slow_arm_is_compared_with_its_own_rounds_baseline() -> None:
    arms = catalogue(REGISTER, is_device=True, quick=False, writes=False)
    costs = {("pread", THROUGHPUT): COSTS_NS["pread", THROUGHPUT], (DEVMEM, THROUGHPUT): 880_000.0}
    probes = {"pread": Probe(system_calls=1), DEVMEM: Probe(system_calls=30), IO_URING: Probe("forbidden")}
    measured = Measured(
        Subject("mem", REGISTER, None, quick=False, cpu=None),
        "pread",
        probes,
        Blocks((), ()),
        Blocks((), ()),
        Machine(costs).run(rounds=20),
        (),
    )

    refused, row = slow_rows(measured, arms, 0.01)

    assert (refused.arm, refused.refused) == (IO_URING, "forbidden")
    assert (row.arm, row.kind, row.verdict, row.system_calls) == (DEVMEM, "process", "slower", 30)
    assert row.ratio is not None
    assert row.ratio.value == pytest.approx(2000, rel=0.01)
