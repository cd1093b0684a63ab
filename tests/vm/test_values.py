"""What real devices say, against what they must say."""

from __future__ import annotations

import math
import re

import numpy as np
from tests.conservation import assert_conserved
from tests.vm.guest import Run
from tests.vm.judging import column, values
from tests.vm.scenes import PLAYED

import regtap

_FS_PER_NS = 1_000_000
# A fit over a few seconds, in an emulator whose clock is calibrated once, while the machine does other work.
_CLOCK_ERROR = 200e-6


def test_hpet_runs_at_its_stated_rate_against_our_time(devices: Run) -> None:
    said = values(devices.tried("hpet"))
    assert said["id"] >> 16 == 0x8086
    steps = np.diff(column(devices.files / "paced", "counter").astype(np.uint32)).astype(np.int64)  # it wraps
    counted_ns = np.concatenate([[0], np.cumsum(steps)]) * (said["period_fs"] / _FS_PER_NS)
    t_ns = column(devices.files / "paced", "t_ns")
    assert t_ns[-1] - t_ns[0] > 4e9

    slope = np.polyfit(t_ns - t_ns[0], counted_ns, 1)[0]
    assert abs(slope - 1) < _CLOCK_ERROR, f"{(slope - 1) * 1e6:.1f} ppm"


def test_a_paced_capture_of_a_device_balances(devices: Run) -> None:
    assert_conserved(regtap.open_trace(devices.files / "paced"))


def test_edu_tells_its_id(devices: Run) -> None:
    assert values(devices.tried("edu-id")) == {"id": 0x010000ED}


def test_edu_inverts_what_is_written(devices: Run) -> None:
    assert devices.tried("edu-write").status == 0
    assert values(devices.tried("edu-liveness")) == {"liveness": 0xFFFF0000}


def test_edu_computes_a_factorial(devices: Run) -> None:
    assert devices.tried("edu-factorial-write").status == 0
    said = values(devices.tried("edu-factorial"))

    assert said["factorial"] == math.factorial(10)
    assert said["status"] & 1 == 0


def test_reserved_ram_is_changed_only_where_written(devices: Run) -> None:
    assert devices.tried("ram-u8").status == devices.tried("ram-u16").status == 0
    assert int((devices.files / "ram-after").read_text(), 16) == 0xBBCC3344AA667788


def test_reserved_ram_is_read_in_every_width(devices: Run) -> None:
    assert values(devices.tried("ram-read")) == {
        "a": 0xBBCC3344AA667788,
        "b": 0xBBCC3344,
        "c": 0xBBCC,
        "d": 0xCCBB,
        "e": 0xAA,
    }


def test_reserved_ram_is_recorded(devices: Run) -> None:
    assert devices.tried("ram-record").status == 0
    assert column(devices.files / "ram", "word").tolist() == [0xBBCC3344AA667788] * 1000


def test_every_change_that_a_device_makes_is_seen_in_order(devices: Run) -> None:
    played = devices.tried("played")
    assert played.status == 0, played

    seen = column(devices.files / "played", "value")

    changes = seen[np.concatenate([[True], np.diff(seen) != 0])]
    assert changes.tolist() == list(range(PLAYED + 1))


def test_the_summary_is_about_the_capture(devices: Run) -> None:
    match = re.search(
        r"due ([\d,]+) = stored ([\d,]+) \+ lost 0 \+ missed ([\d,]+)", devices.tried("paced").stdout
    )
    assert match is not None

    due, stored, missed = (int(number.replace(",", "")) for number in match.groups())
    assert due == stored + missed
    assert stored == 1000
