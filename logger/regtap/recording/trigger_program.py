"""The program that `--trigger-run` runs at each hit: beside the capture, which waits for none."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from regtap.units.format import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regtap.recording.trigger_options import TriggerOptions

MOST_RUNNING = 64  # arbitrary: a trigger that strikes often must not fill the machine with processes
_LOOK_S = 0.02
_LAST_LOOK_S = 1.0  # how long the end of a capture looks for a run that fails
_STDERR = 2


class TriggerProgram:
    """Starts a program at each hit, from a thread of its own.

    The program gets REGTAP_TRACE, REGTAP_TRIGGER, REGTAP_HIT (the hit's number, from 1) and REGTAP_T_NS (the time of
    its row) in its environment, an empty stdin, and the capture's stderr for both outputs. It runs as the capture's
    user, after root was dropped.

    Args:
        path: Of the program.
        trace: The trace's folder.
        expression: Of the trigger.
    """

    def __init__(self, path: str, trace: str, expression: str) -> None:
        self._path = path
        self._told = {"REGTAP_TRACE": os.path.abspath(trace), "REGTAP_TRIGGER": expression}
        self._hits: queue.SimpleQueue[tuple[int, int] | None] = queue.SimpleQueue()
        self._running: list[subprocess.Popen[bytes]] = []
        self._started = self._skipped = self._failed = 0
        self._refused = ""
        self._thread: threading.Thread | None = None

    def at_hit(self, number: int, t_ns: int) -> None:
        """Have the program started for a hit, by its number and the time of its row; returns at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="regtap-trigger-run", daemon=True)
            self._thread.start()
        self._hits.put((number, t_ns))

    def close(self) -> list[str]:
        """Start nothing more; what runs goes on. Return what the user should know, a line each."""
        if self._thread is None:
            return []
        self._hits.put(None)
        self._thread.join()
        latest_s = time.monotonic() + _LAST_LOOK_S
        while self._running and time.monotonic() < latest_s:
            self._reap()
            time.sleep(_LOOK_S if self._running else 0)
        return list(self._notes())

    def _run(self) -> None:
        while (hit := self._hits.get()) is not None:
            self._reap()
            if len(self._running) < MOST_RUNNING:
                self._start(*hit)
            else:
                self._skipped += 1

    def _start(self, number: int, t_ns: int) -> None:
        told = {**os.environ, **self._told, "REGTAP_HIT": str(number), "REGTAP_T_NS": str(t_ns)}
        try:
            started = subprocess.Popen([self._path], stdin=subprocess.DEVNULL, stdout=_STDERR, env=told)
        except OSError as error:
            self._refused = os.strerror(error.errno or 0)
        else:
            self._started += 1
            self._running.append(started)

    def _reap(self) -> None:
        ended = [process for process in self._running if process.poll() is not None]
        self._running = [process for process in self._running if process not in ended]
        self._failed += sum(process.returncode != 0 for process in ended)

    def _notes(self) -> Iterator[str]:
        if self._refused:
            yield f"{self._path} could not be run at a hit: {self._refused}; is it a program of this machine?"
        if self._failed:
            yield f"{self._path} ended with an error {count_of(self._failed, 'time')} of {self._started:,}"
        if self._skipped:
            yield f"{self._path} was not run for {count_of(self._skipped, 'hit')}: {MOST_RUNNING} runs went on"
        for process in self._running:
            yield f"{self._path} still runs (PID {process.pid})"


def trigger_program(options: TriggerOptions, trace: str) -> TriggerProgram | None:
    """Return what runs the program of a trigger; None where it has none."""
    return None if options.program is None else TriggerProgram(options.program, trace, options.expression)
