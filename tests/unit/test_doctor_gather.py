"""Facts, gathered from trees of files in the place of /proc, /sys, /dev and /boot."""

from __future__ import annotations

import gzip
import os
import platform
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regtap.doctor import gather
from regtap.doctor.devices import Bar, pci_devices, uio_devices
from regtap.doctor.nodes import inspect_node
from regtap.system import iomem

CONFIG = "# CONFIG_DEVMEM is not set\nCONFIG_STRICT_DEVMEM=y\nCONFIG_UIO=m\n"
PAGE = os.sysconf("SC_PAGE_SIZE")
CPU, CLOCK = "sys/devices/system/cpu", "sys/devices/system/clocksource/clocksource0"


def _write(root: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


def test_an_empty_root_gives_facts_and_no_error(tmp_path: Path) -> None:
    facts = gather.gather(str(tmp_path))

    assert (facts.uio, facts.pci, facts.memory.resources) == ((), (), ())
    assert (facts.memory.node.mode, facts.memory.node.readable) == (None, False)
    assert (facts.kernel.config, facts.kernel.config_source) == (None, None)
    assert (facts.room.total_bytes, facts.timing.virtual) == (None, None)


def test_the_kernels_options_come_from_its_packed_config(tmp_path: Path) -> None:
    root = _write(tmp_path, {f"boot/config-{platform.release()}": "CONFIG_DEVMEM=y\n", "proc/x": ""})
    (tmp_path / "proc/config.gz").write_bytes(gzip.compress(CONFIG.encode()))

    kernel = gather.gather_kernel(root)

    assert kernel.config_source == "/proc/config.gz"
    assert [kernel.is_set(name) for name in ("DEVMEM", "STRICT_DEVMEM", "IO_STRICT_DEVMEM", "UIO")] == [
        False,
        True,
        False,
        True,
    ]


@pytest.mark.parametrize("place", ["boot/config-{}", "lib/modules/{}/config"])
def test_without_a_packed_config_the_installed_one_will_do(tmp_path: Path, place: str) -> None:
    name = place.format(platform.release())
    kernel = gather.gather_kernel(_write(tmp_path, {name: CONFIG, "boot/config-0.0": "CONFIG_DEVMEM=y\n"}))

    assert kernel.config_source == f"/{name}"
    assert kernel.is_set("DEVMEM") is False


@pytest.mark.parametrize("content", [b"", b"no gzip", gzip.compress(CONFIG.encode(), mtime=0)[:-9]])
def test_a_damaged_config_is_an_unknown_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/config.gz").write_bytes(content)
    assert gather.gather_kernel(str(tmp_path)).is_set("DEVMEM") in (None, False)


def test_a_longer_options_name_is_another_option(tmp_path: Path) -> None:
    kernel = gather.gather_kernel(
        _write(tmp_path, {f"boot/config-{platform.release()}": "CONFIG_NET_DEVMEM=y\nCONFIG_UIO_CIF=m\n"})
    )
    assert (kernel.is_set("DEVMEM"), kernel.is_set("UIO")) == (False, False)


@pytest.mark.parametrize(
    ("files", "mode"),
    [
        ({"sys/kernel/security/lockdown": "none [integrity] confidentiality\n"}, "integrity"),
        ({"sys/kernel/security/lockdown": "[none] integrity confidentiality\n"}, "none"),
        ({"proc/cmdline": "quiet lockdown=confidentiality x\n"}, "confidentiality"),
        ({"proc/cmdline": "xlockdown=integrity lockdown=integrityx\n"}, "none"),
        (
            {
                "sys/kernel/security/lockdown": "[none] integrity\n",
                "proc/cmdline": "lockdown=integrity\n",
            },
            "none",
        ),
        ({}, "none"),
    ],
)
def test_lockdown_comes_from_the_kernel_or_its_command_line(
    tmp_path: Path, files: dict[str, str], mode: str
) -> None:
    assert gather.gather_kernel(_write(tmp_path, files)).lockdown == mode


@pytest.mark.parametrize(("arguments", "relaxed"), [("a iomem=relaxed b\n", True), ("iomem=strict\n", False)])
def test_iomem_relaxed_is_found_on_the_command_line(tmp_path: Path, arguments: str, relaxed: bool) -> None:
    assert gather.gather_kernel(_write(tmp_path, {"proc/cmdline": arguments})).is_relaxed is relaxed


@pytest.mark.parametrize(
    ("mask", "held"),
    [
        ("0000000000020000", ("CAP_SYS_RAWIO",)),
        ("0000000000804002", ("CAP_DAC_OVERRIDE", "CAP_IPC_LOCK", "CAP_SYS_NICE")),
        ("0000000000000000", ()),
    ],
)
def test_capabilities_are_those_in_effect(tmp_path: Path, mask: str, held: tuple[str, ...]) -> None:
    status = f"Name:\tx\nCapPrm:\tffffffffffffffff\nCapEff:\t{mask}\n"
    assert gather.gather_process(_write(tmp_path, {"proc/self/status": status})).capabilities == held


@pytest.mark.parametrize(("limit", "fact"), [(65536, 65536), (resource.RLIM_INFINITY, None)])
def test_the_limit_of_locked_memory_is_the_soft_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, fact: int | None
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, 2**40))
    assert gather.gather_process(str(tmp_path)).memlock_bytes == fact


def test_trying_real_time_ends_with_the_scheduling_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    policies: list[tuple[int, os.sched_param]] = []
    monkeypatch.setattr(os, "sched_setscheduler", lambda pid, *policy: policies.append(policy))

    assert gather.gather_process(str(tmp_path)).realtime_refused is None
    assert policies == [(os.SCHED_FIFO, os.sched_param(1)), before]


def test_a_refused_real_time_has_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "no")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    assert gather.gather_process(str(tmp_path)).realtime_refused == "Operation not permitted"


IOMEM = "00100000-1fffffff : System RAM\n  01000000-01ffffff : Kernel code\n"


def test_iomem_is_seen_or_hidden(tmp_path: Path) -> None:
    seen = gather.gather(_write(tmp_path / "seen", {"proc/iomem": IOMEM})).memory

    hidden = gather.gather(_write(tmp_path / "hidden", {"proc/iomem": "00000000-00000000 : x\n"})).memory
    assert [(item.first, item.depth, item.name) for item in seen.resources] == [
        (0x100000, 0, "System RAM"),
        (0x1000000, 1, "Kernel code"),
    ]
    assert (seen.is_listed, hidden.is_listed, len(hidden.resources)) == (True, False, 1)


def test_a_range_over_two_neighbours_has_the_owners_of_the_last(tmp_path: Path) -> None:
    text = "10000000-100000ff : a\n  10000000-1000007f : b\n10000100-100001ff : c\n  10000180-1000018f : d\n"

    resources = gather.gather(_write(tmp_path, {"proc/iomem": text})).memory.resources
    owners = [
        [owner.name for owner in iomem.owning_resources(resources, first, end)]
        for first, end in ((0x10000000, 0x10000004), (0x10000080, 0x10000110), (0x10000000, 0x10001000))
    ]
    assert owners == [["a", "b"], ["c"], ["c", "d"]]


def test_a_node_has_its_mode_and_owner(tmp_path: Path) -> None:
    path = tmp_path / "mem"
    path.write_bytes(b"")
    path.chmod(0o640)

    node = inspect_node(str(path), shown_as="/dev/mem")

    assert (node.path, node.mode, node.readable) == ("/dev/mem", 0o640, True)
    assert node.description.startswith("-rw-r----- ")


def test_nodes_are_looked_at_and_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, {"dev/mem": "", "dev/uio0": "", "sys/class/uio/uio0/name": "adc\n"})
    opened: list[str] = []
    for where, real in (("os.open", os.open), ("builtins.open", open)):
        monkeypatch.setattr(where, _recorded(opened, real))
    gather.gather(str(tmp_path))

    assert f"{tmp_path}/sys/class/uio/uio0/name" in opened
    assert [path for path in opened if path.startswith(f"{tmp_path}/dev/")] == []


def _recorded(opened: list[str], real: Callable[..., Any]) -> Callable[..., Any]:
    def record(path: object, *rest: Any, **named: Any) -> Any:
        opened.append(str(path))
        return real(path, *rest, **named)

    return record


def _uio(root: Path, number: int = 0, **attributes: str) -> str:
    folder = f"sys/class/uio/uio{number}"
    given = {"name": "regs\n", "addr": "0xa0000000\n", "offset": "0x0\n", "size": "0x1000\n", **attributes}
    files = {f"{folder}/maps/map0/{name}": text for name, text in given.items()}
    return _write(root, {f"{folder}/name": "adc\n", f"dev/uio{number}": "", **files})


def test_a_uio_device_has_its_name_node_and_maps(tmp_path: Path) -> None:
    (device,) = uio_devices(_uio(tmp_path))

    (item,) = device.maps
    assert (device.number, device.name, device.node.path) == (0, "adc", "/dev/uio0")
    assert (item.number, item.name, item.first, item.size_bytes) == (0, "regs", 0xA0000000, 0x1000)
    assert item.is_mappable


@pytest.mark.parametrize(
    ("addr", "offset", "size", "first", "length", "mappable"),
    [
        (0xB0000000, 0x400, PAGE, 0xB0000400, PAGE - 0x400, True),
        (0xB0000400, 0x400, PAGE, 0xB0000400, PAGE, False),
        (0xB0000000, 0, 0x100, 0xB0000000, 0x100, False),
    ],
)
def test_a_uio_map_begins_where_its_registers_do(
    tmp_path: Path, addr: int, offset: int, size: int, first: int, length: int, mappable: bool
) -> None:
    (device,) = uio_devices(_uio(tmp_path, addr=hex(addr), offset=hex(offset), size=hex(size)))
    (item,) = device.maps
    assert (item.first, item.size_bytes, item.is_mappable) == (first, length, mappable)


def test_uio_devices_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (10, 2, 0):
        root = _uio(tmp_path, number)
    assert [device.number for device in uio_devices(root)] == [0, 2, 10]


def test_a_uio_map_that_makes_no_sense_is_left_out(tmp_path: Path) -> None:
    assert uio_devices(_uio(tmp_path, size="big\n"))[0].maps == ()


BARS = (
    "0xfea00000 0xfeafffff 0x40200\n0x0 0x0 0x0\n0xc000 0xc01f 0x40101\n"
    "0x4000000000 0x4000003fff 0x140204\n0x0 0x0 0x0\n0x0 0x0 0x0\n0x0 0x0 0x0\n"
)


def _pci(root: Path, **files: str) -> str:
    folder = "sys/bus/pci/devices/0000:03:00.0"
    given = {"resource": BARS, "enable": "1\n", "power_state": "D0\n", "vendor": "0x1234\n", **files}
    given |= {"device": "0x11e8\n", "resource0": "", "resource3": ""}
    return _write(root, {f"{folder}/{name}": text for name, text in given.items() if text != "absent"})


def test_a_pci_device_has_its_memory_bars_with_sizes(tmp_path: Path) -> None:
    (device,) = pci_devices(_pci(tmp_path))

    assert (device.address, device.ids) == ("0000:03:00.0", "1234:11e8")
    assert device.bars == (Bar(0, 0xFEA00000, 1 << 20), Bar(3, 0x4000000000, 0x4000))
    assert (device.driver, device.answers, device.has_files, device.readable) == (None, True, True, True)


def test_a_pci_devices_driver_is_where_its_link_leads(tmp_path: Path) -> None:
    root = _pci(tmp_path)
    os.symlink("../../drivers/ahci", tmp_path / "sys/bus/pci/devices/0000:03:00.0/driver")
    assert pci_devices(root)[0].driver == "ahci"


@pytest.mark.parametrize(
    ("files", "enabled", "asleep"),
    [({"enable": "0\n"}, False, False), ({"power_state": "D3hot\n"}, True, True), ({}, True, False)],
)
def test_a_pci_device_that_is_off_does_not_answer(
    tmp_path: Path, files: dict[str, str], enabled: bool, asleep: bool
) -> None:
    (device,) = pci_devices(_pci(tmp_path, **files))
    assert (device.enabled, device.asleep, device.answers) == (enabled, asleep, enabled and not asleep)


def test_a_pci_device_without_files_for_its_bars_is_noticed(tmp_path: Path) -> None:
    root = _pci(tmp_path)
    (tmp_path / "sys/bus/pci/devices/0000:03:00.0/resource3").unlink()
    assert not pci_devices(root)[0].has_files


@pytest.mark.parametrize(
    "text", ["", "hello\n", "0x0 0x0 0x0\n" * 7, "0xc000 0xc01f 0x101\n" + "0 0 0\n" * 6]
)
def test_a_pci_device_without_a_memory_bar_is_left_out(tmp_path: Path, text: str) -> None:
    assert pci_devices(_pci(tmp_path, resource=text)) == ()


def test_clocks_and_what_disturbs_a_loop(tmp_path: Path) -> None:
    files = {
        f"{CLOCK}/current_clocksource": "hpet\n",
        f"{CLOCK}/available_clocksource": "hpet acpi_pm \n",
        f"{CPU}/isolated": "2-3,5\n",
        f"{CPU}/nohz_full": "(null)\n",
        f"{CPU}/cpufreq/policy0/scaling_governor": "powersave\n",
        f"{CPU}/cpufreq/policy1/scaling_governor": "performance\n",
        f"{CPU}/cpufreq/boost": "1\n",
        "proc/sys/kernel/sched_rt_runtime_us": "950000\n",
        "proc/sys/kernel/sched_rt_period_us": "1000000\n",
        "proc/cpuinfo": "flags\t\t: fpu hypervisor tsc\naddress sizes\t: 48 bits physical, 48 bits virtual\n",
    }
    timing = gather.gather_timing(_write(tmp_path, files))

    assert (timing.clocksource, timing.available_clocksources) == ("hpet", ("hpet", "acpi_pm"))
    assert (timing.isolated_cpus, timing.tickless_cpus) == ((2, 3, 5), ())
    assert (timing.governors, timing.virtual) == (("performance", "powersave"), True)
    assert (timing.realtime_us, timing.realtime_period_us) == (950_000, 1_000_000)
    assert gather.gather(str(tmp_path)).memory.address_bits == 48


@pytest.mark.parametrize(("flags", "virtual"), [("fpu tsc", False), ("fpu hypervisor", True)])
def test_a_hypervisor_shows_in_the_processors_flags(tmp_path: Path, flags: str, virtual: bool) -> None:
    assert gather.gather_timing(_write(tmp_path, {"proc/cpuinfo": f"flags : {flags}\n"})).virtual is virtual


def test_the_error_bound_is_measured(tmp_path: Path) -> None:
    timing = gather.gather_timing(str(tmp_path))

    assert timing.tick_source in {"tsc", "cntvct", "monotonic_raw"}
    assert timing.error_bound_ns is not None
    assert timing.error_bound_ns >= 1
    assert timing.native_error is None


def test_a_native_core_that_cannot_be_loaded_is_a_fact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import regtap.clock

    monkeypatch.delattr(regtap, "_native", raising=False)
    monkeypatch.setitem(sys.modules, "regtap._native", None)
    monkeypatch.delattr(regtap.clock, "source", raising=False)
    monkeypatch.delitem(sys.modules, "regtap.clock.source", raising=False)
    timing = gather.gather_timing(str(tmp_path))
    assert (timing.tick_source, timing.error_bound_ns) == (None, None)
    assert "_native" in (timing.native_error or "")


@given(st.sets(st.integers(0, 200), max_size=20))
def test_a_cpu_list_is_read_whichever_way_it_is_written(cpus: set[int]) -> None:
    assert set(gather.parse_cpu_list(",".join(map(str, sorted(cpus))))) == cpus


@pytest.mark.parametrize(
    ("text", "cpus"), [("", ()), ("(null)", ()), ("0", (0,)), ("1-3", (1, 2, 3)), ("0,2-3", (0, 2, 3))]
)
def test_a_cpu_list_may_have_ranges(text: str, cpus: tuple[int, ...]) -> None:
    assert gather.parse_cpu_list(text) == cpus


def test_spools_in_shared_memory_are_counted(tmp_path: Path) -> None:
    files = {"dev/shm/regtap-1-00c0ffee": "x" * 5000, "dev/shm/other": "y", "proc/swaps": "head\n"}
    root = _write(tmp_path, files)

    room = gather.gather_spool_space(root)

    assert (room.spool_count, room.spool_bytes >= 5000, room.writable, room.has_swap) == (
        1,
        True,
        True,
        False,
    )
    assert room.total_bytes is not None
    assert 0 < room.free_bytes <= room.total_bytes


def test_what_no_recorder_made_is_no_spool(tmp_path: Path) -> None:
    """As `regtap recover --list`, which would not show it."""
    names = ("sim", "abcdefgh", "bench-1-00c0ffee", "1-00c0ffee.copy", "1-00c0ffee-user")
    root = _write(tmp_path, {f"dev/shm/regtap-{name}": "x" for name in names})
    (tmp_path / "dev/shm/regtap-2-00c0ffee").mkdir()
    (tmp_path / "dev/shm/regtap-3-00c0ffee").symlink_to("regtap-sim")

    room = gather.gather_spool_space(root)

    assert (room.spool_count, room.spool_bytes) == (0, 0)


def test_swap_is_noticed(tmp_path: Path) -> None:
    assert gather.gather_spool_space(
        _write(tmp_path, {"proc/swaps": "Filename\n/dev/sda2 partition 1 0 -2\n"})
    ).has_swap


def test_a_package_that_is_not_installed_has_no_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "PACKAGES", ("numpy", "no-such-package"))

    versions = gather.gather(str(tmp_path)).versions
    assert versions["no-such-package"] is None
    assert versions["numpy"]
