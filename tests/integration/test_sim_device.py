"""A private simulated device, live: what its registers do, and that its process ends when it should."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.waiting import wait_until

from regtap.errors import InputError
from regtap.simulator import process
from regtap.simulator.process import ID_BYTES, check_of
from regtap.simulator.registers import REGISTERS
from regtap.targets.sim import SimTarget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regtap.targets.device import Device

ID, COUNT32, CHECK, CHECKED = (REGISTERS[name] for name in ("ID", "COUNT32", "CHECK", "CHECKED"))
COUNT64, COUNT64_LO, COUNT64_HI = (REGISTERS[name] for name in ("COUNT64", "COUNT64_LO", "COUNT64_HI"))
STATUS, ADC, GPIO, SCRATCH = (REGISTERS[name] for name in ("STATUS", "ADC", "GPIO", "SCRATCH"))
COUNT64_AHEAD = 2**32 - 3000  # COUNT64 - COUNT32, as in core/simulator.hpp
_BETWEEN_JOBS_TICKS = 20  # the shortest time in which no job is busy: as idle_ticks in core/simulator.cpp


def _wait_for_ticks(device: Device, ticks: int) -> None:
    until = device.read(COUNT32) + ticks
    wait_until(lambda: device.read(COUNT32) >= until, "the tick")


def _is_gone(pid: int) -> bool:
    """Return whether a process has ended (its zombie may wait for a parent that never asks)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    with SimTarget("sim").open(list(REGISTERS.values()), writable=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def second(device: Device) -> list[dict[str, int]]:
    """Rows of every register, about one a tick, over 1,500 ticks."""
    rows = [{name: device.read(register) for name, register in REGISTERS.items()}]
    while rows[-1]["COUNT32"] < rows[0]["COUNT32"] + 1500:
        time.sleep(0.0005)
        rows.append({name: device.read(register) for name, register in REGISTERS.items()})
    return rows


def test_id_reads_regt(device: Device) -> None:
    assert device.read(ID).to_bytes(4, "little") == ID_BYTES == b"REGT"


def test_each_check_is_the_hash_of_a_count_between_two_reads(device: Device) -> None:
    for _ in range(10_000):
        before, check, after = device.read(COUNT32), device.read(CHECK), device.read(COUNT32)
        assert check in {check_of(count) for count in range(before, after + 1)}


def test_each_checked_fits_itself_and_its_count_never_goes_back(device: Device) -> None:
    values = [device.read(CHECKED) for _ in range(10_000)]

    counts = [value & 0xFFFFFFFF for value in values]
    assert all(value >> 32 == check_of(count) for value, count in zip(values, counts, strict=True))
    assert all(earlier <= later for earlier, later in pairwise(counts))


def test_count32_never_goes_back_and_steps_by_one(device: Device) -> None:
    steps: Counter[int] = Counter()
    first = last = device.read(COUNT32)
    while last < first + 200:
        count = device.read(COUNT32)
        steps[count - last] += 1
        last = count
    del steps[0]

    assert min(steps) == 1  # more, where the reader was kept waiting


def test_count64_runs_with_count32(device: Device) -> None:
    for _ in range(1_000):
        before, count, after = device.read(COUNT32), device.read(COUNT64), device.read(COUNT32)
        # COUNT32 is stored first, so COUNT64 may be one behind what was read before it.
        assert before - 1 <= count - COUNT64_AHEAD <= after


def test_the_halves_of_count64_are_its_low_and_high_32_bits(device: Device) -> None:
    before, high, low, high_again, after = (
        device.read(register) for register in (COUNT64, COUNT64_HI, COUNT64_LO, COUNT64_HI, COUNT64)
    )
    assert before >> 32 <= high <= high_again <= after >> 32
    if high == high_again:
        assert before <= (high << 32 | low) <= after


def test_the_low_half_of_count64_carries_into_the_high_half() -> None:
    with SimTarget("sim").open([COUNT64, COUNT64_LO, COUNT64_HI]) as fresh:
        assert fresh.read(COUNT64_HI) == 0
        wait_until(lambda: fresh.read(COUNT64_HI) == 1, "the carry")
        assert fresh.read(COUNT64) >> 32 == 1


def test_a_fresh_device_is_already_at_work() -> None:
    with SimTarget("sim").open(list(REGISTERS.values())) as fresh:
        assert fresh.read(COUNT32) >= 1000
        assert fresh.read(CHECK) != 0
        assert fresh.read(ADC) != 0


def test_status_is_busy_while_level_rises_done_while_it_falls(second: list[dict[str, int]]) -> None:
    busy, done, error, level = STATUS.fields
    for first, second_row, third in zip(second, second[1:], second[2:], strict=False):
        earlier, later = first["STATUS"], second_row["STATUS"]
        # A busy machine may keep two reads so far apart that another job lies between them.
        is_one_job = third["COUNT32"] - first["COUNT32"] < _BETWEEN_JOBS_TICKS
        if busy.extract(earlier) and busy.extract(later) and is_one_job:
            assert level.extract(later) >= level.extract(earlier)
        assert later & ~0xFF07 == 0
        assert busy.extract(later) + done.extract(later) + error.extract(later) <= 1

    seen = {row["STATUS"] & 7 for row in second}
    assert {0, 1, 2} <= seen
    assert max(level.extract(row["STATUS"]) for row in second) > 200


def test_an_error_comes_and_stays_rare(second: list[dict[str, int]]) -> None:
    with SimTarget("sim").open([STATUS]) as fresh:
        wait_until(lambda: fresh.read(STATUS) & 4, "an error")
    errors = sum(bool(row["STATUS"] & 4) for row in second)
    assert errors < len(second) / 4


def test_adc_swings_about_mid_scale_within_12_bits(second: list[dict[str, int]]) -> None:
    values = [row["ADC"] for row in second]

    assert all(2048 - 1515 <= value <= 2048 + 1515 for value in values)
    assert min(values) < 2048 - 1400
    assert max(values) > 2048 + 1400


def test_adc_carries_noise(second: list[dict[str, int]]) -> None:
    directions = [later > earlier for earlier, later in pairwise(row["ADC"] for row in second)]
    turns = sum(earlier != later for earlier, later in pairwise(directions))
    assert turns > 20  # a clean sine turns three times


def test_gpio_has_one_bit_set_and_each_in_turn(second: list[dict[str, int]]) -> None:
    assert {row["GPIO"] for row in second} == {1 << bit for bit in range(8)}


def test_scratch_keeps_what_was_written(device: Device) -> None:
    for value in (0xDEADBEEF, 0, 0xFFFFFFFF):
        device.write(SCRATCH, value)
        _wait_for_ticks(device, 20)
        assert device.read(SCRATCH) == value


def test_system_calls_reach_the_same_registers(device: Device) -> None:
    device.pwrite(SCRATCH, 0x12345678)
    assert device.read(SCRATCH) == 0x12345678

    before, count, after = device.read(COUNT32), device.pread(COUNT32), device.read(COUNT32)

    assert before <= count <= after


def test_it_is_read_only_unless_asked() -> None:
    with SimTarget("sim").open([SCRATCH]) as fresh:
        with pytest.raises(InputError, match="read-only"):
            fresh.write(SCRATCH, 1)
        with pytest.raises(InputError, match="read-only"):
            fresh.pwrite(SCRATCH, 1)


def test_two_opens_are_two_devices() -> None:
    with (
        SimTarget("sim").open([SCRATCH], writable=True) as one,
        SimTarget("sim").open([SCRATCH], writable=True) as other,
    ):
        one.write(SCRATCH, 1)
        assert other.read(SCRATCH) == 0


def test_a_device_that_was_halted_catches_up(device: Device) -> None:
    halted = process.start()

    def ticks_behind() -> int:
        return device.read(COUNT32) - int.from_bytes(os.pread(halted.fd, 4, COUNT32.address), "little")

    try:
        before = ticks_behind()
        os.kill(halted.process.pid, signal.SIGSTOP)
        wait_until(lambda: ticks_behind() >= before + 200, "the delay")
        os.kill(halted.process.pid, signal.SIGCONT)
        wait_until(lambda: ticks_behind() <= before + 20, "the catching up")
    finally:
        halted.close()


def test_close_leaves_no_process_and_no_descriptor() -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    started = process.start()
    pid = started.process.pid
    started.close()
    started.close()

    assert not Path(f"/proc/{pid}").exists()
    assert started.process.returncode == 0
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_closing_the_device_ends_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    running: list[process.Simulator] = []
    start = process.start

    def remember() -> process.Simulator:
        running.append(start())
        return running[0]

    monkeypatch.setattr(process, "start", remember)
    with SimTarget("sim").open([COUNT32]):
        assert not _is_gone(running[0].process.pid)
    assert running[0].process.returncode == 0


def test_close_copes_with_a_process_that_was_killed() -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    started = process.start()
    started.process.kill()
    started.process.wait()
    started.close()

    assert len(os.listdir("/proc/self/fd")) == descriptors


@pytest.mark.parametrize("interpreter", ["/nowhere/python", "/bin/false"])
def test_a_failed_start_leaves_no_descriptor(interpreter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", interpreter)
    descriptors = len(os.listdir("/proc/self/fd"))

    with pytest.raises(Exception, match="process"):
        process.start()

    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_it_outlives_the_thread_that_opened_it() -> None:
    opened: list[Device] = []
    thread = threading.Thread(target=lambda: opened.append(SimTarget("sim").open([COUNT32])))
    thread.start()
    thread.join()

    with opened[0] as device:
        _wait_for_ticks(device, 50)


def test_ctrl_c_does_not_reach_the_devices_process_group() -> None:
    started = process.start()
    try:
        assert os.getpgid(started.process.pid) == started.process.pid
    finally:
        started.close()


_PARENT = """
import os, sys
from regtap.simulator import process
started = process.start()
print(started.process.pid, flush=True)
sys.stdin.read()
"""


def test_kill_9_of_the_parent_ends_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not _is_gone(pid)
        parent.kill()
    wait_until(lambda: _is_gone(pid), "the end of the device")


_DROPPED = """
import os
from regtap.simulator import process
started = process.start()
os.setresuid(65534, 65534, 65534)
started.close()
print(started.process.returncode)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can drop root")
def test_a_process_that_has_dropped_root_can_still_end_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _DROPPED], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "0"
