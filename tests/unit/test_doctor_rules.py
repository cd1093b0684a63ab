"""Findings about the machine's clock, processors, memory and packages, both ways, and the report of all findings."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.doctor_facts import (
    FREE,
    GOOD,
    MIB,
    RESOURCES,
    USER,
    assert_says,
    machine,
    node,
    uio_device,
    with_config,
)

from regtap.doctor import report, screen
from regtap.doctor.facts import Facts, Kernel, PhysicalMemory, Process, SpoolSpace, Timing
from regtap.doctor.findings import Group, Status, ok
from regtap.doctor.rules import basics, timing
from regtap.spool.location import LEAST_BYTES
from regtap.system.memory import Memory


def _timing(**changes: object) -> Facts:
    return machine(timing=replace(GOOD.timing, **changes))  # type: ignore[arg-type]


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
    assert_says(timing.clock(facts), status, text)


@pytest.mark.parametrize(
    ("facts", "status", "text"),
    [
        (machine(), Status.OK, "2 usable"),
        (_timing(virtual=True), Status.OK, "virtual machine"),
        (machine(process=Process(cpus=(3,))), Status.WARNING, "take turns"),
    ],
)
def test_processors(facts: Facts, status: Status, text: str) -> None:
    assert_says(timing.processors(facts), status, text)


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
    assert_says(timing.governor(_timing(governors=governors)), status, text)


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
    assert_says(timing.isolation(facts), status, text)


def test_isolation_says_which_cpus_are_tickless() -> None:
    facts = _timing(isolated_cpus=(1,), tickless_cpus=(1,))
    assert_says(timing.isolation(facts), Status.OK, "CPU 1, tickless 1")


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
    assert_says(timing.real_time(facts), status, text)


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
        (
            SpoolSpace(8 << 30, 6 << 30, spool_count=2, spool_bytes=1 << 30),
            Status.OK,
            "1 GiB held by 2 spools",
        ),
    ],
)
def test_shared_memory(room: SpoolSpace, status: Status, text: str) -> None:
    assert_says(basics.shared_memory(machine(room=room)), status, text)


@pytest.mark.parametrize(
    "memory", [None, Memory(742 * MIB, "a memory cgroup"), Memory(742 * MIB, "the machine's memory")]
)
@pytest.mark.parametrize("free_bytes", [1023 << 30, 900 * MIB, LEAST_BYTES])
def test_shared_memory_is_told_in_lines_of_a_screen(memory: Memory | None, free_bytes: int) -> None:
    room = SpoolSpace(1023 << 30, free_bytes, spool_count=123, spool_bytes=123 << 30, memory=memory)
    found = basics.shared_memory(machine(room=room))

    shown = screen.lines([Group("memory", (found, ok("RLIMIT_MEMLOCK__", "", "")))], lambda text, _: text)

    assert [line for line in shown if len(line) > 120] == []


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
    assert_says(basics.locked_memory(facts), status, text)


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
    assert_says(basics.packages(machine(versions=versions)), status, text)


@pytest.mark.parametrize(("order", "status"), [("little", Status.OK), ("big", Status.PROBLEM)])
def test_byte_order(order: str, status: Status) -> None:
    assert_says(basics.platform(machine(byteorder=order)), status, "Linux 6.1.0 on x86_64")


def test_the_verdict_counts_problems_and_warnings() -> None:
    groups = report.judge_machine(replace(with_config(STRICT_DEVMEM="n"), room=SpoolSpace(None)))
    assert report.verdict(groups).startswith("1 problem, 1 warning; the basics")
    assert report.verdict(groups).endswith("do not work here")


def test_the_screen_has_a_line_a_finding_and_one_for_a_remedy() -> None:
    groups = report.judge_machine(with_config(STRICT_DEVMEM="n"))
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
