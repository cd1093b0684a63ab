"""32-bit ARM: the commonest boards with registers to look at, for which there is no wheel of pyarrow."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
from tests.conservation import assert_conserved
from tests.vm import rtc
from tests.vm.guest import Run
from tests.vm.judging import assert_refused, column

import regtap


def test_the_clock_of_a_32_bit_board_agrees_with_date(armhf: Run) -> None:
    rtc.assert_agrees_with_date(armhf, "read")


def test_a_trace_of_a_32_bit_board_opens_on_the_host(armhf: Run) -> None:
    rtc.assert_recorded(armhf)


def test_the_bus_of_a_32_bit_board_saw_what_is_stored(armhf: Run) -> None:
    rtc.assert_bus_saw_what_is_stored(armhf)


def test_info_needs_no_pyarrow_on_a_32_bit_board(armhf: Run) -> None:
    said = json.loads(armhf.tried("info").stdout)

    assert (said["rows"], said["totals"]["stored"]) == (400, 400)


def test_record_takes_one_byte_for_each_sample(armhf: Run) -> None:
    assert bytes(column(armhf.files / "bytes", "byte").tolist()) == b"QEMU\0\0"


def test_what_is_no_single_access_of_32_bits_is_refused(armhf: Run) -> None:
    assert_refused(armhf.tried("wide"), "wide", "0x9010000", "u64", status=2)


def test_a_killed_capture_of_a_32_bit_board_is_completed(armhf: Run) -> None:
    (listed,) = json.loads(armhf.tried("list").stdout)
    assert listed["trace"].endswith("/killed")

    assert armhf.tried("recover").status == 0

    trace = regtap.open_trace(armhf.files / "killed")
    assert_conserved(trace)
    assert trace.rows > 0
    assert trace.rows == listed["samples"]
    seconds = column(armhf.files / "killed", "rtc")
    assert np.all(np.diff(seconds.astype(np.int64)) >= 0)
    assert int((armhf.files / "before").read_text()) < seconds[0]


def test_each_width_is_stored_true_by_a_32_bit_core(armhf: Run) -> None:
    assert armhf.tried("types").status == 0
    trace = regtap.open_trace(armhf.files / "types")
    assert_conserved(trace)

    table = pq.read_table([part.path for part in trace.parts], page_checksum_verification=True)

    assert len(table) == 300_000
    counter = table["c"].to_numpy()
    swapped = table["d"].to_numpy().byteswap()
    assert np.all(np.diff(counter.astype(np.int64)) >= 0)
    assert np.all(swapped >= counter)  # read a moment later
    assert np.all(np.diff(table["t_ns"].to_numpy()) > 0)


def test_the_core_s_tests_pass_on_a_32_bit_board(armhf: Run) -> None:
    tried = armhf.tried("core")

    assert tried.status == 0, tried.stdout[-4000:]
    assert " passed" in tried.stdout
    assert "failed" not in tried.stdout
