"""Every finding about a machine, both ways, on plain data."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.doctor_facts import BOUND, CONFIG, FREE, HIDDEN, MIB, RESOURCES, machine, node, uio_device

from regtap.doctor import report, screen
from regtap.doctor.facts import Facts, Kernel, PhysicalMemory, Process, SpoolSpace, Timing
from regtap.doctor.findings import Finding, Status
from regtap.doctor.rules import basics, devices, reach, timing
from regtap.spool.location import LEAST_BYTES
from regtap.system.memory import Memory

GOOD = machine()
USER = Process("ann", is_root=False)


def _kernel(**changes: object) -> Facts:
    return machine(kernel=replace(GOOD.kernel, **changes))  # type: ignore[arg-type]


def _config(**changes: str) -> Facts:
    return _kernel(config={**CONFIG, **changes})


def _mem(mode: int | None, *, readable: bool = True, process: Process | None = None) -> Facts:
    memory = PhysicalMemory(node("/dev/mem", mode, readable=readable), 40, RESOURCES)
    return machine(memory=memory, process=process)


def _timing(**changes: object) -> Facts:
    return machine(timing=replace(GOOD.timing, **changes))  # type: ignore[arg-type]


def _says(finding: Finding, status: Status, text: str) -> None:
    whole = f"{finding.state}: {finding.meaning} -> {finding.remedy}"
    assert (finding.status, text in whole) == (status, True), whole


def test_a_good_machine_has_only_good_findings() -> None:
    groups = report.judge_machine(GOOD)
    assert [f.name for group in groups for f in group.findings if f.status is not Status.OK] == []
    assert report.verdict(groups).startswith("no problems, no warnings; the basics")


def test_each_finding_that_is_not_good_says_what_to_do() -> None:
    worst = Facts(
        kernel=Kernel(lockdown="integrity"),
        process=Process("ann", is_root=False, cpus=(0,), memlock_bytes=1, realtime_refused="no"),
        memory=PhysicalMemory(node("/dev/mem", 0o666)),
        uio=(uio_device(readable=False),),
        pci=(FREE,),
        timing=Timing(
            tick_source=None, native_error="no such file", governors=("powersave",), isolated_cpus=(3,)
        ),
        room=SpoolSpace(None),
        versions={},
        byteorder="big",
    )

    bad = [f for group in report.judge_machine(worst) for f in group.findings if f.status is not Status.OK]
    assert len(bad) >= 12
    assert [finding.name for finding in bad if not finding.remedy] == []


@pytest.mark.parametrize(
    ("process", "status", "text"),
    [
        (Process(capabilities=("CAP_SYS_RAWIO",)), Status.OK, "every target"),
        (Process(capabilities=()), Status.WARNING, "--cap-add SYS_RAWIO"),
        (USER, Status.OK, "user ann, no capabilities"),
        (replace(USER, capabilities=("CAP_SYS_NICE",)), Status.OK, "CAP_SYS_NICE"),
    ],
)
def test_privileges(process: Process, status: Status, text: str) -> None:
    _says(reach.privileges(machine(process=process)), status, text)


@pytest.mark.parametrize(
    ("mode", "status", "text"),
    [
        ("none", Status.OK, "none"),
        ("integrity", Status.WARNING, "even to root"),
        ("confidentiality", Status.WARNING, "even to root"),
    ],
)
def test_lockdown(mode: str, status: Status, text: str) -> None:
    _says(reach.lockdown(_kernel(lockdown=mode)), status, text)


@pytest.mark.parametrize(
    ("facts", "status", "text"),
    [
        (_mem(0o640), Status.OK, "can be opened"),
        (_mem(0o600), Status.OK, "can be opened"),
        (_mem(None), Status.WARNING, "hidden from this container"),
        (_mem(0o640, readable=False, process=USER), Status.WARNING, "closed to user ann"),
        (_mem(0o640, process=USER), Status.WARNING, "takes CAP_SYS_RAWIO"),
        (_kernel(lockdown="integrity"), Status.WARNING, "lockdown"),
    ],
)
def test_dev_mem(facts: Facts, status: Status, text: str) -> None:
    _says(reach.dev_mem(facts), status, text)


def test_a_kernel_without_dev_mem_is_not_a_container_without_it() -> None:
    memory = PhysicalMemory(node("/dev/mem", None))
    built_without = replace(_config(DEVMEM="n"), memory=memory)
    _says(reach.dev_mem(built_without), Status.WARNING, "built without CONFIG_DEVMEM")

    unknown = replace(_kernel(config=None), memory=memory)

    assert reach.dev_mem(unknown).state == "absent"


@pytest.mark.parametrize(
    ("mode", "who"),
    [
        (0o666, "EVERYBODY MAY WRITE IT"),
        (0o642, "EVERYBODY MAY WRITE IT"),
        (0o660, "GROUP KMEM MAY WRITE IT"),
        (0o620, "GROUP KMEM MAY WRITE IT"),
        (0o644, "EVERYBODY MAY READ IT"),
    ],
)
@pytest.mark.parametrize("readable", [True, False])
def test_a_dev_mem_that_is_too_open_is_a_loud_warning_to_all(mode: int, who: str, readable: bool) -> None:
    finding = reach.dev_mem(_mem(mode, readable=readable))
    _says(finding, Status.WARNING, who)
    _says(finding, Status.WARNING, "SECURITY HOLE")


@pytest.mark.parametrize(
    ("facts", "status", "text"),
    [
        (_config(STRICT_DEVMEM="y"), Status.OK, "on (/boot/config-6.1.0)"),
        (_config(STRICT_DEVMEM="n"), Status.WARNING, "can crash it"),
        (replace(_config(STRICT_DEVMEM="n"), memory=_mem(None).memory), Status.OK, "no matter"),
        (_kernel(config=None), Status.OK, "unknown"),
    ],
)
def test_strict_devmem(facts: Facts, status: Status, text: str) -> None:
    _says(reach.strict_devmem(facts), status, text)


CLAIMS = {**CONFIG, "IO_STRICT_DEVMEM": "y"}


@pytest.mark.parametrize(
    ("facts", "status", "text"),
    [
        (_kernel(config=CLAIMS), Status.WARNING, "boot with iomem=relaxed"),
        (_kernel(config=CLAIMS, boot_arguments="quiet iomem=relaxed"), Status.OK, "lifted"),
        (_kernel(config=CLAIMS, boot_arguments="my.iomem=relaxed"), Status.WARNING, "driver claims"),
        (_config(IO_STRICT_DEVMEM="n"), Status.OK, "off"),
        (_kernel(config=None), Status.OK, "unknown"),
        (_kernel(config=None, boot_arguments="iomem=relaxed"), Status.OK, "lifted"),
    ],
)
def test_io_strict_devmem(facts: Facts, status: Status, text: str) -> None:
    _says(reach.io_strict_devmem(facts), status, text)


@pytest.mark.parametrize(
    ("memory", "status", "text"),
    [
        (GOOD.memory, Status.OK, "8 resources"),
        (replace(GOOD.memory, resources=HIDDEN), Status.WARNING, "only zeros to this user"),
        (replace(GOOD.memory, resources=()), Status.WARNING, "absent"),
    ],
)
def test_iomem(memory: PhysicalMemory, status: Status, text: str) -> None:
    _says(reach.iomem(machine(memory=memory)), status, text)


@pytest.mark.parametrize(
    ("facts", "status", "text"),
    [
        (machine(), Status.OK, "uio_pdrv_genirq"),
        (_config(UIO="n"), Status.OK, "without CONFIG_UIO"),
        (machine(uio=(uio_device(),)), Status.OK, "1 device"),
        (machine(uio=(uio_device(), uio_device(1))), Status.OK, "2 devices"),
        (machine(uio=(uio_device(), uio_device(1, readable=False))), Status.WARNING, "/dev/uio1"),
        (machine(uio=(uio_device(mappable=False),)), Status.WARNING, "not whole pages"),
    ],
)
def test_uio(facts: Facts, status: Status, text: str) -> None:
    _says(devices.uio(facts), status, text)


def test_each_uio_map_has_a_line_with_name_address_size_and_node() -> None:
    details = devices.uio(machine(uio=(uio_device(), replace(uio_device(1), maps=())))).details
    assert details == (
        "uio:0/0  adc, regs 0xa0000000 4 KiB; /dev/uio0 mode 600 root:kmem",
        "uio:1  adc, no maps; /dev/uio1 mode 600 root:kmem",
    )


STRICT = _kernel(config=CLAIMS)


@pytest.mark.parametrize(
    ("facts", "condition"),
    [
        (machine(pci=(FREE,)), "ready"),
        (machine(pci=(BOUND,)), "ready"),  # without IO_STRICT_DEVMEM
        (replace(STRICT, pci=(BOUND,)), "claimed by its driver"),
        (replace(STRICT, pci=(FREE,)), "ready"),
        (replace(STRICT, pci=(replace(FREE, driver="uio_pci_generic"),)), "ready"),
        (
            replace(STRICT, pci=(BOUND,), memory=replace(GOOD.memory, resources=HIDDEN)),
            "may be claimed by its driver",
        ),
        (
            replace(
                STRICT,
                pci=(replace(FREE, driver="uio_pci_generic"),),
                memory=replace(GOOD.memory, resources=HIDDEN),
            ),
            "ready",
        ),
        (replace(_kernel(config=None), pci=(BOUND,)), "may be claimed by its driver"),
        (machine(pci=(replace(FREE, enabled=False),)), "disabled"),
        (machine(pci=(replace(FREE, power_state="D3cold"),)), "asleep"),
        (machine(pci=(replace(FREE, readable=False),)), "closed to this user"),
        (machine(pci=(replace(FREE, has_files=False),)), "no files"),
        (_kernel(lockdown="integrity"), "locked down"),
    ],
)
def test_a_pci_device_says_whether_it_can_be_mapped_now(facts: Facts, condition: str) -> None:
    device = facts.pci[0]
    assert devices.condition(device, device.bars, facts) == condition

    finding = devices.pci(facts)

    assert finding.status is (Status.OK if condition == "ready" else Status.WARNING)
    assert condition in finding.details[0]


def test_a_device_is_ready_while_one_of_its_bars_is_unclaimed() -> None:
    device = replace(BOUND, bars=(*BOUND.bars, replace(BOUND.bars[0], number=1, first=0xE0008000)))
    finding = devices.pci(replace(STRICT, pci=(device,)))
    assert finding.details == (
        "pci:0000:04:00.0  8086:2922  ahci, ready: bar5 0xe0000000 16 KiB (ahci)  bar1 0xe0008000 16 KiB",
    )


def test_the_remedy_for_pci_is_of_the_device_that_needs_least() -> None:
    disabled, unreadable = replace(FREE, enabled=False), replace(BOUND, readable=False)
    _says(devices.pci(machine(pci=(disabled, unreadable))), Status.WARNING, "sudo")
    echo = "echo 1 > /sys/bus/pci/devices/0000:03:00.0/enable"

    _says(devices.pci(machine(pci=(disabled,))), Status.WARNING, echo)


def test_a_long_list_of_devices_shows_mappable_ones_first() -> None:
    off = tuple(replace(FREE, address=f"0000:10:{n:02x}.0", enabled=False) for n in range(20))

    details = devices.pci(machine(pci=(*off, FREE))).details
    assert len(details) == 7
    assert details[0].startswith("pci:0000:03:00.0")
    assert details[-1].startswith("and 15 more")


def test_a_machine_without_pci_says_so() -> None:
    _says(devices.pci(machine(pci=())), Status.OK, "no devices")


@pytest.mark.parametrize(
    ("facts", "status", "text"),
    [
        (machine(), Status.OK, "tsc, +-20 ns"),
        (_timing(error_bound_ns=5000.0), Status.WARNING, "less exact"),
        (
            _timing(
                tick_source="monotonic_raw",
                clocksource="hpet",
                available_clocksources=("hpet", "acpi_pm"),
            ),
            Status.WARNING,
            "dmesg",
        ),
        (
            _timing(
                tick_source="monotonic_raw",
                clocksource="kvm-clock",
                available_clocksources=("kvm-clock", "tsc"),
            ),
            Status.WARNING,
            "echo tsc >",
        ),
        (
            replace(
                _timing(tick_source="monotonic_raw", available_clocksources=("riscv_clocksource",)),
                machine="riscv64",
            ),
            Status.OK,
            "asks the kernel",
        ),
        (_timing(tick_source=None, native_error="bad ELF"), Status.PROBLEM, "bad ELF"),
    ],
)
def test_clock(facts: Facts, status: Status, text: str) -> None:
    _says(timing.clock(facts), status, text)


@pytest.mark.parametrize(
    ("facts", "status", "text"),
    [
        (machine(), Status.OK, "2 usable"),
        (_timing(virtual=True), Status.OK, "virtual machine"),
        (machine(process=Process(cpus=(3,))), Status.WARNING, "take turns"),
    ],
)
def test_processors(facts: Facts, status: Status, text: str) -> None:
    _says(timing.processors(facts), status, text)


@pytest.mark.parametrize(
    ("governors", "status", "text"),
    [
        ((), Status.OK, "no frequency scaling"),
        (("performance",), Status.OK, "stays up"),
        (("powersave",), Status.WARNING, "cpupower"),
        (("performance", "schedutil"), Status.WARNING, "performance, schedutil"),
    ],
)
def test_governor(governors: tuple[str, ...], status: Status, text: str) -> None:
    _says(timing.governor(_timing(governors=governors)), status, text)


@pytest.mark.parametrize(
    ("cpus", "isolated", "status", "text"),
    [
        ((0, 1), (), Status.OK, "isolcpus=N"),
        ((0, 1, 3), (3,), Status.OK, "--cpu 3"),
        ((1, 0), (2, 3), Status.OK, "--cpu 2"),  # not this process's by itself, but it may ask for it
    ],
)
def test_isolation(cpus: tuple[int, ...], isolated: tuple[int, ...], status: Status, text: str) -> None:
    facts = replace(_timing(isolated_cpus=isolated), process=Process(cpus=cpus))
    _says(timing.isolation(facts), status, text)


def test_isolation_says_which_cpus_are_tickless() -> None:
    facts = _timing(isolated_cpus=(1,), tickless_cpus=(1,))
    _says(timing.isolation(facts), Status.OK, "CPU 1, tickless 1")


@pytest.mark.parametrize(
    ("facts", "status", "text"),
    [
        (machine(), Status.OK, "without throttling"),
        (_timing(realtime_us=1_000_000), Status.OK, "without throttling"),
        (_timing(realtime_us=950_000), Status.WARNING, "950 of 1000 ms"),
        (_timing(realtime_us=950_000), Status.WARNING, "pause 50 ms"),
        (machine(process=Process(realtime_refused="EPERM")), Status.WARNING, "--cap-add SYS_NICE"),
        (machine(process=replace(USER, realtime_refused="EPERM")), Status.WARNING, "sudo"),
        (_timing(latency_node=node("/dev/cpu_dma_latency", writable=False)), Status.WARNING, "cpu_dma"),
    ],
)
def test_real_time(facts: Facts, status: Status, text: str) -> None:
    _says(timing.real_time(facts), status, text)


@pytest.mark.parametrize(
    ("room", "status", "text"),
    [
        (SpoolSpace(8 << 30, 6 << 30), Status.OK, "ring takes 1 GiB"),
        (SpoolSpace(2 << 30, 1024 * MIB), Status.OK, "ring takes 256 MiB"),
        (SpoolSpace(1 << 30, 1020 * MIB), Status.WARNING, "ring takes 255 MiB"),
        (SpoolSpace(64 * MIB, 4 * MIB), Status.WARNING, "--shm-size"),
        (SpoolSpace(64 * MIB, 4 * LEAST_BYTES), Status.WARNING, "ring takes 320 KiB"),
        (SpoolSpace(64 * MIB, 4 * LEAST_BYTES - 1), Status.PROBLEM, "too small"),
        (
            SpoolSpace(64 * MIB, 4 * MIB, spool_count=1, spool_bytes=60 * MIB),
            Status.WARNING,
            "recover --list",
        ),
        (SpoolSpace(None, writable=False), Status.PROBLEM, "absent"),
        (
            SpoolSpace(1 << 30, 1 << 30, memory=Memory(160 * MIB, "a memory cgroup")),
            Status.WARNING,
            "takes 40 MiB",
        ),
        (
            SpoolSpace(1 << 30, 1 << 30, memory=Memory(160 * MIB, "a memory cgroup")),
            Status.WARNING,
            "left by a memory cgroup",
        ),
        (
            SpoolSpace(1 << 30, 1 << 30, memory=Memory(160 * MIB, "a memory cgroup")),
            Status.WARNING,
            "docker: --memory",
        ),
        (
            SpoolSpace(8 << 30, 6 << 30, memory=Memory(16 << 30, "the machine's memory")),
            Status.OK,
            "takes 1 GiB",
        ),
        (SpoolSpace(8 << 30, 6 << 30, writable=False), Status.PROBLEM, "closed to user root"),
        (SpoolSpace(8 << 30, 6 << 30, spool_count=2, spool_bytes=1 << 30), Status.OK, "2 spools hold 1 GiB"),
    ],
)
def test_shared_memory(room: SpoolSpace, status: Status, text: str) -> None:
    _says(basics.shared_memory(machine(room=room)), status, text)


@pytest.mark.parametrize(
    ("process", "swap", "status", "text"),
    [
        (replace(USER, memlock_bytes=None), True, Status.OK, "no limit"),
        (Process(capabilities=("CAP_IPC_LOCK",), memlock_bytes=1), True, Status.OK, "no limit"),
        (
            Process(capabilities=("CAP_IPC_LOCK",), memlock_bytes=8 * MIB, drops_root=True),
            True,
            Status.WARNING,
            "8 MiB",
        ),
        (
            Process(capabilities=("CAP_SYS_RESOURCE",), memlock_bytes=8 * MIB, drops_root=True),
            True,
            Status.OK,
            "no limit",
        ),
        (
            Process(capabilities=("CAP_SYS_RESOURCE",), memlock_bytes=8 * MIB),
            True,
            Status.WARNING,
            "8 MiB",
        ),
        (replace(USER, memlock_bytes=8 * MIB), True, Status.WARNING, "ulimit -l"),
        (replace(USER, memlock_bytes=8 * MIB), False, Status.OK, "nothing is swapped"),
        (replace(USER, memlock_bytes=2 << 30), True, Status.OK, "the ring is locked"),
    ],
)
def test_locked_memory(process: Process, swap: bool, status: Status, text: str) -> None:
    facts = machine(process=process, room=SpoolSpace(8 << 30, 6 << 30, has_swap=swap))
    _says(basics.locked_memory(facts), status, text)


@pytest.mark.parametrize(
    ("missing", "status", "text"),
    [
        (None, Status.OK, "pyarrow 20"),
        ("matplotlib", Status.WARNING, "no plot"),
        ("numpy", Status.PROBLEM, "pip install numpy"),
        ("pyarrow", Status.WARNING, "pip install pyarrow"),
    ],
)
def test_packages(missing: str | None, status: Status, text: str) -> None:
    versions = {**GOOD.versions, **({missing: None} if missing else {})}
    _says(basics.packages(machine(versions=versions)), status, text)


@pytest.mark.parametrize(("order", "status"), [("little", Status.OK), ("big", Status.PROBLEM)])
def test_byte_order(order: str, status: Status) -> None:
    _says(basics.platform(machine(byteorder=order)), status, "Linux 6.1.0 on x86_64")


def test_the_verdict_counts_problems_and_warnings() -> None:
    groups = report.judge_machine(replace(_config(STRICT_DEVMEM="n"), room=SpoolSpace(None)))
    assert report.verdict(groups).startswith("1 problem, 1 warning; the basics")
    assert report.verdict(groups).endswith("do not work here")


def test_the_screen_has_a_line_a_finding_and_one_for_a_remedy() -> None:
    groups = report.judge_machine(_config(STRICT_DEVMEM="n"))
    lines = list(screen.lines(groups, lambda text, _: text))
    findings = [finding for group in groups for finding in group.findings]
    extra = sum(bool(finding.remedy) + len(finding.details) for finding in findings)
    assert len(lines) == len(groups) + len(findings) + extra

    states = {line.index(finding.state) for finding in findings for line in lines if finding.state in line}
    assert len(states) == 1
    assert {line.index("->") for line in lines if line.lstrip().startswith("->")} == states


def test_what_a_driver_calls_its_device_cannot_move_the_cursor() -> None:
    groups = report.judge_machine(machine(uio=(replace(uio_device(), name="a\x1b[2J\nb"),)))
    text = "".join(screen.lines(groups, lambda text, _: text))
    assert "a?[2J?b" in text


def test_the_document_keeps_where_the_kernel_lies_to_itself() -> None:
    document = report.machine_document(report.judge_machine(GOOD), GOOD)
    assert document["facts"]["memory"]["resources"] == len(RESOURCES)
    assert "Kernel code" not in str(document)


def test_root_that_sees_no_addresses_lacks_a_capability() -> None:
    hidden = replace(GOOD.memory, resources=HIDDEN)

    _says(reach.iomem(machine(memory=hidden)), Status.WARNING, "--cap-add SYS_ADMIN")
    _says(reach.iomem(machine(memory=hidden, process=USER)), Status.WARNING, "run doctor as root (sudo)")


def test_without_proc_nothing_is_said_of_capabilities() -> None:
    finding = reach.privileges(machine(process=Process(is_known=False)))

    _says(finding, Status.WARNING, "the rest unknown")
    assert finding.remedy == "mount -t proc proc /proc"


def test_without_sys_no_device_is_said_to_be_absent() -> None:
    findings = devices.judge(replace(GOOD, has_sys=False))

    assert [(finding.status, finding.remedy) for finding in findings] == [
        (Status.WARNING, "mount -t sysfs sysfs /sys")
    ] * 2
