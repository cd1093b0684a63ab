"""The thread of a capture: it opens all resources, stores the samples, and closes everything.

Python runs the handlers of signals in the main thread alone. So no KeyboardInterrupt can cut off what happens here, at
whatever line of whatever program it is raised: the threads that wait for a capture can be interrupted, and the capture
goes on to its end. The interpreter does not end before that either.

The invariant of a capture's end, which tests/torture/test_ends.py tries at every step: **a spool is removed only when
every row in it is in a durable part, or was given up by the user's own choice.** `Resources.close` is the only place
that removes the spool of a capture that has begun, and asks the ring itself. Whatever else is raised, spool and
pointer stay, and `regtap recover` completes the trace.
"""

from __future__ import annotations

import _thread
import atexit
import functools
import math
import os
import threading
import time
from typing import TYPE_CHECKING

from regtap.recording.running import Outcome, Running
from regtap.sampling.latch import Latch, call_then_open, end_and_join, run_then_open
from regtap.system import cpus
from regtap.system.threads import no_thread_refused

if TYPE_CHECKING:
    from regtap.recording.description import Description

# A signal ends a turn of waiting, save one that comes just before the turn. Seldom: each turn may wake this thread on
# the sampling thread's CPU.
_TURN_S = 0.1


class CaptureThread:
    """One capture's thread, from start() to its end.

    Threads: any may call every method, start() once.

    Attributes:
        running: The capture, once it has begun.
        outcome: The end of the capture, once it has ended.
    """

    def __init__(self, description: Description) -> None:
        self.running: Running | None = None
        self.outcome: Outcome | None = None
        self._description = description
        self._refusal: BaseException | None = None
        self._owner_pid = os.getpid()
        self._starter_id = threading.get_native_id()
        self._started = Latch()
        self._asked = Latch()
        self._launched = Latch()
        self._begun = Latch()
        self._ended = Latch()
        self._end = functools.partial(end_and_join, self._started, self._asked, self._launched, self._ended)

    @property
    def is_ours(self) -> bool:
        """Whether this process has started the capture; a forked child has only a copy of this object."""
        return os.getpid() == self._owner_pid

    def start(self) -> None:
        """Begin the capture, and wait until it has begun.

        Raises:
            InputError: The output exists already, or a register lies outside the target.
            RefusedError: The system lets the target not be mapped, the output not be made, or no thread be started.
        """
        allowed = os.sched_getaffinity(0)
        # before there is a thread: whatever is raised here, and however often, the interpreter waits for its end
        atexit.register(self._end)
        try:
            with no_thread_refused():
                passing = functools.partial(_thread.start_new_thread, self._start_thread, ())
                call_then_open(passing, self._started)
            self._begun.wait()
        except BaseException:  # a refusal, or a signal's, which may come after the capture began
            self.end()
            atexit.unregister(self._end)
            raise
        finally:
            cpus.move_thread(self._starter_id, allowed)  # see Running.begin
        refusal, self._refusal = self._refusal, None
        if refusal is not None:
            self.end()  # a thread that the interpreter's end overtakes holds its objects for good
            try:
                raise refusal
            finally:
                del refusal  # else it holds the frame that holds it

    def end(self) -> None:
        """Ask the capture to end and wait until everything is durable and closed.

        The handlers of signals run after that.
        """
        self._end()

    def wait(self, timeout_s: float | None) -> bool:
        """Wait for the end; return False after a timeout. The handlers of signals run in the meantime."""
        latest_s = time.monotonic() + (math.inf if timeout_s is None else timeout_s)
        while True:
            rest_s = latest_s - time.monotonic()
            if self._ended.wait_or_signal(round(1e9 * max(0.0, min(rest_s, _TURN_S)))):
                return True
            if rest_s <= 0 or not self.is_ours:
                return False

    def _start_thread(self) -> None:
        """Start the thread from a passing one: an interrupted Thread.start() may leave a lock of the thread's taken."""
        try:
            with no_thread_refused():
                latches = (self._begun, self._ended)
                threading.Thread(
                    target=run_then_open, args=(self._run, *latches), name="regtap-writer", daemon=True
                ).start()
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that starts
            self._refusal = error
            atexit.unregister(self._end)
            self._begun.open()
            self._ended.open()
        finally:
            self._launched.open()

    def _run(self) -> None:
        try:
            self.running = Running.begin(self._description, self._asked, self._starter_id)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that starts
            self._refusal = error
        else:
            self._live(self.running)
        finally:
            atexit.unregister(self._end)

    def _live(self, running: Running) -> None:
        try:
            self._begun.open()
            self.outcome = running.live()
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that closes
            self.outcome = Outcome(None, error, time.monotonic_ns())
