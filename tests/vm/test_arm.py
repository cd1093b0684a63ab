"""aarch64: device memory that faults, side effects that count accesses, another clock."""

from __future__ import annotations

import errno

from tests.vm import rtc
from tests.vm.guest import Run
from tests.vm.judging import assert_refused, both, column, values

import regtap

SIGNATURE = b"QEMU"


def test_the_clock_agrees_with_date(arm: Run) -> None:
    rtc.assert_agrees_with_date(arm, "rtc")


def test_recorded_seconds_agree_with_our_time(arm: Run) -> None:
    seconds = rtc.assert_recorded(arm)

    assert seconds[-1] - seconds[0] in (3, 4, 5, 6, 7, 8)


def test_the_architecture_s_counter_is_the_clock(arm: Run) -> None:
    clock = regtap.open_trace(arm.files / "rtc").clock
    assert clock.source == "cntvct"


def test_read_takes_one_byte_for_each_register_named(arm: Run) -> None:
    assert bytes(values(arm.tried("bytes")).values()) == SIGNATURE + b"\0"


def test_read_of_a_word_is_one_access(arm: Run) -> None:
    assert values(arm.tried("word"))["word"].to_bytes(4, "little") == SIGNATURE


def test_record_takes_one_byte_for_each_sample(arm: Run) -> None:
    assert arm.tried("fw-record").status == 0
    assert bytes(column(arm.files / "fw", "byte").tolist()) == SIGNATURE + b"\0\0"


def test_record_reads_once_per_sample_the_value_that_it_stores(arm: Run) -> None:
    rtc.assert_bus_saw_what_is_stored(arm)


def test_an_address_without_a_device_is_a_fault_that_names_it(arm: Run) -> None:
    for name, address in (("fault", "0xd000000"), ("fault-write", "0xd000004")):
        assert_refused(arm.tried(name), "bus error", address, "stopped answering", status=4)


def test_a_fault_ends_a_capture_and_leaves_a_trace(arm: Run) -> None:
    outcome = arm.tried("fault-record")
    assert outcome.status == 4
    assert "bus error: register nothing at 0xd000008" in outcome.stderr

    trace = regtap.open_trace(arm.files / "fault")
    assert trace.rows == 0
    assert trace.totals is not None
    assert trace.totals.ended == "fault"


def test_the_board_lives_on_after_a_fault(arm: Run) -> None:
    assert arm.tried("alive").status == 0


def test_misaligned_addresses_are_refused_before_mapping(arm: Run) -> None:
    assert_refused(arm.tried("misaligned"), "0x9010002", "aligned", status=2)
    assert_refused(arm.tried("misaligned-record"), "0x9010004", "aligned", status=2)


def test_system_calls_reach_ram_only(arm: Run) -> None:
    _, refusal = both(arm.tried("pread"))["rtc"]
    assert str(refusal).startswith(f"{errno.EFAULT} rtc at 0x9010000 is not RAM")
    assert "answers read and write for RAM only; reach it by its mapping" in str(refusal)


def test_a_pci_device_that_does_not_decode_is_said(arm: Run) -> None:
    outcome = arm.tried("undecoded")

    assert values(arm.tried("pci-alive")) == {"id": 0x010000ED}
    assert outcome.status == 0, outcome
    assert "the last sample is all ones in every register" in outcome.stderr
    assert "was disabled (its command register no longer decodes memory): seen " in outcome.stderr
    assert column(arm.files / "undecoded", "id").tolist()[-1] == 0xFFFFFFFF
