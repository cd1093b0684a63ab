"""What is killed: a recorder and a recovery, each in a process forked from one that has loaded everything."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import regtap
from regtap.parts import builder
from regtap.parts.file import PartFile
from regtap.recording import capture as recording_capture
from regtap.recording import writer
from regtap.recovery import complete, rebuild

_LOADED = (recording_capture, rebuild)  # before the fork, not after it
CALLS = ("open", "fsync", "rename", "unlink")  # of os: what may be cut off before, and after
METHODS = ("write", "_finish", "abandon")  # of PartFile


@dataclass(frozen=True)
class VictimCapture:
    """A capture to be killed.

    Attributes:
        registers: As `regtap record` takes them.
        target: The same.
        output: The trace's folder.
        options: Of regtap.record.
        stall_s: Longest pause of the writer before each row group; 0: none.
        part_bytes: Size at which a part is closed; None: as ever.
        seed: Of the pauses.
        snapshot_s: Pause between two snapshots; 0: none is taken.
        kill_at: Die at this call of CALLS and METHODS; None: the parent kills.
        mark_s: Pause between two marks, whose numbers the parent is told; 0: none is set.
    """

    registers: tuple[str, ...]
    target: str
    output: str
    options: dict[str, Any] = field(default_factory=dict)
    stall_s: float = 0.0
    part_bytes: int | None = None
    seed: int = 0
    snapshot_s: float = 0.0
    kill_at: int | None = None
    mark_s: float = 0.0


def record(what: VictimCapture, ready: Connection) -> None:
    """Record until killed; `ready` gets a word when the capture runs, and another if it ends by itself."""
    if what.part_bytes is not None:
        builder.PART_BYTES = what.part_bytes
        writer.ROW_GROUP_ROWS = 1  # type: ignore[attr-defined]
    if what.stall_s:
        _stall(what.stall_s, random.Random(what.seed))
    capture = regtap.record(list(what.registers), what.output, target=what.target, **what.options)
    with dying_at(what.kill_at):
        with capture:
            ready.send("running")
            number = 0
            while what.mark_s and not capture.wait(what.mark_s):
                capture.mark(f"m{number}")
                ready.send(number)
                number += 1
            while not capture.wait(what.snapshot_s or None):
                capture.snapshot()
        ready.send("ended")


def _stall(longest_s: float, dice: random.Random) -> None:
    original = PartFile.write

    def write(self: PartFile, *rows: Any) -> None:
        time.sleep(longest_s * dice.random() ** 2)
        original(self, *rows)

    PartFile.write = write  # type: ignore[assignment,method-assign]


def recover(path: str, part_bytes: int | None, kill_at: int | None, done: Connection) -> None:
    """Recover, and die at the call of that number; `done` gets the number of calls if it comes to its end."""
    if part_bytes is not None:
        builder.PART_BYTES = part_bytes
        rebuild.ROW_GROUP_ROWS = 1  # type: ignore[attr-defined]
    with dying_at(kill_at) as calls:
        complete.recover(path)
    done.send(calls())


@contextmanager
def dying_at(number: int | None) -> Iterator[Callable[[], int]]:
    """Count the calls that change files, and die before (even numbers) or after (odd) one of them."""
    count = 0

    def mortal(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            _die_if(count == number)
            result = original(*arguments, **options)
            _die_if(count + 1 == number)
            count += 2
            return result

        return call

    saved = [(os, name, getattr(os, name)) for name in CALLS]
    saved += [(PartFile, name, getattr(PartFile, name)) for name in METHODS]  # type: ignore[misc]
    for owner, name, original in saved:
        setattr(owner, name, mortal(original))
    try:
        yield lambda: count
    finally:
        for owner, name, original in saved:
            setattr(owner, name, original)


def _die_if(now: bool) -> None:
    if now:
        os.kill(os.getpid(), signal.SIGKILL)
