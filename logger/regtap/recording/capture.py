"""Recording: a target's registers into a trace, by a native sampling thread and a writer thread."""

from __future__ import annotations

import atexit
import os
import time
import warnings
from typing import TYPE_CHECKING, Self

from regtap.errors import InputError
from regtap.recording.columns import check_columns
from regtap.recording.description import Description
from regtap.recording.folder import require_free
from regtap.recording.marking import check_mark
from regtap.recording.summary import NothingRecordedWarning, Status, Summary
from regtap.recording.thread import CaptureThread
from regtap.trace.metadata import Mark
from regtap.trace.reader import open_trace
from regtap.triggers.parse import parse_trigger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future
    from types import TracebackType

    from regtap.recording.options import RecordOptions
    from regtap.recording.running import Outcome, Running
    from regtap.recording.snapshots import Snapshot
    from regtap.registers.model import Register
    from regtap.targets.target import Target
    from regtap.trace.reader import Trace

_LOOK_S = 0.001
_FIRST_ROW_S = 10.0  # a crowded machine was seen to let the loop wait for its CPU for seven


class Capture:
    """One capture; a context manager that records while its block runs.

    While this object lives, its ring stays in memory, after close() too. A forked child has a copy that does nothing:
    the capture is its parent's.

    Threads: any thread may call mark(), snapshot(), stop(), status() and wait(); start() and close() belong to one.

    Attributes:
        output: The trace's folder.
        registers: The recorded registers, in the order of access.
        target: The target of the registers.
        options: Options of the capture.
    """

    def __init__(
        self,
        target: Target,
        registers: Sequence[Register],
        output: str | os.PathLike[str],
        options: RecordOptions,
    ) -> None:
        """Describe a capture; nothing is opened before start()."""
        if not registers:
            raise InputError("there is nothing to record; name at least one register")
        self.output = os.fspath(output)
        check_columns(registers, self.output)
        self._place = os.path.abspath(self.output)  # which the current folder no longer changes
        self.registers = tuple(registers)
        self.target = target
        self.options = options
        self._trigger = (
            None if options.trigger is None else parse_trigger(options.trigger.expression, registers)
        )
        self._thread: CaptureThread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None and not self._thread.is_ours:
            return
        self.close()
        if error is None:
            self.raise_fault()
            self._warn_of_no_rows()

    def start(self) -> None:
        """Map the registers, make the folder and begin to sample.

        Raises:
            InputError: The output exists already, a register lies outside the target, or the capture has started.
            RefusedError: The system lets the target not be mapped, or the output not be made.
        """
        if self._thread is not None:
            raise InputError("the capture has started already; describe a new one for another recording")
        require_free(self.output)
        thread = CaptureThread(
            Description(self.target, self.registers, self.output, self.options, self._trigger)
        )
        atexit.register(self._raise_at_exit)
        try:
            thread.start()
        finally:
            if thread.running is None:
                atexit.unregister(self._raise_at_exit)
            else:
                self._thread = thread

    def mark(self, text: str) -> None:
        """Name this moment in the trace.

        Raises:
            InputError: The capture is not running: it has not begun, or has ended, perhaps by itself. Or `text` is
                no string, no Unicode, or over 65,536 letters long, or more marks wait than a part can hold.
        """
        check_mark(text)
        now_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        running = self._begun()
        if not running.writer.stored.add_mark(
            Mark(now_ns - running.resources.loop.timebase.start.raw_ns, text)
        ):
            raise InputError(f"cannot mark {text!r}: the capture is not running")

    def snapshot(self) -> Future[Snapshot]:
        """Store the window that a flight recorder (`on_full="overwrite"`) retains; sampling goes on.

        Returns at once, and may be called from a signal handler. The future's result is what was stored, once it is
        durable; one snapshot after another stores only what is new. The trace has a mark `snapshot` at this moment.
        From now on nothing is overwritten in about seven eighths of the spool; until these are stored, rows that find
        no room beside them are lost, and counted. Cancelling the future works until storing begins: then there is no
        such snapshot and no mark, and what it would have stored is overwritten as before. Later, it is stored all the
        same.

        Raises:
            InputError: The capture is no flight recorder, or is not running: its end stores what it retains anyway.
        """
        if not self.options.overwrites:
            raise InputError('only a flight recorder takes snapshots: record with on_full="overwrite"')
        now_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        flight = self._begun().flight
        snapshot = None if flight is None else flight.request(now_ns)
        if snapshot is None:
            raise InputError("cannot take a snapshot: the capture is not running")
        return snapshot

    def stop(self) -> None:
        """Ask the loop to end; returns at once, and may be called from a signal handler.

        Raises:
            InputError: The capture has not started.
        """
        self._begun().resources.loop.sampler.stop()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the capture has ended by itself, at most `timeout` seconds; return False after a timeout.

        Raises:
            InputError: The capture has not started.
        """
        return self._started().wait(timeout)

    def wait_for_first_row(self) -> None:
        """Wait for the first row, so that the trace shows the registers before the caller's next step.

        At most ten seconds: the loop may have to wait for its CPU. Returns at once if the capture has ended by itself.

        Raises:
            InputError: The capture has not started.
        """
        latest_s = time.monotonic() + _FIRST_ROW_S
        while not self.status().taken and time.monotonic() < latest_s and not self.wait(_LOOK_S):
            pass

    def status(self) -> Status:
        """Return the counts so far; they are exact only after the end.

        Raises:
            InputError: The capture has not started.
        """
        outcome = self._started().outcome
        return self._begun().status(None if outcome is None else outcome.ended_ns)

    def close(self) -> None:
        """End the capture and make everything durable; a second call does nothing.

        Errors of the capture itself are not raised here: see raise_fault() and summary. The handlers of signals run
        afterwards, so that Ctrl-C raises KeyboardInterrupt once everything is durable.
        """
        thread = self._thread
        if thread is None or not thread.is_ours:
            return
        if thread.running is not None:
            thread.running.resources.loop.sampler.stop()
        thread.end()
        atexit.unregister(self._raise_at_exit)

    def _raise_at_exit(self) -> None:
        """Raise the fault of a capture that was never closed; Python prints it."""
        if self._thread is not None and self._thread.is_ours:
            self.raise_fault()

    def _warn_of_no_rows(self) -> None:
        summary = self.summary
        totals, caught = summary.totals, summary.caught
        if totals.stored or totals.rotated or (caught is not None and not summary.caught_nothing):
            return  # a trigger may wait in vain where nobody said for how long
        reason = "" if caught is None else f"no trigger ({caught.expression}); "
        text = f"{self.output}: nothing was recorded: {reason}{totals.line()}"
        warnings.warn(text, NothingRecordedWarning, stacklevel=3)

    def _started(self) -> CaptureThread:
        if self._thread is None:
            raise InputError("the capture has not started; call start(), or use it in a with block")
        if not self._thread.is_ours:
            raise InputError(
                "the capture is the parent process's, and this is a forked child; use it in the parent"
            )
        return self._thread

    def _begun(self) -> Running:
        running = self._started().running
        assert running is not None  # noqa: S101 - start() keeps no other thread
        return running

    def _outcome(self) -> Outcome:
        outcome = self._started().outcome
        if outcome is None:
            raise InputError("the capture has not ended; its summary comes after close()")
        return outcome

    @property
    def summary(self) -> Summary:
        """The result of the capture; only after close().

        Raises:
            InputError: The capture has not started, or not ended.
        """
        outcome = self._outcome()
        if outcome.summary is None:
            assert outcome.failure is not None  # noqa: S101 - one of the two is there
            raise outcome.failure
        return outcome.summary

    def trace(self) -> Trace:
        """Open the trace; only after close()."""
        moved = os.path.abspath(self.output) != self._place
        return open_trace(self._place if moved else self.output)

    def raise_fault(self) -> None:
        """Raise the fault that ended the capture, if there was one; only after close().

        Raises:
            InputError: The capture has not started, or not ended.
            BusFaultError: A register stopped answering; everything before it is in the trace.
            StorageError: The disk refused; what is not in the trace is in the spool.
        """
        failure, fault = self._outcome().failure, self.summary.fault
        if failure is not None and fault is None:
            raise failure
        if fault is not None:
            raise fault from failure
