"""The arms on real memory: what they do to it, which of them a target has, how many system calls they make."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.mappings import flags_of

from regtap import _native as core
from regtap.errors import BusFaultError, InputError
from regtap.registers.model import Register
from regtap_bench import _native
from regtap_bench.arms.base import DELAY, EMPTY, LATENCY, THROUGHPUT, AccessArm, Reading
from regtap_bench.arms.catalogue import LOAD, PREAD, catalogue, twin_of
from regtap_bench.arms.site import Sites
from regtap_bench.measuring.probe import count_system_calls, probe_all

REGISTER = Register("r", 0x10, "u32")
TICKS = 1000.0  # short blocks will do
# Why a file of one page may lack an arm.
REASONS = ("not installed", "no aligned block", "knows no target but /dev/mem", "io_uring")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "page"
    path.write_bytes(bytes(range(256)) * 16)
    return path


@pytest.fixture
def sites(path: Path) -> Iterator[Sites]:
    with Sites(f"file:{path}", REGISTER, Register("w", 0x20, "u64")) as sites:
        yield sites


def _arms(*, quick: bool = False, is_device: bool = False, writes: bool = True) -> dict[str, AccessArm]:
    return catalogue(REGISTER, is_device=is_device, quick=quick, writes=writes)


def test_names_are_unique_and_controls_come_first() -> None:
    kinds = [arm.kind for arm in _arms().values()]
    assert kinds == sorted(kinds, key=lambda kind: kind != "control")
    assert len(_native.arms()) == len({arm.name for arm in _native.arms()})


@pytest.mark.parametrize("is_device", [False, True])
def test_a_quick_run_has_at_most_eight_arms(is_device: bool) -> None:
    arms = _arms(quick=True, is_device=is_device, writes=False)
    assert sum(arm.kind != "control" for arm in arms.values()) <= 8


def test_a_run_of_named_arms_has_those_and_every_control() -> None:
    named = catalogue(REGISTER, is_device=False, quick=True, writes=False, only=("python: numpy", "pread"))
    controls = [name for name, arm in _arms().items() if arm.kind == "control"]
    assert list(named) == [*controls, "pread", "python: numpy"]


@pytest.mark.parametrize("wrong", ["nothing", EMPTY, "mmap store"])
def test_a_named_arm_that_there_is_not_is_an_input_error(wrong: str) -> None:
    with pytest.raises(InputError, match=f"called '{wrong}'; it has mmap load, "):
        catalogue(REGISTER, is_device=False, quick=True, writes=False, only=(wrong,))


def test_a_misaligned_width_is_no_arm() -> None:
    arms = catalogue(Register("r", 0x14, "u32"), is_device=False, quick=False, writes=False)
    assert "mmap load u16" in arms
    assert "mmap load u64" not in arms


def test_every_arm_runs_and_makes_the_system_calls_that_it_says(sites: Sites) -> None:
    arms = _arms()
    found = probe_all(arms, sites, TICKS)
    for name, arm in arms.items():
        if found[name].refused:
            assert any(reason in found[name].refused for reason in REASONS), name
            continue
        assert set(found[name].ticks) == set(arm.measures), name
        assert all(ticks > 0 for ticks in found[name].ticks.values()), name
        counted = found[name].system_calls
        if counted is not None:  # where tracing is allowed
            assert (round(counted) if arm.kind == "python" else counted) == arm.system_calls, name


def test_an_arm_that_calls_more_than_it_says_is_found_out() -> None:
    meter = _native.Meter()

    def sly(count: int) -> Reading:
        os.getppid()  # outside of what is timed
        meter.begin()
        for _ in range(3 * count):
            os.getppid()
        return meter.end()

    try:
        assert count_system_calls(sly) == 3
    except OSError:
        pytest.skip("tracing is not allowed here")


def test_reads_change_nothing_and_writes_only_their_register(path: Path) -> None:
    before = path.read_bytes()
    with Sites(f"file:{path}", REGISTER, Register("w", 0x20, "u64")) as sites:
        assert sites.write is not None
        sites.write.site.value = 0x1122334455667788
        for arm in _arms().values():
            if not arm.refusal(sites):
                arm.block(sites, THROUGHPUT)(_native.UNROLL)

    after = path.read_bytes()

    assert after[0x20:0x28] == (0x1122334455667788).to_bytes(8, "little")
    assert after[:0x20] + after[0x28:] == before[:0x20] + before[0x28:]


def test_nothing_is_writable_unless_a_register_was_named(path: Path) -> None:
    path.chmod(0o400)
    with Sites(f"file:{path}", REGISTER, None) as sites:
        store = _arms()["mmap store"]
        assert "--allow-write" in store.refusal(sites)


def test_after_a_bus_error_no_other_arm_touches_the_mapping(path: Path, sites: Sites) -> None:
    os.truncate(path, 0)
    found = probe_all(_arms(), sites, TICKS)

    assert "bus error" in found[LOAD].refused
    assert {found[name].refused for name in ("python: memoryview", "python: regtap", "open+mmap+load")} == {
        found[LOAD].refused
    }
    assert found[PREAD].refused == os.strerror(5)
    assert not found[EMPTY].refused


def test_the_exceptions_of_the_two_native_modules_stay_apart(path: Path, sites: Sites) -> None:
    os.truncate(path, 0)
    assert sites.read.device is not None
    with pytest.raises(BusFaultError):
        sites.read.device.read(REGISTER)

    with pytest.raises(_native.BusFault):
        _arms()[LOAD].block(sites, THROUGHPUT)(_native.UNROLL)


def test_a_core_dump_leaves_out_what_the_arms_map(path: Path, sites: Sites) -> None:
    block = _arms()["python: memoryview"].block(sites, THROUGHPUT)
    with open("/proc/self/smaps", encoding="utf-8") as file:
        mapped = flags_of(str(path), file.read())

    assert block is not None
    assert len(mapped) >= 3  # of regtap's own device, of the native arms, of this one
    assert all("dd" in flags for flags in mapped)


def test_the_twin_does_what_the_baseline_does() -> None:
    twin, base = twin_of(PREAD), _arms()[PREAD]
    assert (twin.kind, twin.measures, twin.system_calls) == ("control", base.measures, base.system_calls)


def test_the_delay_takes_two_microseconds(sites: Sites) -> None:
    frequency_hz = core.frequency_hz(core.best_source(True))
    _native.set_delay_ticks(round(frequency_hz * 2e-6))
    run = _arms()[DELAY].block(sites, THROUGHPUT)

    least = min(run(_native.UNROLL)[0] for _ in range(50))

    assert 2e-6 <= least / frequency_hz / _native.UNROLL < 3e-6


@pytest.mark.parametrize("width_bytes", [0, 3, 16])
def test_a_width_that_is_no_access_is_refused(width_bytes: int) -> None:
    fd = os.memfd_create("t")
    try:
        os.ftruncate(fd, 4096)
        with pytest.raises(ValueError, match="width"):
            _native.Site(
                fd,
                path="",
                open_flags=0,
                map_offset=0,
                map_bytes=4096,
                offset=0,
                width_bytes=width_bytes,
                writable=False,
            )
    finally:
        os.close(fd)


def test_a_measure_that_an_arm_has_not_is_refused(sites: Sites) -> None:
    with pytest.raises(ValueError, match="latency"):
        _arms()[DELAY].block(sites, LATENCY)(_native.UNROLL)
