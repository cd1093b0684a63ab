"""A running capture: its resources, its counts so far, and the way to its end."""

from __future__ import annotations

import dataclasses
import errno
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

from regtap.errors import InputError
from regtap.parts.builder import PartBuilder
from regtap.recording.flight import FlightWriter
from regtap.recording.messages import (
    bus_fault,
    gone_fault,
    odd_ending,
    storage_fault,
    thread_warnings,
    trigger_notes,
)
from regtap.recording.pace import Pace, pace_warnings
from regtap.recording.resources import Resources
from regtap.recording.rotation import Rotation
from regtap.recording.summary import Disturbances, Lateness, Status, Summary
from regtap.recording.trigger_program import trigger_program
from regtap.recording.triggered import TriggeredWriter
from regtap.recording.watcher import Watcher
from regtap.recording.writer import Making, Writer
from regtap.sampling.sampler import Ended, slot_cost_ticks
from regtap.system import cpus
from regtap.system.threads import no_thread_refused
from regtap.trace.gaps import LOSSES
from regtap.trace.metadata import Mark
from regtap.trace.rotation import NOTHING
from regtap.trace.totals import Totals

if TYPE_CHECKING:
    from regtap.errors import FaultError
    from regtap.recording.description import Description
    from regtap.recording.loop import Loop
    from regtap.recording.options import RecordOptions
    from regtap.recording.resources import Closed
    from regtap.sampling.latch import Latch
    from regtap.sampling.sampler import Progress
    from regtap.trace.rotation import Rotated

_LOOK_S = 0.001


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a capture.

    Attributes:
        summary: Result of the capture; None: an error came before it could be made.
        failure: Error of the writer, or None.
        ended_ns: When everything was stored, on CLOCK_MONOTONIC.
    """

    summary: Summary | None
    failure: BaseException | None
    ended_ns: int


@dataclass(frozen=True, slots=True)
class Running:
    """A capture whose loop has begun; only its own thread uses it, except for status().

    Attributes:
        what: The request.
        resources: Device, loop with its spool and clock, folder and journal.
        writer: Stores the samples.
        watcher: Notices changes of the device.
        attendants: The threads of the watcher and of marks from outside.
        began_ns: When the capture began, on CLOCK_MONOTONIC.
    """

    what: Description
    resources: Resources
    writer: Writer
    watcher: Watcher
    attendants: ExitStack
    began_ns: int

    @classmethod
    def begin(cls, what: Description, asked: Latch, starter_id: int) -> Self:
        """Open everything and start the loop; an error leaves nothing behind.

        Args:
            what: The capture.
            asked: Open once the capture is asked to end.
            starter_id: The thread that waits for the begin. It is pinned to other CPUs than the loop's, where it would
                wake beside the first slots; it restores its own CPUs then.
        """
        opened = Resources.open(what)
        try:
            with no_thread_refused(), ExitStack() as stack:
                writer = _open_writer(opened, what.options, asked)
                with cpus.pinned(opened.loop.writer_cpus):  # as the threads are that start here
                    watcher = stack.enter_context(_watcher(what, opened, writer))
                    stack.enter_context(opened.marks.serving(partial(_take_mark, opened, writer)))
                began_ns = time.monotonic_ns()
                if opened.journal is not None:
                    opened.journal.start(opened.loop.writer_cpus, opened.loop.sampler.stop)
                cpus.move_thread(starter_id, opened.loop.writer_cpus)
                opened.loop.sampler.start()
                attendants = stack.pop_all()
        except BaseException:
            opened.undo()
            raise
        return cls(what, opened, writer, watcher, attendants, began_ns)

    @property
    def _loop(self) -> Loop:
        return self.resources.loop

    @property
    def flight(self) -> FlightWriter | None:
        """The writer of a flight recorder; None for any other capture."""
        return self.writer if isinstance(self.writer, FlightWriter) else None

    @property
    def triggered(self) -> TriggeredWriter | None:
        """The writer of a capture with a trigger; None for any other one."""
        return self.writer if isinstance(self.writer, TriggeredWriter) else None

    def live(self) -> Outcome:
        """Store samples until the capture ends, close all resources, and return the outcome."""
        notes = cpus.pin_thread(self._loop.writer_cpus)
        is_complete = False
        try:
            with self.attendants:
                failure = self._store()
            is_complete = failure is None
            notes += self.watcher.notes()
            notes += [] if self.triggered is None else self.triggered.notes
            place = self.resources.folder.whereabouts()
            if place not in (None, self.what.output):
                notes.append(f"{self.what.output} was moved to {place} meanwhile: the trace is there")
            if self.what.target.is_device:
                notes += odd_ending(self._loop.ring)
        finally:
            ended_ns = time.monotonic_ns()
            closed = self.resources.close(is_complete=is_complete)
        summary = self._summarise(failure, closed, notes)
        if summary.fault is None and failure is None and place is None:
            summary = dataclasses.replace(summary, fault=gone_fault(self.what.output))
        return Outcome(summary, failure, ended_ns)

    def _store(self) -> BaseException | None:
        """Make parts until the end; return the error that kept the writer from storing everything, or None."""
        failure: BaseException | None = None
        try:
            self.writer.run(self._last_totals)
        except MemoryError as error:
            failure = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
            failure.__cause__ = error
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that closes
            failure = error
        if self.resources.journal is not None:
            self._wait_for_loop()  # the last turn is to have its last samples
            self.resources.journal.stop(last_turn=failure is not None)
        return failure

    def _wait_for_loop(self) -> None:
        self._loop.sampler.stop()
        while self._loop.sampler.running():
            time.sleep(_LOOK_S)

    def _last_totals(self, stored: int, rotated: Rotated | None) -> Totals:
        self.watcher.look()  # once more, while the last part can say it
        return self.totals(stored, rotated)

    def totals(self, stored: int, rotated: Rotated | None, waiting: int = 0) -> Totals:
        """Return the balance.

        Args:
            stored: Rows in parts.
            rotated: The parts among them that were given up.
            waiting: Rows that are in no part and stay in the spool, after an error of the writer.
        """
        progress = self._loop.sampler.progress()
        given_up = rotated or NOTHING
        overwriting = self.flight or self.triggered
        lost = progress.lost if overwriting is None else progress.taken - stored - waiting
        overwritten = 0 if overwriting is None else overwriting.overwritten
        return Totals(
            ended=progress.ended.name,
            due=None if self.what.options.rate_hz is None else progress.due,
            taken=progress.taken,
            stored=stored - given_up.rows,
            lost=lost - given_up.count(*LOSSES),
            missed=progress.missed - given_up.count("missed"),
            throttled_ns=self._loop.timebase.in_ns(progress.throttled_ticks),
            overwritten=overwritten - given_up.count("overwritten"),
            rotated=given_up.extent,
            rotated_lost=given_up.lost,
            torn=progress.torn - given_up.count("torn"),
            unchanged=progress.unchanged - given_up.count("unchanged"),
            accesses=self._accesses(progress),
        )

    def _accesses(self, progress: Progress) -> int | None:
        """Return how many loads there were, where they are not one for each register and sample."""
        pairs = sum(register.high is not None for register in self.what.registers)
        if not pairs:
            return None
        return progress.taken * (len(self.what.registers) + 2 * pairs) + progress.extra_loads

    def status(self, ended_ns: int | None) -> Status:
        """Return the counts so far.

        Args:
            ended_ns: When the capture ended, on CLOCK_MONOTONIC; None: it has not.
        """
        stored = self.writer.stored.rows  # first: no row is stored before it is taken
        progress = self._loop.sampler.progress()
        ring = self._loop.ring
        return Status(
            elapsed_s=((ended_ns or time.monotonic_ns()) - self.began_ns) / 1e9,
            taken=progress.taken,
            stored=max(0, stored - (self.writer.rotated or NOTHING).rows),
            waiting=self._waiting(progress, stored),
            lost=progress.lost,
            missed=progress.missed,
            spool_fill=(ring.sealed() - ring.released()) / ring.block_count,
            kept=None if self.flight is None else self.flight.kept(progress.taken),
            caught=None if self.triggered is None else self.triggered.caught(),
        )

    def _waiting(self, progress: Progress, stored: int) -> int:
        """Return how many rows the spool holds that are in no finished part, given the rows in all parts so far."""
        if self.flight is None and self.triggered is None:
            return max(0, progress.taken - progress.unchanged - progress.lost - stored)
        oldest = self._loop.ring.oldest()
        return 0 if oldest is None else max(0, progress.taken - oldest[0])

    def _summarise(self, failure: BaseException | None, closed: Closed, notes: list[str]) -> Summary:
        journal = self.resources.journal
        progress = self._loop.sampler.progress()
        timebase = self._loop.timebase
        stored, rotation = self.writer.stored, self.writer.rotation
        totals = self._final_totals(failure, closed.kept)
        pace = self._pace(progress)
        caught = None if self.triggered is None else self.triggered.caught()
        return Summary(
            output=self.what.output,
            totals=totals,
            span_ns=timebase.span_ns,
            parts=stored.parts - (0 if rotation is None else rotation.removed_parts),
            bytes=stored.bytes - (0 if rotation is None else rotation.removed_bytes),
            clock=timebase.info(),
            pauses=progress.pauses,
            longest_hole_ns=timebase.longest_ns,
            lateness=Lateness.of(progress, timebase),
            pace=pace,
            disturbances=Disturbances.of(progress.disturbances),
            fault=self._fault(failure, progress, closed.kept),
            spool=closed.kept,
            warnings=(
                *self.resources.warnings,
                *notes,
                *closed.left,
                *([] if rotation is None else rotation.notes()),
                *trigger_notes(caught),
                *thread_warnings(progress.cpu_errno, progress.priority_errno),
                *pace_warnings(pace, float(self.what.options.rate_hz or 0), totals.due or 0, totals.missed),
            ),
            durability=None if journal is None else journal.durability,
            snapshots=None if self.flight is None else tuple(self.flight.snapshots),
            removed_parts=0 if rotation is None else rotation.removed_parts,
            caught=caught,
        )

    def _pace(self, progress: Progress) -> Pace:
        # Advice about a schedule is given where the loop had to wait: only then what one costs has to be known.
        asks = self.what.options.rate_hz is None and progress.pauses > 0
        slot_cost = slot_cost_ticks(self._loop.timebase.source) if asks else 0.0
        return Pace.of(progress, self._loop.timebase, slot_cost)

    def _final_totals(self, failure: BaseException | None, kept: str | None) -> Totals:
        stored = self.writer.stored
        rotated = self.writer.rotated
        if failure is None:
            return self.totals(stored.rows, rotated)
        totals = self.totals(stored.rows, rotated, self._loop.ring.waiting_rows())
        lost = totals.lost if kept is not None else totals.lost + totals.unaccounted
        return dataclasses.replace(totals, ended="writer", lost=lost)

    def _fault(
        self, failure: BaseException | None, progress: Progress, kept: str | None
    ) -> FaultError | None:
        if isinstance(failure, OSError):
            return storage_fault(failure, self.what.output, kept)
        journal = self.resources.journal
        if failure is None and journal is not None and journal.failure is not None:
            return journal.fault()
        if failure is not None or progress.ended is not Ended.fault:
            return None
        return bus_fault(progress, self.what.registers, self.watcher.state)


def _take_mark(resources: Resources, writer: Writer, raw_ns: int, text: str) -> int:
    """Keep a mark for the next part; see MarkServer.serving."""
    if raw_ns > time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW):
        raise InputError("its time is still to come")
    # 0: of a command that began before the capture.
    t_ns = max(0, raw_ns - resources.loop.timebase.start.raw_ns)
    if not writer.stored.add_mark(Mark(t_ns, text)):
        raise InputError("the capture has ended")
    return t_ns


def _watcher(what: Description, opened: Resources, writer: Writer) -> Watcher:
    return Watcher(
        opened.presence,
        what.target.spec,
        opened.loop.timebase.start.raw_ns,
        lambda t_ns, text: writer.stored.add_own_mark(Mark(t_ns, text)),
    )


def _open_writer(opened: Resources, options: RecordOptions, asked: Latch) -> Writer:
    builder = PartBuilder(opened.folder.fd, opened.loop.template, opened.loop.timebase, opened.open_encoder)
    rotation = None if options.limits is None else Rotation(opened.folder.fd, options.limits)
    builder.part_bytes = None if rotation is None else rotation.part_bytes
    loop, making = opened.loop, Making(builder, opened.loop.spool.mark_log(opened.loop.ring), rotation)
    shared = (loop.ring, loop.sampler, loop.timebase, making, asked)
    if options.overwrites:
        return FlightWriter(*shared, keep_ns=options.keep_ns, output=opened.folder.path)
    if options.trigger is not None:
        program = trigger_program(options.trigger, opened.folder.path)
        pre_ns = options.unchecked_pre_ns
        return TriggeredWriter(*shared, options=options.trigger, unchecked_pre_ns=pre_ns, program=program)
    return Writer(*shared)
