"""Findings about UIO and PCI devices, both ways, on plain data."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.doctor_facts import (
    BOUND,
    CLAIMS,
    FREE,
    GOOD,
    HIDDEN,
    assert_says,
    machine,
    uio_device,
    with_config,
    with_kernel,
)

from regtap.doctor.facts import Facts
from regtap.doctor.findings import Status
from regtap.doctor.rules import devices


@pytest.mark.parametrize(
    ("facts", "status", "text"),
    [
        (machine(), Status.OK, "uio_pdrv_genirq"),
        (with_config(UIO="n"), Status.OK, "without CONFIG_UIO"),
        (machine(uio=(uio_device(),)), Status.OK, "1 device"),
        (machine(uio=(uio_device(), uio_device(1))), Status.OK, "2 devices"),
        (machine(uio=(uio_device(), uio_device(1, readable=False))), Status.WARNING, "/dev/uio1"),
        (machine(uio=(uio_device(mappable=False),)), Status.WARNING, "not whole pages"),
    ],
)
def test_uio(facts: Facts, status: Status, text: str) -> None:
    assert_says(devices.uio(facts), status, text)


def test_each_uio_map_has_a_line_with_name_address_size_and_node() -> None:
    details = devices.uio(machine(uio=(uio_device(), replace(uio_device(1), maps=())))).details
    assert details == (
        "uio:0/0  adc, regs 0xa0000000 4 KiB; /dev/uio0 mode 600 root:kmem",
        "uio:1  adc, no maps; /dev/uio1 mode 600 root:kmem",
    )


STRICT = with_kernel(config=CLAIMS)


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
        (replace(with_kernel(config=None), pci=(BOUND,)), "may be claimed by its driver"),
        (machine(pci=(replace(FREE, enabled=False),)), "disabled"),
        (machine(pci=(replace(FREE, power_state="D3cold"),)), "asleep"),
        (machine(pci=(replace(FREE, readable=False),)), "closed to this user"),
        (machine(pci=(replace(FREE, has_files=False),)), "no files"),
        (with_kernel(lockdown="integrity"), "locked down"),
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
    assert_says(devices.pci(machine(pci=(disabled, unreadable))), Status.WARNING, "sudo")
    echo = "echo 1 > /sys/bus/pci/devices/0000:03:00.0/enable"

    assert_says(devices.pci(machine(pci=(disabled,))), Status.WARNING, echo)


def test_a_long_list_of_devices_shows_mappable_ones_first() -> None:
    off = tuple(replace(FREE, address=f"0000:10:{n:02x}.0", enabled=False) for n in range(20))

    details = devices.pci(machine(pci=(*off, FREE))).details
    assert len(details) == 7
    assert details[0].startswith("pci:0000:03:00.0")
    assert details[-1].startswith("and 15 more")


def test_a_machine_without_pci_says_so() -> None:
    assert_says(devices.pci(machine(pci=())), Status.OK, "no devices")


def test_without_sys_no_device_is_said_to_be_absent() -> None:
    findings = devices.judge(replace(GOOD, has_sys=False))

    assert [(finding.status, finding.remedy) for finding in findings] == [
        (Status.WARNING, "mount -t sysfs sysfs /sys")
    ] * 2
