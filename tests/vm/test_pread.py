"""The mapping against pread on a real /dev/mem: where the kernel answers, and where the two disagree."""

from __future__ import annotations

import errno

from tests.vm import buslog
from tests.vm.buslog import Access
from tests.vm.guest import Run
from tests.vm.judging import both

HPET_ID = 0x8086A201
EDU_ID = 0x010000ED
PUT_THERE = 0x1122334455667788


def test_they_agree_on_reserved_ram(devices: Run, relaxed: Run) -> None:
    for run, value in ((devices, 0xBBCC3344AA667788), (relaxed, PUT_THERE)):
        assert both(run.tried("pread-reserved")) == {"word": (value, value)}


def test_a_device_above_the_end_of_ram_is_reached_by_mmap_alone(devices: Run) -> None:
    mapped, refusal = both(devices.tried("pread-hpet"))["id"]

    assert mapped == HPET_ID
    assert str(refusal).startswith(f"{errno.EFAULT} id at 0xfed00000 is not RAM")
    assert "reach it by its mapping" in str(refusal)


def test_a_device_below_the_end_of_ram_is_reached_by_both(relaxed: Run) -> None:
    assert both(relaxed.tried("pread-hpet")) == {"id": (HPET_ID, HPET_ID)}
    assert both(relaxed.tried("pread-edu")) == {"id": (EDU_ID, EDU_ID)}


def test_pread_of_a_register_is_one_access_of_its_width_too(relaxed: Run) -> None:
    address = int((relaxed.files / "edu-bar0").read_text(), 16)
    found = [access for access in buslog.parse(relaxed.bus_log) if access.address == address]

    by_read = 2  # `regtap read` by mem and by pci

    assert found == [Access("read", address, EDU_ID, 4)] * (by_read + 2)


def test_they_disagree_on_low_ram(relaxed: Run) -> None:
    """The kernel maps it, and reads zeros in its place."""
    said = both(relaxed.tried("pread-low"))
    assert any(mapped != 0 for mapped, _ in said.values())
    assert {other for _, other in said.values()} == {0}
