"""PCI BARs and UIO maps: found, bounded, mapped page by page, refused with the reason."""

from __future__ import annotations

import errno

from tests.vm.guest import Run
from tests.vm.judging import assert_refused, both, column, values

ID = 0x010000ED


def bar0(run: Run) -> int:
    return int((run.files / "edu-bar0").read_text(), 16)


def test_a_device_that_is_not_enabled(devices: Run) -> None:
    assert_refused(devices.tried("disabled"), "is disabled", "echo 1 > /sys/bus/pci/devices/")


def test_a_bar_is_found_by_its_device(devices: Run) -> None:
    assert values(devices.tried("edu-id")) == {"id": ID}
    assert list(values(devices.tried("short-name")).values()) == [ID]


def test_a_bar_ends_where_it_ends(devices: Run) -> None:
    assert devices.tried("last-word").status == 0
    assert_refused(devices.tried("past-end"), "0x100000", "check the address", status=2)


def test_the_upper_half_of_a_64_bit_bar_is_not_a_bar(devices: Run) -> None:
    assert_refused(devices.tried("bar3"), "upper half of the 64-bit bar2", "use bar2")


def test_a_bar_that_is_not_there(devices: Run) -> None:
    assert_refused(devices.tried("no-bar"), "bar1", "does not exist", "choose from bar0")


def test_a_bar_of_ports(devices: Run) -> None:
    assert_refused(devices.tried("ports"), "bar4", "I/O ports", "choose from bar5")


def test_a_device_that_is_not_there(devices: Run) -> None:
    assert_refused(devices.tried("no-device"), "no PCI device 0000:00:1e.0", "choose from 0000:00:00.0")


def test_pci_and_mem_reach_the_same_64_bit_bar(devices: Run) -> None:
    assert devices.tried("shared-write").status == 0
    assert values(devices.tried("shared-pci")) == {"word": 0xFEEDC0DE}
    assert values(devices.tried("shared-mem")) == {"word": 0xFEEDC0DE}


def test_a_claimed_page_between_two_registers_does_no_harm(devices: Run) -> None:
    outcome = devices.tried("neighbours")
    assert outcome.status == 0, outcome
    assert len(column(devices.files / "neighbours", "below")) == 100


def test_a_tool_that_maps_one_page_too_many_fails_there(devices: Run) -> None:
    """What the test above would find."""
    assert devices.tried("devmem-neighbour").status != 0
    assert "Operation not permitted" in devices.tried("devmem-neighbour").stderr


def test_a_register_in_the_claimed_page_is_refused(devices: Run) -> None:
    assert_refused(devices.tried("claimed"), "'virtio-pci-modern'", "unbind that driver")
    assert not (devices.files / "claimed-run").exists()


def test_system_calls_on_a_bar_are_refused_as_by_the_kernel(devices: Run) -> None:
    assert devices.tried("kernel-pread").stdout == f"{errno.EIO}\n"

    mapped, refusal = both(devices.tried("pread"))["id"]
    assert mapped == ID
    assert str(refusal).startswith(f"{errno.EIO} pci:")
    assert "read() of a memory BAR gives EIO; reach it by its mapping" in str(refusal)


def test_uio_pci_generic_maps_the_bar(devices: Run) -> None:
    assert f"map0/addr:{bar0(devices):#018x}\n" in (devices.files / "uio-generic-maps").read_text()
    assert values(devices.tried("uio-generic")) == {"id": ID}
    assert_refused(devices.tried("uio-generic-map1"), "uio0 has no map 1", "choose from uio:0/0")


def test_pci_reaches_a_device_that_is_bound_to_uio_pci_generic(devices: Run) -> None:
    assert list(values(devices.tried("uio-generic-pci")).values()) == [ID]


def test_a_uio_device_that_went_away(devices: Run) -> None:
    assert_refused(devices.tried("uio-gone"), "there is no UIO device 0", "bind one")


def test_uio_reads_the_map(devices: Run) -> None:
    assert f"map0/addr:{bar0(devices):#018x}\n" in (devices.files / "uio-maps").read_text()
    assert values(devices.tried("uio-read")) == {"id": ID}


def test_uio_writes_the_map(devices: Run) -> None:
    assert devices.tried("uio-write").status == 0
    assert values(devices.tried("uio-liveness")) == {"liveness": 0x0000000F}


def test_uio_is_recorded(devices: Run) -> None:
    assert devices.tried("uio-record").status == 0
    assert column(devices.files / "uio", "id").tolist() == [ID] * 1000
    assert column(devices.files / "uio", "liveness").tolist() == [0xF] * 1000


def test_a_map_that_is_not_there(devices: Run) -> None:
    assert_refused(devices.tried("uio-map1"), "uio0 has no map 1", "choose from uio:0/0")


def test_a_uio_map_ends_where_it_ends(devices: Run) -> None:
    assert_refused(devices.tried("uio-past-end"), "0x100000", status=2)


def test_a_uio_driver_s_claim_is_named_to_mem_and_pci(devices: Run) -> None:
    assert_refused(devices.tried("uio-claims-mem"), "'hilscher'", "iomem=relaxed")
    assert_refused(devices.tried("uio-claims-pci"), "claims bar0", "driver/unbind", "iomem=relaxed")
