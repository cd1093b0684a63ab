"""Random schedules of captures whose writer is slow, stalls or fails; each module of tests runs in its own process."""

from __future__ import annotations

import errno
import os
import random
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.conservation import assert_conserved
from tests.torture.conftest import Tally, cases

import regtap
from regtap.errors import InputError, StorageError
from regtap.parts import builder
from regtap.parts.file import PartFile
from regtap.recording import writer
from regtap.recovery.complete import recover


class Stalls:
    """Pauses before row groups, and now and then a disk that refuses."""

    def __init__(self, dice: random.Random) -> None:
        self.longest_s = dice.choice([0.0, 0.001, 0.004, 0.01])
        self.fails_at = dice.choice([None, None, None, dice.randrange(6)])
        self._dice = dice
        self._calls = 0

    def before_write(self) -> None:
        time.sleep(self.longest_s * self._dice.random() ** 3)
        self._calls += 1
        if self.fails_at is not None and self._calls > self.fails_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def options_of(dice: random.Random) -> dict[str, Any]:
    options: dict[str, Any] = {
        "spool_size": dice.choice(["384KiB", "512KiB", "1MiB"]),
        "on_full": dice.choice(["wait", "discard", "stop", "overwrite"]),
        "latency": dice.random() < 0.2,
    }
    if dice.random() < 0.4:
        options["rate"] = dice.choice(["50k", "300k", "3M", "30M"])
    if dice.random() < 0.5:
        options["samples"] = dice.randrange(1, 30_000)
    else:
        options["duration"] = dice.uniform(0.001, 0.02)
    return options


def run_one(
    folder: Path, target: str, options: dict[str, Any], stalls: Stalls, snapshot_s: float | None
) -> set[str]:
    """Record; if the disk refused, recover. Then the trace must balance; return how it ended, and why samples lack."""
    try:
        with regtap.record(["a=0:u32"], folder, target=target, **options) as capture:
            while not capture.wait(snapshot_s or 60):
                assert snapshot_s
                with suppress(InputError):  # it has ended meanwhile
                    capture.snapshot()
    except StorageError:
        stalls.fails_at = None  # somebody made room
        recover(folder)
    trace = regtap.open_trace(folder)
    assert_conserved(trace)
    totals = trace.totals
    assert totals is not None
    progress = capture.status()
    assert (totals.taken, totals.missed) == (progress.taken, progress.missed)
    assert totals.lost == progress.lost or options["on_full"] == "overwrite"
    assert "throttled" not in {gap.cause for gap in trace.gaps} or options["on_full"] == "wait"
    assert not totals.lost or options["on_full"] in ("discard", "overwrite")
    assert not totals.overwritten or options["on_full"] == "overwrite"
    return {totals.ended, *(gap.cause for gap in trace.gaps)}


def run_schedules(
    promise: str,
    choose: Callable[[random.Random], dict[str, Any]],
    device: Path,
    tally: Tally,
    monkeypatch: pytest.MonkeyPatch,
) -> set[str]:
    """Run random schedules over a device; return how they ended, and why samples lack."""
    monkeypatch.setattr(builder, "PART_BYTES", 20_000)
    monkeypatch.setattr(writer, "ROW_GROUP_ROWS", 1000)
    original = PartFile.write
    outcomes: set[str] = set()
    for seed in range(cases(60, 10_000)):
        dice = random.Random(seed)
        stalls = Stalls(dice)

        def write(self: PartFile, *rows: Any, stalls: Stalls = stalls) -> None:
            stalls.before_write()
            original(self, *rows)

        folder = device.parent / str(seed)
        with monkeypatch.context() as patch:
            patch.setattr(PartFile, "write", write)
            options = choose(dice)
            snapshot_s = dice.uniform(0.0001, 0.01) if options["on_full"] == "overwrite" else None
            context = (
                f"seed {seed}, {options}, stalls {stalls.longest_s}, fails at {stalls.fails_at}, "
                f"snapshots each {snapshot_s} s"
            )
            try:
                outcomes |= run_one(folder, f"file:{device}", options, stalls, snapshot_s)
                tally.case(promise)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
                tally.case(promise, f"{context}: {type(error).__name__}: {error}")
        shutil.rmtree(folder, ignore_errors=True)
    tally.assert_kept(promise)
    return outcomes
