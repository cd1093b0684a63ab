"""Findings about what root, the kernel and /dev/mem let a process reach, both ways, on plain data."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.doctor_facts import (
    CLAIMS,
    GOOD,
    HIDDEN,
    RESOURCES,
    USER,
    assert_says,
    machine,
    node,
    with_config,
    with_kernel,
)

from regtap.doctor.facts import Facts, PhysicalMemory, Process
from regtap.doctor.findings import Status
from regtap.doctor.rules import reach


def _mem(mode: int | None, *, readable: bool = True, process: Process | None = None) -> Facts:
    memory = PhysicalMemory(node("/dev/mem", mode, readable=readable), 40, RESOURCES)
    return machine(memory=memory, process=process)


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
    assert_says(reach.privileges(machine(process=process)), status, text)


@pytest.mark.parametrize(
    ("mode", "status", "text"),
    [
        ("none", Status.OK, "none"),
        ("integrity", Status.WARNING, "even to root"),
        ("confidentiality", Status.WARNING, "even to root"),
    ],
)
def test_lockdown(mode: str, status: Status, text: str) -> None:
    assert_says(reach.lockdown(with_kernel(lockdown=mode)), status, text)


@pytest.mark.parametrize(
    ("facts", "status", "text"),
    [
        (_mem(0o640), Status.OK, "can be opened"),
        (_mem(0o600), Status.OK, "can be opened"),
        (_mem(None), Status.WARNING, "hidden from this container"),
        (_mem(0o640, readable=False, process=USER), Status.WARNING, "closed to user ann"),
        (_mem(0o640, process=USER), Status.WARNING, "takes CAP_SYS_RAWIO"),
        (with_kernel(lockdown="integrity"), Status.WARNING, "lockdown"),
    ],
)
def test_dev_mem(facts: Facts, status: Status, text: str) -> None:
    assert_says(reach.dev_mem(facts), status, text)


def test_a_kernel_without_dev_mem_is_not_a_container_without_it() -> None:
    memory = PhysicalMemory(node("/dev/mem", None))
    built_without = replace(with_config(DEVMEM="n"), memory=memory)
    assert_says(reach.dev_mem(built_without), Status.WARNING, "built without CONFIG_DEVMEM")

    unknown = replace(with_kernel(config=None), memory=memory)

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
    assert_says(finding, Status.WARNING, who)
    assert_says(finding, Status.WARNING, "SECURITY HOLE")


@pytest.mark.parametrize(
    ("facts", "status", "text"),
    [
        (with_config(STRICT_DEVMEM="y"), Status.OK, "on (/boot/config-6.1.0)"),
        (with_config(STRICT_DEVMEM="n"), Status.WARNING, "can crash it"),
        (replace(with_config(STRICT_DEVMEM="n"), memory=_mem(None).memory), Status.OK, "no matter"),
        (with_kernel(config=None), Status.OK, "unknown"),
    ],
)
def test_strict_devmem(facts: Facts, status: Status, text: str) -> None:
    assert_says(reach.strict_devmem(facts), status, text)


@pytest.mark.parametrize(
    ("facts", "status", "text"),
    [
        (with_kernel(config=CLAIMS), Status.WARNING, "boot with iomem=relaxed"),
        (with_kernel(config=CLAIMS, boot_arguments="quiet iomem=relaxed"), Status.OK, "lifted"),
        (with_kernel(config=CLAIMS, boot_arguments="my.iomem=relaxed"), Status.WARNING, "driver claims"),
        (with_config(IO_STRICT_DEVMEM="n"), Status.OK, "off"),
        (with_kernel(config=None), Status.OK, "unknown"),
        (with_kernel(config=None, boot_arguments="iomem=relaxed"), Status.OK, "lifted"),
    ],
)
def test_io_strict_devmem(facts: Facts, status: Status, text: str) -> None:
    assert_says(reach.io_strict_devmem(facts), status, text)


@pytest.mark.parametrize(
    ("memory", "status", "text"),
    [
        (GOOD.memory, Status.OK, "8 resources"),
        (replace(GOOD.memory, resources=HIDDEN), Status.WARNING, "only zeros to this user"),
        (replace(GOOD.memory, resources=()), Status.WARNING, "absent"),
    ],
)
def test_iomem(memory: PhysicalMemory, status: Status, text: str) -> None:
    assert_says(reach.iomem(machine(memory=memory)), status, text)


def test_root_that_sees_no_addresses_lacks_a_capability() -> None:
    hidden = replace(GOOD.memory, resources=HIDDEN)

    assert_says(reach.iomem(machine(memory=hidden)), Status.WARNING, "--cap-add SYS_ADMIN")
    assert_says(
        reach.iomem(machine(memory=hidden, process=USER)), Status.WARNING, "run doctor as root (sudo)"
    )


def test_without_proc_nothing_is_said_of_capabilities() -> None:
    finding = reach.privileges(machine(process=Process(is_known=False)))

    assert_says(finding, Status.WARNING, "the rest unknown")
    assert finding.remedy == "mount -t proc proc /proc"
