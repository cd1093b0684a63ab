"""64-bit counters in two halves, beside a counter that carries all the time: no row holds a value that never was."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.conservation import assert_conserved
from tests.torture.conftest import Tally, cases
from tests.torture.faulty import compile_program

import regtap

PROMISE = "a 64-bit counter in two halves that carries all the time: no row is torn (rows)"
RATES = ("max", "max", "300k")
MOST_CAPTURES = 1000  # a busy machine may let the counter stand still in some


@pytest.fixture
def counting(shared_folder: Path, tmp_path: Path) -> Iterator[str]:
    device = shared_folder / "device"
    device.write_bytes(bytes(4096))
    process = subprocess.Popen([compile_program("carrying_counter.c", tmp_path), device])
    yield f"file:{device}"
    process.kill()
    process.wait(30)


def test_no_row_is_torn(counting: str, shared_folder: Path, tally: Tally) -> None:
    wanted, rows, retries = cases(1_000_000, 100_000_000), 0, 0
    for number in itertools.count():
        if rows >= wanted and retries:
            break
        assert number < MOST_CAPTURES, (rows, retries)
        folder, rate = shared_folder / str(number), RATES[number % 3]
        samples = 30_000 if rate != "max" else cases(300_000, 4_000_000)
        with regtap.record(["C=0/4:u64pair"], folder, target=counting, rate=rate, samples=samples) as capture:
            assert capture.wait(300)
        trace, totals = capture.trace(), capture.summary.totals
        assert_conserved(trace)
        values = trace.to_arrow()["C"].to_numpy()
        wrong = np.count_nonzero(values & 0xFFFFFFFF != values >> 32)
        tally.add(PROMISE, len(values))
        if wrong:
            tally.case(PROMISE, f"capture {number}: {wrong} torn values")
        assert totals.accesses is not None
        rows += len(values)
        retries += totals.accesses - 3 * totals.taken
        shutil.rmtree(folder)
    tally.assert_kept(PROMISE)
