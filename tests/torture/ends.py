"""Captures that are cut off at one step of their end, each in a process of its own that ends as Python ends.

    python -m tests.torture.ends KIND EVENTS FOLDER FIRST STEP COUNT

forks COUNT processes. Each records from FOLDER/device into FOLDER/NUMBER, and has an exception raised at the event of
its number: FIRST, FIRST + STEP and so on. A line of JSON on stdout says how each of them ended.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.bomb import Bomb

import regtap
from regtap.pytest_plugin._recording import RegisterTrace
from regtap.recording import running, thread, writer

_LOADED = (running, thread)  # before the fork, not after it
RATE = "20k"


@dataclass(frozen=True)
class Cut:
    """A process after its end.

    Attributes:
        number: Of the event.
        pid: The process.
        status: Its exit code, or -N for signal N.
        hit: Whether it came to that event.
        taken: Samples that had been taken before the end began.
    """

    number: int
    pid: int
    status: int
    hit: bool
    taken: int


def described(folder: Path, number: int) -> regtap.Capture:
    return regtap.record(
        ["zero=0"], folder / str(number), target=f"file:{folder / 'device'}", rate=RATE, spool_size="512KiB"
    )


def at_the_end(folder: Path, number: int, bomb: Bomb) -> None:
    """KeyboardInterrupt in the thread whose block ends."""
    try:
        with described(folder, number) as capture:
            wait_for_rows(capture)
            bomb.arm(None, capture.status().taken)
        sys.settrace(None)
    except KeyboardInterrupt:
        pass


def at_the_start(folder: Path, number: int, bomb: Bomb) -> None:
    """KeyboardInterrupt in the thread that begins a block."""
    capture = described(folder, number)
    warnings.simplefilter("ignore", regtap.NothingRecordedWarning)  # it may be cut off before its first row
    try:
        bomb.arm(None, 0)
        with capture:
            sys.settrace(None)
    except KeyboardInterrupt:
        pass


def in_the_capture(folder: Path, number: int, bomb: Bomb) -> None:
    """An error in the capture's own thread, when it makes the last part and closes everything."""
    capture = described(folder, number)
    original = writer.Writer._finish

    def finish(self: writer.Writer, *arguments: Any) -> None:
        bomb.arm(sys._getframe(), capture.status().taken)
        original(self, *arguments)

    writer.Writer._finish = finish  # type: ignore[method-assign, assignment]
    try:
        with capture:
            wait_for_rows(capture)
    except (regtap.StorageError, ZeroDivisionError):
        pass


def in_the_fixture(folder: Path, number: int, bomb: Bomb) -> None:
    """KeyboardInterrupt in the pytest fixture's end."""
    original = RegisterTrace.finish

    def finish(self: RegisterTrace, item: pytest.Item) -> None:
        bomb.arm(None, self.capture.status().taken)
        original(self, item)

    RegisterTrace.finish = finish  # type: ignore[method-assign]
    os.chdir(folder)
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir=.", "-c", "pytest.ini"]
    try:
        pytest.main([*options, f"--regtap-dir={number}", "test_recorded.py"])
        sys.settrace(None)
    except KeyboardInterrupt:  # in the run's summary, where pytest lets it pass
        pass


KINDS: dict[str, tuple[Callable[[Path, int, Bomb], None], type[BaseException]]] = {
    "end": (at_the_end, KeyboardInterrupt),
    "start": (at_the_start, KeyboardInterrupt),
    "capture": (in_the_capture, ZeroDivisionError),
    "fixture": (in_the_fixture, KeyboardInterrupt),
}


def wait_for_rows(capture: regtap.Capture) -> None:
    while capture.status().taken < 100:
        time.sleep(0.001)


def cut(kind: str, events: str, folder: Path, number: int) -> bool:
    """Fork a process with one capture; return True in that process, when it is to end."""
    report = folder / f"{number}.json"
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        quiet = os.open(folder / f"{number}.err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(quiet, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY) if kind == "fixture" else quiet, 1)
        scenario, error = KINDS[kind]
        scenario(folder, number, Bomb(number, events, error, report))
        return True
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    said = json.loads(report.read_text())
    sys.stdout.write(json.dumps(asdict(Cut(number, pid, status, said["hit"], said["taken"]))) + "\n")
    sys.stdout.flush()
    return False


def main(kind: str, events: str, folder: str, first: str, step: str, count: str) -> None:
    for number in range(int(first), int(first) + int(step) * int(count), int(step)):
        if cut(kind, events, Path(folder), number):
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
