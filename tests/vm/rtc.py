"""The real-time clock (PL031) of QEMU's virt boards, as both ARM guests read and record it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from tests.conservation import assert_conserved
from tests.vm import buslog
from tests.vm.buslog import Access
from tests.vm.guest import Run
from tests.vm.judging import column, values

import regtap

RTC = 0x09010000
SAMPLES = 400
_FW_CFG_SELECTOR = 0x09020008  # which the guest writes before and after it records


def assert_agrees_with_date(board: Run, step: str) -> None:
    """A step read the clock between two calls of `date`, and its value lies between theirs."""
    before, after = (int((board.files / name).read_text()) for name in ("before", "after"))
    # Linux takes its time from this clock at boot, which tells no fractions, and assumes half a second.
    assert before - 1 <= values(board.tried(step))["rtc"] <= after + 1


def assert_recorded(board: Run) -> npt.NDArray[np.int64]:
    """A capture of the clock is whole and true to the trace's own time; return its seconds."""
    assert board.tried("record").status == 0
    trace = regtap.open_trace(board.files / "rtc")
    assert_conserved(trace)

    seconds = column(board.files / "rtc", "rtc")
    real_ns = trace.start.realtime_ns + column(board.files / "rtc", "t_ns")
    assert len(seconds) == SAMPLES
    assert np.all(np.abs(real_ns / 1e9 - 0.5 - seconds) < 1.5)
    return seconds


def assert_bus_saw_what_is_stored(board: Run) -> None:
    """QEMU's bus log has one access of 32 bits for each sample, with its value, and no other."""
    stored = column(board.files / "rtc", "rtc").tolist()
    logged = buslog.between(list(buslog.parse(board.bus_log)), _FW_CFG_SELECTOR, 0x1111, 0x2222)

    at_rtc = [access for access in logged if access.address & ~0xFFF == RTC]
    assert at_rtc == [Access("read", RTC, value, 4) for value in stored]
