"""Recording: a target's registers into a trace, by a native sampling thread and a writer thread."""

from __future__ import annotations

import atexit
import dataclasses
import errno
import os
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from regtap import _native, scheduling
from regtap.capture_faults import bus_fault, ends_with_ones, storage_fault
from regtap.errors import FaultError, InputError, RefusedError
from regtap.flight_recorder import FlightPipeline
from regtap.host import describe_host
from regtap.journal.layout import all_segments
from regtap.journal.writer import Journal
from regtap.output_folder import OutputFolder, require_free
from regtap.pipeline import Pipeline
from regtap.sampling import places_of
from regtap.spool import SMALL_BYTES, Spool, free_size_bytes, needed_bytes
from regtap.spool_note import make_document
from regtap.summary import Disturbances, Lateness, Status, Summary
from regtap.system import is_in_memory
from regtap.timebase import Timebase
from regtap.trace import open_trace
from regtap.trace_format import Mark, Mode, PartMetadata, Totals
from regtap.writer import schema_of, warm_up

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future
    from types import TracebackType

    from regtap.device import Device
    from regtap.options import RecordOptions
    from regtap.registers import Register
    from regtap.snapshots import Snapshot
    from regtap.targets.base import Target
    from regtap.trace import Trace

_LOOK_S = 0.001
_ENDED = {
    _native.Ended.stopped: "stopped",
    _native.Ended.duration: "duration",
    _native.Ended.samples: "samples",
    _native.Ended.full: "full",
    _native.Ended.fault: "fault",
}


class Capture:
    """One capture; a context manager that records from its beginning to its end.

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
        self.registers = tuple(registers)
        self.target = target
        self.options = options
        self._resources = ExitStack()
        self._failure: BaseException | None = None
        self._ended_ns: int | None = None
        self._warnings: list[str] = []
        self._left: list[str] = []  # what could not be removed
        self._journal: Journal | None = None
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
        try:
            self._open_all()
        except RefusedError as error:
            if not self._left:
                raise
            remedy = f"{error.remedy}; {'; '.join(self._left)}"
            raise RefusedError(error.cause, remedy=remedy, errno=error.errno) from error
        try:
            self._begin()
        except (
            RuntimeError,
            OSError,
        ) as error:  # a thread of Python, or the native one, could not be started
            self._take_back()
            raise RefusedError(
                "the system lets this process start no more threads",
                remedy="raise the limit (ulimit -u, or the container's pids.max)",
            ) from error
        atexit.register(self.close)

    def _open_all(self) -> None:
        with ExitStack() as stack:
            device = stack.enter_context(self.target.open(self.registers))
            stack.enter_context(scheduling.low_latency(self.options.realtime))
            describe_host()  # reads our own installation, which a user without root need not be able to
            if self.options.before_output is not None:
                self.options.before_output()
            self._warnings += scheduling.warnings(
                self.options.realtime, free_running=self.options.rate_hz is None
            )
            self._prepare(device, stack)
            self._resources = stack.pop_all()

    def _prepare(self, device: Device, stack: ExitStack) -> None:
        self._cpu, self._writer_cpus = scheduling.choose_cpus(self.options.cpu)
        self._spool = Spool(self._spool_bytes())
        stack.callback(self._close_spool)
        source = _native.best_source(self.target.is_device)
        self._timebase = Timebase(source)  # t_ns begins here, when all that takes long is done
        self._template = self._describe()
        document = make_document(self._template, self.output)
        self._spool.format(self.registers, document, latency=self.options.latency)
        self.options.check_kept_rows(self._spool.block_count, self._spool.rows_per_block)
        plan = self.options.plan(source, self._spool.block_count, self._cpu)
        self._sampler = _native.Sampler(self._spool.memory, places_of(device, self.registers), plan)
        stack.callback(self._end_threads)
        warm_up(schema_of(self.registers, latency=self.options.latency))
        self._folder = OutputFolder(self.output, self._spool.path)  # last: a refusal leaves nothing behind
        stack.callback(self._folder.close)
        if self.options.durable_ns is not None:
            self._journal = self._make_journal(self.options.durable_ns)
            stack.callback(self._close_journal)

    def _make_journal(self, interval_ns: int) -> Journal:
        with ExitStack() as undo:
            undo.callback(self._folder.take_back)
            journal = Journal(self._spool, self._folder.fd, self.output, interval_ns)
            undo.pop_all()
        if is_in_memory(self.output):
            self._warnings.append(
                f"{self.output} is in memory itself: --durable protects it from nothing there"
            )
        return journal

    def _close_journal(self) -> None:
        if self._journal is not None:
            self._left += filter(None, [self._journal.close(keep=self._failure is not None)])

    def _describe(self) -> PartMetadata:
        options = self.options
        rate_hz = None if options.rate_hz is None else str(options.rate_hz)
        return PartMetadata(
            registers=self.registers,
            target=self.target.spec,
            mode=Mode(rate_hz, options.on_full, options.latency, options.keep_ns),
            clock=self._timebase.info(),
            start=self._timebase.start,
            host=describe_host(),
            part=0,
            first_index=0,
        )

    def _spool_bytes(self) -> int:
        row_bytes = 8 + sum(register.width_bytes for register in self.registers) + 4 * self.options.latency
        rows = self.options.most_waiting_rows()
        size_bytes = self.options.spool_bytes or free_size_bytes()
        if self.options.spool_bytes is None and rows is not None:
            size_bytes = min(size_bytes, needed_bytes(rows, row_bytes))
        elif self.options.spool_bytes is None and size_bytes < SMALL_BYTES:
            self._warnings.append(
                f"the spool has {size_bytes >> 20} MiB only: short stalls of the disk may fill it"
            )
        return size_bytes

    def _begin(self) -> None:
        shared = (self._spool, self._sampler, self._timebase, self._folder.fd, self._template)
        compression = self.options.compression
        if self.options.overwrites:
            self._flight = FlightPipeline(*shared, keep_ns=self.options.keep_ns, compression=compression)
        self._pipeline = self._flight or Pipeline(*shared, compression=compression)
        self._thread = threading.Thread(target=self._write, name="regtap-writer", daemon=True)
        self._owner_pid = os.getpid()
        self._began_ns = time.monotonic_ns()
        if self._journal is not None:
            self._journal.start(self._writer_cpus or (), self._sampler.stop)
        self._sampler.start()
        self._thread.start()

    def _take_back(self) -> None:
        """Leave nothing of a capture that could not begin."""
        self._thread = None
        self._end_threads()
        if self._journal is not None:
            self._journal.stop(last_turn=False)
        self._close_journal()
        self._folder.take_back()
        self._resources.close()

    def _write(self) -> None:
        if self._writer_cpus:
            os.sched_setaffinity(threading.get_native_id(), self._writer_cpus)
        try:
            self._pipeline.run(self._totals)
        except MemoryError as error:
            self._failure = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
            self._failure.__cause__ = error
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that closes
            self._failure = error
        if self._journal is not None:
            self._wait_for_loop()  # the last turn is to have its last samples
            self._journal.stop(last_turn=self._failure is not None)
        self._ended_ns = time.monotonic_ns()

    def _wait_for_loop(self) -> None:
        self._sampler.stop()
        while self._sampler.running():
            time.sleep(_LOOK_S)

    def _totals(self, stored: int, waiting: int = 0) -> Totals:
        """Return the balance; `waiting`: rows that are in no part, but in the spool for good."""
        progress = self._sampler.progress()
        return Totals(
            ended=_ENDED[progress.ended],
            due=None if self.options.rate_hz is None else progress.due,
            taken=progress.taken,
            stored=stored,
            lost=progress.lost if self._flight is None else progress.taken - stored - waiting,
            missed=progress.missed,
            throttled_ns=self._timebase.in_ns(progress.throttled_ticks),
            overwritten=0 if self._flight is None else self._flight.overwritten,
        )

    def mark(self, text: str) -> None:
        """Name this moment in the trace.

        Raises:
            InputError: The capture is not running: it has not begun, or has ended, perhaps by itself.
        """
        now_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        if self._thread is None or not self._pipeline.stored.add_mark(
            Mark(now_ns - self._timebase.start.raw_ns, text)
        ):
            raise InputError(f"cannot mark {text!r}: the capture is not running")

    def snapshot(self) -> Future[Snapshot]:
        """Have what a flight recorder (`on_full="overwrite"`) keeps stored; sampling goes on.

        Returns at once, and may be called from a signal handler. The future's result is what was stored, once it is
        durable; one snapshot after another stores only what is new. The trace has a mark `snapshot` at this moment.

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
        self._sampler.stop()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the capture has ended by itself, at most `timeout` seconds; return whether it has."""
        assert self._thread is not None  # noqa: S101 - start() comes first
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def status(self) -> Status:
        """Return what happened so far; the numbers are exact only after the end."""
        progress = self._sampler.progress()
        stored = self._pipeline.stored
        used = (self._spool.sealed() - self._spool.released()) / self._spool.block_count
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
        self._sampler.stop()
        self._thread.join()
        self._sampler.join()
        if self.target.is_device and ends_with_ones(self._spool):
            self._warnings.append(
                "the last sample is all ones in every register: a device that is gone, asleep or not enabled "
                "reads like that, without an error"
            )
        kept = self._kept()
        self._close_journal()
        if kept is None:
            self._left += filter(None, [self._folder.remove_note()])
        self._resources.close()
        self._summary = self._summarise(kept)
        self._closed = True
        atexit.unregister(self.close)

    def _kept(self) -> str | None:
        """Return where the samples are that no part has: the spool, or else the journal; None: there are none."""
        if self._failure is None:
            return None
        if self._spool.is_there():
            return self._spool.path
        is_in_journal = self._journal is not None and self._journal.holds_the_rest()
        return all_segments(self.output) if is_in_journal else None

    def _end_threads(self) -> None:
        self._sampler.stop()
        self._sampler.join()

    def _close_spool(self) -> None:
        try:
            if self._failure is None:
                self._spool.remove()
        except OSError as error:
            self._left.append(
                f"the spool {self._spool.path} could not be removed ({os.strerror(error.errno or 0)}): "
                "remove it, nothing in it is needed"
            )
        self._spool.close()

    @property
    def summary(self) -> Summary:
        """What the capture came to; only after close()."""
        if not self._closed:
            raise InputError("the capture has not ended; its summary comes after close()")
        return self._summary

    def trace(self) -> Trace:
        """Open the trace; only after close()."""
        return open_trace(self.output)

    def _summarise(self, kept: str | None) -> Summary:
        progress = self._sampler.progress()
        stored = self._pipeline.stored
        totals = self._totals(stored.rows, 0 if self._failure is None else self._spool.waiting_rows())
        if self._failure is not None:
            lost = totals.lost if kept is not None else totals.taken - totals.stored
            totals = dataclasses.replace(totals, ended="writer", lost=lost)
        return Summary(
            output=self.output,
            totals=totals,
            span_ns=self._timebase.span_ns,
            parts=stored.parts,
            bytes=stored.bytes,
            clock=self._timebase.info(),
            pauses=progress.pauses,
            longest_hole_ns=self._timebase.longest_ns,
            lateness=Lateness.of(progress, self._timebase),
            disturbances=Disturbances.of(progress.disturbances),
            fault=self._fault(progress, kept),
            spool=kept,
            warnings=(
                *self._warnings,
                *self._left,
                *scheduling.thread_warnings(progress.cpu_errno, progress.priority_errno),
                *scheduling.pace_warnings(totals.taken, totals.missed),
            ),
            durability=None if self._journal is None else self._journal.durability,
            snapshots=None if self._flight is None else tuple(self._flight.snapshots),
        )

    def _fault(self, progress: _native.Progress, kept: str | None) -> FaultError | None:
        if isinstance(self._failure, OSError):
            return storage_fault(self._failure, self.output, kept)
        if self._failure is None and self._journal is not None and self._journal.failure is not None:
            return self._journal.fault()
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
