"""On the sampling thread, between first and last sample: no page fault, no allocation, no lock, no system call."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.command import REGTAP
from tests.torture.conftest import Tally, cases
from tests.torture.faulty import compile_library, compile_program

FAULTS = "sampling thread: no page fault between first and last sample"
CALLS = "sampling thread: no system call at full rate, at most one sleep a slot when paced"
LIBRARY = "sampling thread: no allocation, no lock"
SAMPLES = cases(2_000_000, 100_000_000)
FUTEX = {"x86_64": 202, "aarch64": 98}[os.uname().machine]
KINDS = {
    "one register": ["a=0:u32"],
    "several kinds, latency": ["a=0:u64", "b=8:u16be", "c=4096:u8", "--latency"],
}
MODES = {
    "full rate": [],
    "full rate, the ring often full": ["--spool-size", "2MiB"],
    "full rate, dropping": ["--spool-size", "2MiB", "--on-full", "discard"],
}
PACED = ("1k", "20k")
SLEEPS = "1k"  # a period of 50 us is too short for it


@dataclass(frozen=True)
class Desk:
    """Where captures are made: a device of two pages, and a folder for each."""

    folder: Path

    def command(self, *options: str) -> list[str]:
        """Return the command that records into a new folder."""
        output = self.folder / f"run{len(list(self.folder.iterdir()))}"
        device = f"file:{self.folder / 'device'}"
        return [*REGTAP, "record", "-t", device, "-o", str(output), "--json", *options]


@pytest.fixture
def desk(shared_folder: Path) -> Desk:
    (shared_folder / "device").write_bytes(bytes(range(256)) * 32)
    return Desk(shared_folder)


def summary_of(command: list[str], **environment: str) -> dict[str, Any]:
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=600, check=False
    )
    assert done.returncode in (0, 1), done.stderr  # 1: samples were dropped, where that is asked for
    result: dict[str, Any] = json.loads(done.stdout)
    assert result["balanced"]
    return result


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", MODES)
def test_no_page_fault_at_full_rate(desk: Desk, tally: Tally, mode: str, kind: str) -> None:
    result = summary_of(desk.command(*KINDS[kind], *MODES[mode], "--samples", str(SAMPLES)))
    assert result["taken"] == SAMPLES
    faults = result["page_faults"]
    tally.case(FAULTS, f"{mode}, {kind}: {faults} faults in {SAMPLES:,} samples" if faults else None)

    tally.assert_kept(FAULTS)


@pytest.mark.parametrize("rate", PACED)
def test_paced_no_page_fault(desk: Desk, tally: Tally, rate: str) -> None:
    result = summary_of(desk.command("a=0", "--rate", rate, "--duration", f"{cases(1, 10)}s"))
    faults = result["page_faults"]
    tally.case(FAULTS, f"{rate}: {faults} faults in {result['taken']:,} samples" if faults else None)

    tally.assert_kept(FAULTS)


def test_a_page_that_is_taken_away_is_counted(desk: Desk) -> None:
    """The check above can fail: here the device's page is thrown out of memory while it is read."""
    done = threading.Event()
    punch = threading.Thread(target=throw_out, args=(desk.folder / "device", done))
    punch.start()
    result = summary_of(desk.command("a=0", "--duration", "1s"))
    done.set()

    punch.join()

    assert result["page_faults"] > 0


def throw_out(path: Path, done: threading.Event) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    punch_hole = 0x01 | 0x02  # FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE
    with path.open("r+b") as file:
        while not done.wait(0.02):
            size = ctypes.c_int64(4096)
            assert libc.fallocate(file.fileno(), punch_hole, ctypes.c_int64(0), size) == 0


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_program("count_system_calls.c", tmp_path_factory.mktemp("native"))


def calls_of(counter: Path, command: list[str]) -> tuple[dict[int, int], dict[str, Any]]:
    """Return the sampling thread's system calls by number, and the capture's summary."""
    result = Path(command[command.index("-o") + 1] + ".calls")
    summary = summary_of([str(counter), str(result), *command])
    first, *lines = result.read_text().splitlines()
    assert first == "brackets 1", first
    return {int(number): int(count) for number, count in map(str.split, lines)}, summary


@pytest.mark.parametrize("mode", MODES)
def test_no_system_call_at_full_rate(desk: Desk, tally: Tally, counter: Path, mode: str) -> None:
    for samples in (SAMPLES, 2 * SAMPLES):
        command = desk.command("a=0:u32", *MODES[mode], "--samples", str(samples))
        calls, _ = calls_of(counter, command)
        tally.case(CALLS, f"{mode}: {calls} in {samples:,} samples" if calls else None)
    tally.assert_kept(CALLS)


@pytest.mark.parametrize("rate", PACED)
def test_at_most_one_sleep_a_slot(desk: Desk, tally: Tally, counter: Path, rate: str) -> None:
    command = desk.command("a=0", "--rate", rate, "--duration", f"{cases(1, 10)}s")
    calls, summary = calls_of(counter, command)
    sleeps = calls.pop(FUTEX, 0)
    problem = f"{rate}: {calls} and {sleeps} sleeps in {summary['due']} slots"
    tally.case(CALLS, problem if calls or sleeps > summary["due"] else None)
    assert (sleeps > 0) == (rate == SLEEPS), "the counter sees nothing, or the loop sleeps in a short period"

    tally.assert_kept(CALLS)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_library("count_library_calls.c", tmp_path_factory.mktemp("native"))


@pytest.mark.parametrize("options", [*MODES.values(), *(["--rate", rate] for rate in PACED)], ids=" ".join)
def test_no_allocation_and_no_lock(desk: Desk, tally: Tally, library: Path, options: list[str]) -> None:
    counts = desk.folder / "counts"
    end = ["--duration", "1s"] if "--rate" in options else ["--samples", str(SAMPLES)]
    command = desk.command("a=0", *options, *end)
    summary_of(command, LD_PRELOAD=str(library), COUNT_LIBRARY_CALLS=str(counts))
    found = counts.read_text()
    tally.case(LIBRARY, f"{options}: allocations and locks {found}" if found != "0 0\n" else None)

    tally.assert_kept(LIBRARY)


def test_the_counter_sees_an_allocation_and_a_lock(library: Path, tmp_path: Path) -> None:
    program = (
        "import ctypes; libc = ctypes.CDLL(None); usage = ctypes.create_string_buffer(512)\n"
        "mutex = ctypes.create_string_buffer(64)\n"
        "libc.getrusage(1, usage); libc.malloc(7); libc.pthread_mutex_lock(mutex); libc.getrusage(1, usage)"
    )
    environment = {**os.environ, "LD_PRELOAD": str(library), "COUNT_LIBRARY_CALLS": str(tmp_path / "counts")}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)

    allocations, locks = map(int, (tmp_path / "counts").read_text().split())

    assert allocations > 0
    assert locks > 0
