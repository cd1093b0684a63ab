"""Power loss at any moment of a capture with `--durable`, and of the recovery after it.

A capture is recorded call by call, and so is what it promised: after each turn of the journal, every sample that was
complete when the turn began. Then the power goes at a random moment, the disk is left as it may be (disk.py), and
what `regtap recover` makes of it is compared with what the capture really took.
"""

from __future__ import annotations

import itertools
import random
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests.conservation import assert_conserved
from tests.spools import expected_index
from tests.torture.aftermath import check_values, hashes
from tests.torture.conftest import Tally, cases
from tests.torture.disk import Call, Disk, recorded

import regtap
from regtap.errors import RegtapError
from regtap.journal import segments
from regtap.journal.thread import JournalThread
from regtap.parts import builder
from regtap.parts.file import PartFile
from regtap.recording import resources, writer
from regtap.recovery import clock
from regtap.recovery.complete import Recovered, finished_parts, recover
from regtap.trace.gaps import CAUSES, Gap

PROMISE = "power loss at any moment with --durable: all up to the last sync, nothing torn, nothing invented"
REGISTERS = ["CHECKED", "COUNT32"]


@dataclass(frozen=True)
class Truth:
    """A capture that went on to its end.

    Attributes:
        calls: What it did to the disk, its promises among it.
        index: Of each row.
        columns: Each column of the trace.
        causes: Of each index, as causes_of gives them.
        merged: Of each index, as merged_of gives it.
        joined: Of each index, whether it lies in a gap with rows inside.
    """

    calls: list[Call]
    index: npt.NDArray[np.int64]
    columns: dict[str, npt.NDArray[Any]]
    causes: npt.NDArray[np.int8]
    merged: npt.NDArray[np.bool_]
    joined: npt.NDArray[np.bool_]


def options_of(dice: random.Random) -> dict[str, Any]:
    options: dict[str, Any] = {
        "spool_size": dice.choice(["384KiB", "512KiB"]),
        "durable": dice.choice([0.01, 0.02]),
        "duration": dice.uniform(0.2, 0.4),
        "latency": dice.random() < 0.3,
        "on_full": dice.choice(["wait", "discard"]),
        "rate": dice.choice(["2k", "50k", "300k", "max", "max"]),
    }
    if options["rate"] == "max":
        options.update(samples=150_000 if options["on_full"] == "wait" else 3_000_000)
    return options


def capture_truth(folder: Path, target: str, dice: random.Random, monkeypatch: pytest.MonkeyPatch) -> Truth:
    """Record, with a slow writer that closes small parts."""
    options = options_of(dice)
    stall_s = dice.choice([0.0, 0.01, 0.05])
    write, turn = PartFile.write, JournalThread.turn

    def slow(self: PartFile, *rows: Any) -> None:
        time.sleep(stall_s * dice.random())
        write(self, *rows)

    with monkeypatch.context() as patch, recorded(folder) as log:
        patch.setattr(PartFile, "write", slow)
        patch.setattr(builder, "PART_BYTES", dice.choice([1, 20_000]))
        patch.setattr(writer, "ROW_GROUP_ROWS", dice.choice([1, 2000]))
        patch.setattr(resources, "PART_NS", 0)
        patch.setattr(segments, "COUNT", dice.choice([3, 12]))
        capture = regtap.record(REGISTERS, folder / "run", target=target, **options)

        begun = threading.Event()

        def promising(self: JournalThread) -> bool:
            assert begun.wait(120)
            progress = capture._begun().resources.loop.sampler.progress()
            is_whole = turn(self)
            if is_whole:
                log.note("promise", offset=progress.taken + progress.missed)
            return is_whole

        patch.setattr(JournalThread, "turn", promising)
        with capture:
            begun.set()
            assert capture.wait(60)
    return truth_of(folder / "run", log.calls)


def promising_truth(folder: Path, target: str, dice: random.Random, monkeypatch: pytest.MonkeyPatch) -> Truth:
    """Record until a capture made a promise: a few end before, or their journal never had room."""
    for _ in range(10):
        folder.mkdir()
        truth = capture_truth(folder, target, dice, monkeypatch)
        shutil.rmtree(folder)
        if first_promise(truth.calls):
            return truth
    raise AssertionError("no capture promised anything")


def truth_of(folder: Path, calls: list[Call]) -> Truth:
    trace = regtap.open_trace(folder)
    assert_conserved(trace)
    table = trace.to_arrow()
    columns = {name: table[name].to_numpy() for name in table.column_names}
    assert trace.totals is not None
    end = trace.totals.taken + trace.totals.missed
    index, causes = expected_index(trace.gaps, trace.rows), causes_of(trace.gaps, end)
    return Truth(calls, index, columns, causes, merged_of(trace.gaps, end), joined_of(trace.gaps, end))


def promised(calls: list[Call]) -> int | None:
    """Return the index before which all was promised to survive, or None before the first promise."""
    return max((call.offset for call in calls if call.kind == "promise"), default=None)


def first_promise(calls: list[Call]) -> int:
    """Return how many calls there were up to the first promise of a sample, with it; 0: none was made."""
    return next((k + 1 for k, call in enumerate(calls) if call.kind == "promise" and call.offset), 0)


def check(folder: Path, truth: Truth, promise: int | None) -> None:
    trace = regtap.open_trace(folder)
    assert not trace.unfinished
    assert_conserved(trace)
    totals = trace.totals
    assert totals is not None
    end = totals.taken if totals.due is None else totals.due
    assert end >= (promise or 0), f"{end} of {promise} promised"
    assert "writer" not in {gap.cause for gap in trace.gaps}
    index = expected_index(trace.gaps, trace.rows)
    # What survives is the beginning. A gap that joined others later has places of its own for the rows inside.
    assert len(index) <= len(truth.index), "rows that the capture did not store"
    at = np.arange(len(index))
    is_placed = ~truth.joined[truth.index[at]]
    assert np.array_equal(truth.index[at][is_placed], index[is_placed]), (
        "a row that the capture did not store"
    )
    table = trace.to_arrow()
    for name in REGISTERS:
        values = table[name].to_numpy()
        assert np.array_equal(truth.columns[name][at], values), f"{name} was changed"
        check_values(name, values)
    off_ns = np.abs(truth.columns["t_ns"][at] - table["t_ns"].to_numpy())
    assert off_ns.max(initial=0) <= trace.error_bound_ns + 1000, f"times are off by {off_ns.max()} ns"
    causes = causes_of(trace.gaps, end)
    merged = merged_of(trace.gaps, end) | truth.merged[:end]
    differs = (causes != truth.causes[:end]) & (~merged | (causes == 0) | (truth.causes[:end] == 0))
    differs &= ~truth.joined[:end]
    assert not differs.any(), (
        f"index {differs.argmax()} of {end} ({promise} promised) is absent for another reason"
    )


def merged_of(gaps: Sequence[Gap], end: int) -> npt.NDArray[np.bool_]:
    """Return for each index whether it lies in gaps that follow one another and are merged by their causes.

    Where gaps come thick while samples are dropped, the rest become one span for each cause: the spans overlap in time.
    """
    merged = np.zeros(end, dtype=np.bool_)
    for gap, later in itertools.pairwise(gaps):
        is_next = gap.first_index + gap.count + gap.rows == later.first_index
        if is_next and later.t0_ns < gap.t1_ns:
            merged[gap.first_index : later.first_index + later.count] = True
    return merged


def joined_of(gaps: Sequence[Gap], end: int) -> npt.NDArray[np.bool_]:
    """Return for each index whether it lies in a gap with rows inside: some of them are absent."""
    joined = np.zeros(end, dtype=np.bool_)
    for gap in gaps:
        if gap.rows:
            joined[gap.first_index : gap.first_index + gap.count + gap.rows] = True
    return joined


def causes_of(gaps: Sequence[Gap], end: int) -> npt.NDArray[np.int8]:
    """Return for each index why it is absent, or 0."""
    causes = np.zeros(end, dtype=np.int8)
    for gap in gaps:
        causes[gap.first_index : gap.first_index + gap.count] = 1 + CAUSES.index(gap.cause)
    return causes


def recover_or_not(folder: Path, promise: int | None) -> Recovered | None:
    """Recover; None where nothing was promised yet, and nothing can be."""
    has_parts = folder.is_dir() and bool(finished_parts(folder))
    try:
        return recover(folder)
    except RegtapError:
        if promise is not None or has_parts:
            raise
        return None


def try_one(root: Path, truth: Truth, moment: int, dice: random.Random) -> None:
    """Lose power after so many calls, perhaps again while recovering, and see what is left."""
    calls = truth.calls[:moment]
    promise = promised(calls)
    if dice.random() < 0.3:
        calls += recovery_after_kill(root / "killed", calls, promise, dice)
    disk = Disk().after_power_loss(calls, dice)
    for attempt in range(dice.choice([0, 0, 1, 2])):
        disk = lose_power_again(root / f"again-{attempt}", disk, promise, dice)
    last = root / "last"
    last.mkdir()
    disk.lay_out(last)
    before = hashes(last / "run")
    result = recover_or_not(last / "run", promise)
    if result is None:
        return
    assert not result.dropped, result.dropped
    check(last / "run", truth, promise)
    assert before.items() <= hashes(last / "run").items(), "a finished part was touched"
    assert sorted(path.name for path in (last / "run").iterdir()) == sorted(hashes(last / "run"))
    again = recover(last / "run")
    assert (again.rows, again.parts) == (0, 0)


def moment_among(calls: list[Call], dice: random.Random) -> int:
    """Return any moment, or, as often, one just before a sync of a file or of a folder, when most is at stake."""
    kind = dice.choice(["sync", "sync folder"])
    syncs = [k for k, call in enumerate(calls) if call.kind == kind]
    return dice.choice(syncs) if syncs and dice.random() < 0.5 else dice.randrange(len(calls) + 1)


def recovery_after_kill(
    root: Path, calls: list[Call], promise: int | None, dice: random.Random
) -> list[Call]:
    """Return what a recovery does, up to some moment, that a kill and no power loss made necessary."""
    root.mkdir()
    seen = Disk().as_seen(calls)
    seen.lay_out(root)
    with recorded(root, seen) as log:
        recover_or_not(root / "run", promise)
    done = log.calls[: moment_among(log.calls, dice)]
    return [replace(call, upto=call.upto + len(calls)) for call in done]


def lose_power_again(root: Path, disk: Disk, promise: int | None, dice: random.Random) -> Disk:
    root.mkdir()
    disk.lay_out(root)
    durable = replace(disk, contents={file: disk.contents.get(file, bytearray()) for file in files_of(disk)})
    with recorded(root, durable) as log:
        recover_or_not(root / "run", promise)
    moment = moment_among(log.calls, dice)
    return durable.after_power_loss(log.calls[:moment], dice)


def files_of(disk: Disk) -> list[Any]:
    return [file for file in disk.entries.values() if file is not None]


def problem_of(root: Path, truth: Truth, moment: int, dice: random.Random, seed: str) -> str | None:
    root.mkdir()
    try:
        try_one(root, truth, moment, dice)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        return f"seed {seed}: {type(error).__name__}: {error}"
    finally:
        shutil.rmtree(root)
    return None


def test_power_loss(
    shared_folder: Path, simulator: str, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    captures, losses, tried = cases(4, 40), cases(12, 50), 0
    for number in range(captures):
        truth = promising_truth(shared_folder / str(number), simulator, random.Random(number), monkeypatch)
        for loss in range(losses):
            seed = f"{number}-{loss}"
            dice = random.Random(seed)
            begin = first_promise(truth.calls) if dice.random() < 0.9 else 0
            moment = begin + moment_among(truth.calls[begin:], dice)
            with monkeypatch.context() as patch:
                if loss % 2:  # the machine was restarted: its counter began anew
                    patch.setattr(clock, "boot_id", lambda: "another")
                problem = problem_of(shared_folder / "loss", truth, moment, dice, seed)
            was_promised = bool(promised(truth.calls[:moment]))
            tried += was_promised
            if was_promised or problem is not None:  # else nothing had been promised that could be lost
                tally.case(PROMISE, problem)
    assert tried > captures * losses // 2

    tally.assert_kept(PROMISE)
