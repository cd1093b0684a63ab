"""Triggers under random schedules: no hit is ignored, no row of a stretch is missing, and the balance is exact."""

from __future__ import annotations

import mmap
import random
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests import trigger_twin
from tests.conservation import assert_conserved
from tests.torture.conftest import Tally, cases
from tests.torture.schedules import Stalls

import regtap
from regtap.errors import StorageError
from regtap.parts import builder
from regtap.parts.file import PartFile
from regtap.recording import loop, writer
from regtap.recording.stretches import Caught
from regtap.recovery.complete import recover
from regtap.triggers.parse import parse_trigger

PROMISE = (
    "triggers, random schedules of hits, holdoffs, stalls and failures: no hit ignored, rows and gaps exact"
)
EXPRESSIONS = (
    "a rises",
    "a changes",
    "a & 3 == 2",
    "a & 1 falls or a & 8 == 8",
    "a & 1 == 1 and a & 2 == 2",
    "(a & 4 rises or a > 200) and b != 1",
    "a >= 0x80 and b changes or a == 7",
)
NEAR_NS = 20_000  # the loop counts ticks at the counter's nominal frequency


class CountingDevice:
    """A page with a counter that makes random steps at random moments, and a register that follows at a distance."""

    def __init__(self, path: Path, dice: random.Random) -> None:
        path.write_bytes(bytes(64))
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), 64)
        self._words = memoryview(self._page).cast("I")
        self._dice = dice
        self._pause_s = dice.choice([0.0, 0.0002, 0.002])
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._count)
        self._thread.start()

    def _count(self) -> None:
        step = 0
        while not self._ended.is_set():
            step += self._dice.choice([0, 1, 1, 2, 7])
            self._words[0] = step & 0xFF
            self._words[2] = step >> 4 & 3
            time.sleep(self._pause_s * self._dice.random())

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._words.release()
        self._page.close()


def options_of(dice: random.Random) -> dict[str, Any]:
    options: dict[str, Any] = {
        "trigger": dice.choice(EXPRESSIONS),
        "pre": dice.choice([0, 0.0001, 0.001, 0.004]),
        "post": dice.choice([0, 0.0001, 0.001, 0.004]),
        "holdoff": dice.choice([0, 0, 0, 0.0005, 0.005]),
        "spool_size": dice.choice(["384KiB", "512KiB", "1MiB"]),
        "on_full": dice.choice(["discard", "discard", "wait", "stop"]),
        "latency": dice.random() < 0.2,
    }
    if dice.random() < 0.4:
        options["captures"] = dice.choice([1, 2, 5])
    if dice.random() < 0.5:
        options["rate"] = dice.choice(["20k", "100k", "300k"])
    options["duration"] = dice.uniform(0.001, 0.02)
    return options


def rows_before(trace: regtap.Trace) -> npt.NDArray[np.bool_]:
    """Return for each row whether the row before it in the trace is also the one that was taken before it."""
    follows = np.ones(trace.rows, bool)
    follows[:1] = False
    absent = 0
    for gap in sorted(trace.gaps, key=lambda gap: (gap.first_index, gap.count)):
        at = gap.first_index - absent
        absent += gap.count
        if gap.cause != "missed" and gap.count and at < trace.rows:
            follows[at] = False
    return follows


def assert_caught(trace: regtap.Trace, caught: Caught, options: dict[str, Any]) -> None:
    """Assert what the marks and stretches say against a twin's judgement of the rows."""
    table = trace.to_arrow()
    times, marks = table["t_ns"].to_numpy(), [mark.t_ns for mark in trace.marks]
    columns = [table[name].to_numpy() for name in ("a", "b")]
    follows = rows_before(trace)
    trigger = parse_trigger(options["trigger"], trace.registers)
    struck = [row for row in trigger_twin.strikes_of(trigger, columns) if follows[row]]
    struck_ns, marked_ns = {times[row].item() for row in struck}, set(marks)
    judged_ns = set(times[follows].tolist()) - set(
        times[~follows].tolist()
    )  # times at which nothing is unknown
    assert sum(stretch.hits for stretch in caught.stretches) == caught.hits == len(marks) + caught.unmarked
    assert len(caught.stretches) == caught.opened
    if len(set(times.tolist())) == len(times):  # a coarse clock gives two rows one time
        assert marked_ns & judged_ns <= struck_ns, "a mark where nothing struck"
    if not options["holdoff"] and not caught.unmarked:
        assert struck_ns <= marked_ns, "a hit was ignored"
    assert_windows(trace, caught, options, times)


def assert_windows(
    trace: regtap.Trace, caught: Caught, options: dict[str, Any], times: npt.NDArray[np.int64]
) -> None:
    assert sum(stretch.rows for stretch in caught.stretches) == trace.rows
    uncut = max((gap.rows for gap in trace.gaps), default=0)  # a gap with rows inside is kept whole
    at = 0
    for stretch in caught.stretches:
        own = times[at : at + stretch.rows]
        at += stretch.rows
        first_ns = stretch.hit_ns - round(options["pre"] * 1e9) - NEAR_NS
        last_ns = stretch.last_hit_ns + round(options["post"] * 1e9) + NEAR_NS
        assert np.count_nonzero(own < first_ns) <= uncut, "rows before the pre-trigger"
        if "full" not in {
            gap.cause for gap in trace.gaps
        }:  # a stretch that was dropped ends with the first row after
            assert np.count_nonzero(own > last_ns) <= 1, "rows after the post-trigger"


def run_one(folder: Path, target: str, options: dict[str, Any], stalls: Stalls) -> set[str]:
    """Record; if the disk refused, recover. Then what was caught must be true; return how it ended."""
    recovered = False
    try:
        with regtap.record(["a=0:u32", "b=8:u8"], folder, target=target, **options) as capture:
            assert capture.wait(60)
    except StorageError:
        stalls.fails_at = None  # somebody made room
        recover(folder)
        recovered = True
    trace = regtap.open_trace(folder)
    assert_conserved(trace)
    totals, progress = trace.totals, capture.status()
    assert totals is not None
    assert (totals.taken, totals.missed) == (progress.taken, progress.missed)
    if not recovered:
        caught = capture.summary.caught
        assert caught is not None
        assert_caught(trace, caught, options)
        assert (totals.ended == "captures") <= (len(caught.stretches) == options.get("captures"))
    return {totals.ended, *(gap.cause for gap in trace.gaps)}


@pytest.mark.filterwarnings("ignore::regtap.NothingRecordedWarning")  # a trigger may never strike
def test_random_schedules_of_triggers(
    shared_folder: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "PART_BYTES", 20_000)
    monkeypatch.setattr(writer, "ROW_GROUP_ROWS", 1000)
    monkeypatch.setattr(loop, "row_cost_ns", lambda *_: None)  # rings that hold too little are tried too
    original = PartFile.write
    outcomes: set[str] = set()
    for seed in range(cases(80, 10_000)):
        dice = random.Random(seed)
        stalls = Stalls(dice)

        def write(self: PartFile, *rows: Any, stalls: Stalls = stalls) -> None:
            stalls.before_write()
            original(self, *rows)

        folder, options = shared_folder / str(seed), options_of(dice)
        device = CountingDevice(shared_folder / "device", dice)
        with monkeypatch.context() as patch:
            patch.setattr(PartFile, "write", write)
            try:
                outcomes |= run_one(folder, f"file:{shared_folder / 'device'}", options, stalls)
                tally.case(PROMISE)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
                context = f"seed {seed}, {options}, stalls {stalls.longest_s}, fails at {stalls.fails_at}"
                tally.case(PROMISE, f"{context}: {type(error).__name__}: {error}")
            finally:
                device.close()
        shutil.rmtree(folder, ignore_errors=True)
    assert outcomes >= {"captures", "duration", "overwritten", "recovered"}, outcomes
    tally.assert_kept(PROMISE)
