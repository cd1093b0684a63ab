"""Recording: a target's registers into a trace, by a native sampling thread and a writer thread."""

from __future__ import annotations

import atexit
import dataclasses
import errno
import os
import threading
import time
from typing import TYPE_CHECKING, Self

from regtap import _native
from regtap.errors import FaultError, InputError, RefusedError
from regtap.recording.flight import FlightPipeline
from regtap.recording.folder import require_free
from regtap.recording.messages import bus_fault, ends_with_ones, pace_warnings, storage_fault, thread_warnings
from regtap.recording.resources import Resources
from regtap.recording.summary import Disturbances, Lateness, Status, Summary
from regtap.recording.writer import Pipeline
from regtap.system.cpus import pin_thread
from regtap.trace.metadata import Mark
from regtap.trace.reader import open_trace
from regtap.trace.totals import Totals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future
    from types import TracebackType

    from regtap.recording.options import RecordOptions
    from regtap.recording.snapshots import Snapshot
    from regtap.registers.model import Register
    from regtap.targets.target import Target
    from regtap.trace.reader import Trace

_LOOK_S = 0.001
_FIRST_ROW_S = 1.0
_ENDED = {
    _native.Ended.stopped: "stopped",
    _native.Ended.duration: "duration",
    _native.Ended.samples: "samples",
    _native.Ended.full: "full",
    _native.Ended.fault: "fault",
}


class Capture:
    """One capture; a context manager that records from its beginning to its end.

    While this object lives, its ring stays in memory, after close() too.

    Threads: any thread may call mark(), stop(), status() and wait(); start() and close() belong to one.

    Attributes:
        output: The trace's folder.
        registers: What is recorded, in the order of access.
        target: Where from.
        options: How.
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
        self._place = os.path.abspath(self.output)  # which the current folder no longer changes
        self.registers = tuple(registers)
        self.target = target
        self.options = options
        self._failure: BaseException | None = None
        self._ended_ns: int | None = None
        self._notes: list[str] = []
        self._thread: threading.Thread | None = None
        self._flight: FlightPipeline | None = None
        self._closed = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if error is None:
            self.raise_fault()

    def start(self) -> None:
        """Map the registers, make the folder and begin to sample.

        Raises:
            InputError: The output exists already, or a register lies outside the target.
            RefusedError: The system lets the target not be mapped, or the output not be made.
        """
        require_free(self.output)
        self._resources = Resources(self.target, self.registers, self.output, self.options)
        try:
            self._begin()
        except (RuntimeError, OSError) as error:  # a thread of Python's, or the loop's
            self._thread = None
            self._resources.take_back()
            raise RefusedError(
                "the system lets this process start no more threads",
                remedy="raise the limit (ulimit -u, or the container's pids.max)",
            ) from error
        atexit.register(self._close_at_exit)

    def _begin(self) -> None:
        opened = self._resources
        shared = (opened.spool, opened.sampler, opened.timebase, opened.folder.fd, opened.template)
        compression = self.options.compression
        if self.options.overwrites:
            self._flight = FlightPipeline(*shared, keep_ns=self.options.keep_ns, compression=compression)
        self._pipeline = self._flight or Pipeline(*shared, compression=compression)
        self._thread = threading.Thread(target=self._write, name="regtap-writer", daemon=True)
        self._owner_pid = os.getpid()
        self._began_ns = time.monotonic_ns()
        if opened.journal is not None:
            opened.journal.start(opened.writer_cpus, opened.sampler.stop)
        opened.sampler.start()
        self._thread.start()

    def _write(self) -> None:
        self._notes += pin_thread(self._resources.writer_cpus)
        try:
            self._pipeline.run(self._totals)
        except MemoryError as error:
            self._failure = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
            self._failure.__cause__ = error
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that closes
            self._failure = error
        if self._resources.journal is not None:
            self._wait_for_loop()  # the last turn is to have its last samples
            self._resources.journal.stop(last_turn=self._failure is not None)
        self._ended_ns = time.monotonic_ns()

    def _wait_for_loop(self) -> None:
        self._resources.sampler.stop()
        while self._resources.sampler.running():
            time.sleep(_LOOK_S)

    def _totals(self, stored: int, waiting: int = 0) -> Totals:
        """Return the balance; `waiting`: rows that are in no part, but in the spool for good."""
        progress = self._resources.sampler.progress()
        return Totals(
            ended=_ENDED[progress.ended],
            due=None if self.options.rate_hz is None else progress.due,
            taken=progress.taken,
            stored=stored,
            lost=progress.lost if self._flight is None else progress.taken - stored - waiting,
            missed=progress.missed,
            throttled_ns=self._resources.timebase.in_ns(progress.throttled_ticks),
            overwritten=0 if self._flight is None else self._flight.overwritten,
        )

    def mark(self, text: str) -> None:
        """Name this moment in the trace.

        Raises:
            InputError: The capture is not running: it has not begun, or has ended, perhaps by itself. Or `text` is
                no string.
        """
        if not isinstance(text, str):
            raise InputError(f"a mark is a text, not {text!r}")
        now_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        if self._thread is None or not self._pipeline.stored.add_mark(
            Mark(now_ns - self._resources.timebase.start.raw_ns, text)
        ):
            raise InputError(f"cannot mark {text!r}: the capture is not running")

    def snapshot(self) -> Future[Snapshot]:
        """Have what a flight recorder (`on_full="overwrite"`) keeps stored; sampling goes on.

        Returns at once, and may be called from a signal handler. The future's result is what was stored, once it is
        durable; one snapshot after another stores only what is new. The trace has a mark `snapshot` at this moment.
        Cancelling the future works until storing begins: then there is no such snapshot and no mark, and what it
        would have stored is kept and overwritten as if nobody had asked. Later, it is stored all the same.

        Raises:
            InputError: The capture is no flight recorder, or is not running.
        """
        if not self.options.overwrites:
            raise InputError('only a flight recorder takes snapshots: record with on_full="overwrite"')
        now_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        snapshot = None if self._flight is None else self._flight.request(now_ns)
        if snapshot is None:
            raise InputError("cannot take a snapshot: the capture is not running")
        return snapshot

    def stop(self) -> None:
        """Ask the loop to end; returns at once, and may be called from a signal handler."""
        self._resources.sampler.stop()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the capture has ended by itself, at most `timeout` seconds; return whether it has."""
        assert self._thread is not None  # noqa: S101 - start() comes first
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def wait_for_first_row(self) -> None:
        """Wait until the trace has begun, so that it shows what the registers were before what comes next.

        At most a second: a bus may be slow. Returns at once if the capture has ended by itself.
        """
        latest_s = time.monotonic() + _FIRST_ROW_S
        while not self.status().taken and time.monotonic() < latest_s and not self.wait(_LOOK_S):
            pass

    def status(self) -> Status:
        """Return what happened so far; the numbers are exact only after the end."""
        progress = self._resources.sampler.progress()
        stored = self._pipeline.stored
        used = (
            self._resources.spool.sealed() - self._resources.spool.released()
        ) / self._resources.spool.block_count
        return Status(
            elapsed_s=((self._ended_ns or time.monotonic_ns()) - self._began_ns) / 1e9,
            taken=progress.taken,
            stored=stored.written,
            lost=progress.lost,
            missed=progress.missed,
            spool_fill=used,
            kept=None if self._flight is None else self._flight.kept(progress.taken),
        )

    def close(self) -> None:
        """End the capture and make everything durable; a second call does nothing.

        Errors of the capture itself are not raised here: see raise_fault() and summary.
        """
        if self._thread is None or self._closed or os.getpid() != self._owner_pid:
            return  # not started, closed, or a fork's copy: the capture is its parent's
        self._resources.sampler.stop()
        self._thread.join()
        self._resources.end_loop()
        if self.target.is_device and ends_with_ones(self._resources.spool):
            self._notes.append(
                "the last sample is all ones in every register: a device that is gone, asleep or not enabled "
                "reads like that, without an error"
            )
        kept = self._resources.close(keeps=self._failure is not None)
        self._summary = self._summarise(kept)
        self._closed = True
        atexit.unregister(self._close_at_exit)

    def _close_at_exit(self) -> None:
        """Store what a program that forgot to close has recorded; Python shows what is raised here."""
        self.close()
        self.raise_fault()

    @property
    def summary(self) -> Summary:
        """What the capture came to; only after close()."""
        if not self._closed:
            raise InputError("the capture has not ended; its summary comes after close()")
        return self._summary

    def trace(self) -> Trace:
        """Open the trace; only after close()."""
        moved = os.path.abspath(self.output) != self._place
        return open_trace(self._place if moved else self.output)

    def _summarise(self, kept: str | None) -> Summary:
        journal = self._resources.journal
        progress = self._resources.sampler.progress()
        stored = self._pipeline.stored
        totals = self._totals(
            stored.rows, 0 if self._failure is None else self._resources.spool.waiting_rows()
        )
        if self._failure is not None:
            lost = totals.lost if kept is not None else totals.taken - totals.stored
            totals = dataclasses.replace(totals, ended="writer", lost=lost)
        return Summary(
            output=self.output,
            totals=totals,
            span_ns=self._resources.timebase.span_ns,
            parts=stored.parts,
            bytes=stored.bytes,
            clock=self._resources.timebase.info(),
            pauses=progress.pauses,
            longest_hole_ns=self._resources.timebase.longest_ns,
            lateness=Lateness.of(progress, self._resources.timebase),
            disturbances=Disturbances.of(progress.disturbances),
            fault=self._fault(progress, kept),
            spool=kept,
            warnings=(
                *self._resources.warnings,
                *self._notes,
                *self._resources.left,
                *thread_warnings(progress.cpu_errno, progress.priority_errno),
                *pace_warnings(totals.taken, totals.missed),
            ),
            durability=None if journal is None else journal.durability,
            snapshots=None if self._flight is None else tuple(self._flight.snapshots),
        )

    def _fault(self, progress: _native.Progress, kept: str | None) -> FaultError | None:
        if isinstance(self._failure, OSError):
            return storage_fault(self._failure, self.output, kept)
        journal = self._resources.journal
        if self._failure is None and journal is not None and journal.failure is not None:
            return journal.fault()
        if self._failure is not None or progress.ended is not _native.Ended.fault:
            return None
        return bus_fault(progress, self.registers)

    def raise_fault(self) -> None:
        """Raise what ended the capture, if it was a fault; only after close().

        Raises:
            BusFaultError: A register stopped answering; everything before it is in the trace.
            StorageError: The disk refused; what is not in the trace is in the spool.
        """
        if self._failure is not None and self.summary.fault is None:
            raise self._failure
        if self.summary.fault is not None:
            raise self.summary.fault from self._failure
