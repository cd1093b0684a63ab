"""One access of the declared width: regtap against QEMU's own log of what reached the device."""

from __future__ import annotations

import json

import pytest
from tests.vm import buslog
from tests.vm.buslog import Access
from tests.vm.guest import Run
from tests.vm.judging import column, values
from tests.vm.scenes import HPET, HPET_COUNTER

LIVENESS, DMA_TARGET = 0x4, 0x88  # registers of the edu device
_MARKER = 0x80
_PAGE = 0x1000


class Bus:
    """The bus log, stretch by stretch."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.edu = int((run.files / "edu-bar0").read_text(), 16)
        self._accesses = [access for access in buslog.parse(run.bus_log) if self._is_watched(access.address)]

    def _is_watched(self, address: int) -> bool:
        return any(0 <= address - base < _PAGE for base in (HPET, self.edu))

    def stretch(self, marker: int, base: int) -> list[Access]:
        """Return the accesses to the page at `base` between a marker and the next."""
        found = buslog.between(self._accesses, self.edu + _MARKER, marker, marker + 1)
        return [access for access in found if 0 <= access.address - base < _PAGE]


@pytest.fixture(scope="module")
def bus(devices: Run) -> Bus:
    return Bus(devices)


def reads(accesses: list[Access]) -> list[tuple[int, int, int]]:
    """Return (address, value, width); nothing else may have happened."""
    assert {access.kind for access in accesses} <= {"read"}
    return [(access.address, access.value, access.size_bytes) for access in accesses]


def test_nothing_else_in_the_guest_touches_the_counter(bus: Bus) -> None:
    assert (bus.run.files / "clocksource").read_text() == "tsc\n"
    assert bus.stretch(1, HPET) == []


def test_record_reads_once_per_sample_the_value_that_it_stores(bus: Bus) -> None:
    assert bus.run.tried("u32").status == 0
    stored = column(bus.run.files / "u32", "counter").tolist()

    assert len(stored) == 5000
    assert reads(bus.stretch(2, HPET)) == [(HPET_COUNTER, value, 4) for value in stored]


def test_a_64_bit_record_is_two_halves_on_a_32_bit_device(bus: Bus) -> None:
    assert bus.run.tried("u64").status == 0
    stored = column(bus.run.files / "u64", "counter").tolist()
    assert len(stored) == 1000

    halves = [
        half
        for value in stored
        for half in ((HPET_COUNTER, value & 0xFFFFFFFF, 4), (HPET_COUNTER + 4, value >> 32, 4))
    ]
    assert reads(bus.stretch(3, HPET)) == halves


def test_paced_record_reads_once_per_sample_too(bus: Bus) -> None:
    assert bus.run.tried("paced").status == 0
    stored = column(bus.run.files / "paced", "counter").tolist()

    assert len(stored) == 1000
    assert reads(bus.stretch(4, HPET)) == [(HPET_COUNTER, value, 4) for value in stored]


def test_record_of_several_registers_reads_them_in_their_order(bus: Bus) -> None:
    assert bus.run.tried("several").status == 0
    names = {"low": HPET_COUNTER, "high": HPET_COUNTER + 4, "id": HPET}
    columns = [column(bus.run.files / "several", name).tolist() for name in names]

    rows = zip(*columns, strict=True)

    wanted = [(address, value, 4) for row in rows for address, value in zip(names.values(), row, strict=True)]
    assert len(wanted) == 1500
    assert reads(bus.stretch(11, HPET)) == wanted


def test_read_reads_once(bus: Bus) -> None:
    (value,) = values(bus.run.tried("read")).values()
    assert reads(bus.stretch(5, HPET)) == [(HPET_COUNTER, value, 4)]


def test_write_writes_once_and_reads_nothing(bus: Bus) -> None:
    assert bus.run.tried("write").status == 0
    assert bus.stretch(6, bus.edu) == [Access("write", bus.edu + LIVENESS, 0x12345678, 4)]


def test_write_with_verify_writes_once_and_reads_once(bus: Bus) -> None:
    assert bus.run.tried("verify").status == 1  # edu inverts what is written
    assert bus.stretch(7, bus.edu) == [
        Access("write", bus.edu + LIVENESS, 0xFFFF0000, 4),
        Access("read", bus.edu + LIVENESS, 0x0000FFFF, 4),
    ]


def test_write_of_64_bits_is_one_access_to_a_device_so_wide(bus: Bus) -> None:
    assert bus.run.tried("write64").status == 0
    assert bus.stretch(8, bus.edu) == [Access("write", bus.edu + DMA_TARGET, 0x1122334455667788, 8)]


def test_read_of_64_bits_is_one_access_to_a_device_so_wide(bus: Bus) -> None:
    assert list(values(bus.run.tried("read64")).values()) == [0x1122334455667788]
    assert reads(bus.stretch(9, bus.edu)) == [(bus.edu + DMA_TARGET, 0x1122334455667788, 8)]


def test_a_python_slice_reads_twice(bus: Bus) -> None:
    """What this method finds where the rule is broken."""
    outcome = bus.run.tried("slice")
    assert outcome.status == 0, outcome

    found = reads(bus.stretch(10, HPET))

    assert [(address, size) for address, _, size in found] == [(HPET_COUNTER, 4), (HPET_COUNTER, 4)]
    assert found[0][1] != found[1][1]
    assert int(outcome.stdout) in {value for _, value, _ in found}


@pytest.mark.parametrize(
    "tried", ["map-effect", "map-effect-address", "map-effect-record", "map-effect-range"]
)
def test_a_register_that_is_refused_gets_no_access(bus: Bus, tried: str) -> None:
    outcome = bus.run.tried(tried)

    assert (outcome.status, outcome.stdout) == (2, "")
    assert "a read of EDU.FACTORIAL is said to start something" in outcome.stderr
    assert bus.stretch(12, bus.edu) == []


def test_a_dump_reads_each_register_once_and_leaves_out_the_rest(bus: Bus) -> None:
    outcome = bus.run.tried("map-dump")
    assert outcome.status == 0, outcome
    assert "EDU.FACTORIAL is left out" in outcome.stderr
    assert "EDU.IRQ_ACK is left out" in outcome.stderr

    dump = json.loads((bus.run.files / "dump.json").read_text())
    stored = [(it["register"]["address"], it["value"], 4) for it in dump["readings"]]
    assert [address - bus.edu for address, *_ in stored] == [0x00, LIVENESS, 0x20, 0x24]
    assert reads(bus.stretch(13, bus.edu)) == stored


def test_a_field_is_written_by_one_read_and_one_write(bus: Bus) -> None:
    assert bus.run.tried("map-field").status == 0
    read, write = bus.stretch(14, bus.edu)

    assert read == Access("read", bus.edu + LIVENESS, read.value, 4)
    assert write == Access("write", bus.edu + LIVENESS, (read.value & ~0xFF) | 0xAB, 4)


def test_a_field_with_the_other_bits_given_is_one_write(bus: Bus) -> None:
    assert bus.run.tried("map-others").status == 0
    assert bus.stretch(15, bus.edu) == [Access("write", bus.edu + LIVENESS, 0x112233AB, 4)]


def test_a_read_that_was_allowed_is_one_read(bus: Bus) -> None:
    assert bus.run.tried("map-allowed").status == 0
    assert [(address, size) for address, _, size in reads(bus.stretch(16, bus.edu))] == [(bus.edu + 0x8, 4)]


def test_a_device_is_read_by_name(bus: Bus) -> None:
    (found,) = json.loads(bus.run.tried("map-names").stdout)
    ((address, value, _),) = reads(bus.stretch(17, bus.edu))

    assert (found["name"], found["address"], found["value"]) == ("EDU.LIVENESS", address, value)
    assert found["fields"] == {"LOW": value & 0xFF, "HIGH": value >> 8}


def test_a_diff_reads_each_register_of_the_dump_once(bus: Bus) -> None:
    outcome = bus.run.tried("map-diff")
    assert outcome.status == 1, outcome  # LIVENESS was written since

    differences = json.loads(outcome.stdout)

    assert [it["name"] for it in differences if not it.get("volatile")] == ["EDU.LIVENESS"]
    seen = [(address - bus.edu, size) for address, _, size in reads(bus.stretch(19, bus.edu))]
    assert seen == [(0x00, 4), (LIVENESS, 4), (0x20, 4), (0x24, 4)]


def test_record_by_name_stores_what_it_reads_and_is_drawn(bus: Bus) -> None:
    assert bus.run.tried("map-record").status == 0
    columns = [column(bus.run.files / "by-name", name).tolist() for name in ("EDU.LIVENESS", "EDU.STATUS")]

    wanted = [
        (bus.edu + offset, value, 4)
        for row in zip(*columns, strict=True)
        for offset, value in zip((LIVENESS, 0x20), row, strict=True)
    ]

    assert len(wanted) == 40
    assert reads(bus.stretch(20, bus.edu)) == wanted
    assert bus.run.tried("map-plot").status == 0, bus.run.tried("map-plot").stderr
    assert ">ON<" in (bus.run.files / "by-name.svg").read_text()
