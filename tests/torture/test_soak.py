"""A long capture at full rate on a loaded machine that stops and goes on: counts exact, memory flat."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.command import REGTAP
from tests.torture.conftest import Tally, cases

from regtap.simulator.process import check_of
from regtap.trace.parts import read_part

SOAK = "a soak on a loaded machine with random SIGSTOPs: every part follows from the one before, memory flat"
FLAT_KB = 64 << 10
SETTLED_S = 5  # imports, the ring, the first part


def spin() -> None:
    """Keep a CPU busy until ended from outside, or for as long as a soak may take."""
    end = time.monotonic() + 1200
    while time.monotonic() < end:
        pass


@pytest.fixture
def load() -> Iterator[None]:
    """Another process for each CPU, in their way."""
    others = [multiprocessing.get_context("spawn").Process(target=spin) for _ in range(os.cpu_count() or 1)]
    for other in others:
        other.start()
    yield
    for other in others:
        other.kill()
        other.join()


class Follower:
    """Reads the parts of a growing trace, and deletes what it has found true.

    Attributes:
        parts: How many so far.
        rows: In them.
        absent: Samples that their gaps say were not stored.
    """

    def __init__(self, folder: Path) -> None:
        self.parts = self.rows = self.absent = 0
        self._folder = folder
        self._last_ns = self._last_count = 0

    def follow(self, *, to_the_end: bool = False) -> None:
        """Read all parts but the last, which is the capture's to count on from, or that too."""
        paths = sorted(self._folder.glob("part-*.parquet"))
        for path in paths if to_the_end else paths[:-1]:
            self._take(path)
            path.unlink()

    def _take(self, path: Path) -> None:
        part = read_part(path)
        assert part.metadata.part == self.parts
        assert part.metadata.first_index == self.rows + self.absent
        table = pq.read_table(path)
        self._check(table["t_ns"].to_numpy(), table["CHECKED"].to_numpy())
        self.parts += 1
        self.rows += part.rows
        self.absent += sum(gap.count for gap in part.metadata.gaps)

    def _check(self, times: np.ndarray, values: np.ndarray) -> None:
        if not len(times):
            return
        assert times[0] >= self._last_ns
        assert np.all(np.diff(times) >= 0)
        changed = values[np.flatnonzero(np.diff(values, prepend=values[0] ^ 1))]
        counts = changed & 0xFFFFFFFF
        assert all(check_of(int(value) & 0xFFFFFFFF) == int(value) >> 32 for value in changed)
        assert counts[0] >= self._last_count
        assert np.all(np.diff(counts.astype(np.int64)) > 0)
        self._last_ns, self._last_count = int(times[-1]), int(counts[-1])


def resident_kb(pid: int) -> int:
    """Return what a process holds in memory of its own; the ring and files do not count."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def harass(recorder: subprocess.Popen[str], follower: Follower, seconds: float) -> list[int]:
    """Stop the recorder and let it go on, at random, while it lives; return how its memory grew."""
    dice, memory = random.Random(11), []
    end = time.monotonic() + seconds
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(follower.follow)
        while time.monotonic() < end:
            time.sleep(dice.uniform(0.05, 1.0))
            recorder.send_signal(signal.SIGSTOP)
            time.sleep(dice.choice([0.001, 0.02, 0.2, 0.7]))
            recorder.send_signal(signal.SIGCONT)
            assert recorder.poll() is None, "the recorder has ended by itself"
            memory.append(resident_kb(recorder.pid))
            if reading.done():
                reading.result()
                reading = pool.submit(follower.follow)
        reading.result()
    return memory


@pytest.mark.parametrize("on_full", ["discard", "wait"])
def test_a_soak_counts_exactly(on_full: str, tmp_path: Path, load: None, tally: Tally) -> None:
    folder, seconds = tmp_path / "run", cases(short=8, long=300)
    command = [*REGTAP, "record", "-t", "sim", "CHECKED", "-o", str(folder)]
    recorder = subprocess.Popen(
        [*command, "--on-full", on_full, "--spool-size", "256MiB", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    follower = Follower(folder)
    try:
        while not folder.exists():
            assert recorder.poll() is None
            time.sleep(0.01)
        time.sleep(SETTLED_S)
        memory = harass(recorder, follower, seconds)
        recorder.send_signal(signal.SIGINT)
        said = json.loads(recorder.communicate(timeout=120)[0])
    finally:
        recorder.kill()
        recorder.wait()
    follower.follow(to_the_end=True)
    assert (follower.rows, follower.absent) == (said["stored"], said["lost"])
    assert said["taken"] == said["stored"] + said["lost"]
    assert recorder.returncode == (1 if said["lost"] else 0)

    half = len(memory) // 2
    assert max(memory[half:]) <= max(memory[:half]) + FLAT_KB

    tally.add(SOAK, follower.parts)
