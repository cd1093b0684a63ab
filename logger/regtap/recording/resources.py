"""The resources of a capture: device, spool, clock, loop, folder, journal."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.clock.live import Timebase
from regtap.clock.source import best_source
from regtap.errors import RefusedError
from regtap.journal.layout import all_segments
from regtap.journal.thread import JournalThread
from regtap.parts.compression import encoder_for
from regtap.recording.folder import OutputFolder
from regtap.recording.mark_server import MarkServer
from regtap.recording.messages import scheduling_warnings, small_spool_warnings
from regtap.recording.writer import PART_NS
from regtap.registers.model import loads_of
from regtap.sampling.sampler import make_sampler
from regtap.spool.document import make_document
from regtap.spool.own import OwnSpool
from regtap.spool.pointer import SpoolPointer, new_identity
from regtap.spool.size import check_memory, free_size_bytes, needed_bytes
from regtap.system import cpus
from regtap.system.host import boot_id, describe_host
from regtap.system.kernel import is_in_memory
from regtap.system.memory import available_memory
from regtap.trace.metadata import Mode, PartMetadata, TriggerMode

if TYPE_CHECKING:
    from regtap.recording.description import Description
    from regtap.recording.trigger_options import TriggerOptions
    from regtap.targets.device import Device
    from regtap.targets.target import Target

_NUMBERS_BYTES = 256  # by which the numbers of a clock may be longer in one document than in another


@dataclass(frozen=True, slots=True)
class Closed:
    """The files that stay after a capture's resources were closed.

    Attributes:
        kept: Path of the spool, or else of the journal, with the samples that no part has; None: there are none, or
            they are lost.
        left: A line for each file that could not be removed.
    """

    kept: str | None
    left: tuple[str, ...]


class Resources:
    """Opens the resources one after the other and closes them in reverse order; a refusal leaves nothing behind.

    Attributes:
        spool: The file that outlives this process.
        ring: The blocks in it, which the loop fills.
        sampler: The loop, not yet started.
        timebase: The capture's clock.
        presence: Notices changes of the device.
        template: Metadata that all parts share.
        marks: Takes marks from other processes.
        open_encoder: Opens the encoder of each part; its libraries are loaded.
        folder: The trace's folder.
        journal: The journal of a durable capture, else None.
        writer_cpus: CPUs of all threads but the loop's; empty: any.
        warnings: Warnings for the user from before the capture, a line each.
    """

    def __init__(self, what: Description) -> None:
        """Open all resources.

        Raises:
            InputError: The output exists already, or a register lies outside the target.
            RefusedError: The system lets the target not be mapped, or the output not be made.
        """
        self.journal: JournalThread | None = None
        self.warnings: list[str] = []
        self._left: list[str] = []
        self._registers = what.registers
        self._output = what.output
        self._options = what.options
        self._trigger = what.trigger
        self._identity = new_identity()
        self._is_complete = False
        try:
            with ExitStack() as stack:
                self._open(what.target, stack)
                self._stack = stack.pop_all()
        except RefusedError as error:
            if not self._left:
                raise
            remedy = f"{error.remedy}; {'; '.join(self._left)}"
            raise RefusedError(error.cause, remedy=remedy, errno=error.errno) from error

    def _open(self, target: Target, stack: ExitStack) -> None:
        options = self._options
        loads = loads_of(self._registers)
        device = stack.enter_context(target.open(loads))
        self.presence = target.watch(device, loads)  # which may see more than the later user
        stack.callback(self.presence.close)
        stack.enter_context(cpus.low_latency(options.realtime))
        describe_host()  # reads our own installation, which a user without root need not be able to
        if options.before_output is not None:
            options.before_output()
        self.warnings += scheduling_warnings(options.realtime, free_running=options.rate_hz is None)
        self._open_loop(target, device, stack)
        self.open_encoder = encoder_for(options.compression)
        self.marks = MarkServer(self._identity)  # before the folder's pointer, by which others find it
        stack.callback(self.marks.close)
        self.folder = OutputFolder(self._output, self._pointer())  # last: a refusal leaves nothing behind
        stack.callback(self.folder.close)
        if options.durable_ns is not None:
            self.journal = self._make_journal(options.durable_ns)
            stack.callback(self._close_journal)

    def _open_loop(self, target: Target, device: Device, stack: ExitStack) -> None:
        options = self._options
        cpu, self.writer_cpus = cpus.choose_cpus(options.cpu)
        source = best_source(target.is_device)
        draft = make_document(self._describe(target, Timebase(source)), self._output, self._identity)
        self.spool = OwnSpool(self._spool_bytes(len(draft) + _NUMBERS_BYTES))
        stack.callback(self._close_spool)
        self.timebase = Timebase(source)  # t_ns begins here, when all that takes long is done
        self.template = self._describe(target, self.timebase)
        document = make_document(self.template, self._output, self._identity)
        self.ring = self.spool.format(self._registers, document, latency=options.latency)
        options.check_kept_rows(self.ring.block_count, self.ring.rows_per_block)
        plan = options.plan(source, self.ring.block_count, cpu, self._registers, self._trigger)
        self.sampler = make_sampler(self.ring.memory, device, self._registers, plan)
        stack.callback(self.end_loop)

    def _pointer(self) -> SpoolPointer:
        status = self.spool.status()
        return SpoolPointer(self.spool.path, boot_id(), status.st_dev, status.st_ino, self._identity)

    def _describe(self, target: Target, timebase: Timebase) -> PartMetadata:
        options = self._options
        rate_hz = None if options.rate_hz is None else str(options.rate_hz)
        return PartMetadata(
            registers=tuple(self._registers),
            target=target.spec,
            mode=Mode(
                rate_hz,
                options.on_full,
                options.latency,
                options.keep_ns,
                options.keep_parts,
                options.keep_bytes,
                on_change=() if options.on_change is None else options.on_change.names or ("*",),
                heartbeat_ns=None if options.on_change is None else options.on_change.heartbeat_ns,
                trigger=_trigger_mode(options.trigger),
            ),
            clock=timebase.info(),
            start=timebase.start,
            host=describe_host(),
            part=0,
            first_index=0,
        )

    def _spool_bytes(self, document_bytes: int) -> int:
        """Return the size of the spool: as asked for, or as the capture needs and the machine can spare."""
        options, memory = self._options, available_memory()
        if options.spool_bytes is not None:
            check_memory(options.spool_bytes, memory)
            return options.spool_bytes
        size_bytes, rows = free_size_bytes(memory), options.most_waiting_rows()
        if rows is not None:
            widths = [8, *(register.width_bytes for register in self._registers), *[4] * options.latency]
            needed = needed_bytes(rows, widths, document_bytes)
            if needed <= size_bytes:
                return needed
        self.warnings += small_spool_warnings(size_bytes, memory)
        return size_bytes

    def _make_journal(self, interval_ns: int) -> JournalThread:
        with ExitStack() as stack:
            stack.callback(self.folder.undo)
            journal = JournalThread(self.ring, self.folder.fd, self._output, interval_ns, PART_NS)
            stack.pop_all()
        if is_in_memory(self._output):
            self.warnings.append(
                f"{self._output} is in memory itself: --durable protects it from nothing there"
            )
        return journal

    def undo(self) -> None:
        """Close all resources of a capture that could not begin; once samples were taken, spool and pointer stay."""
        self.end_loop()
        if self.journal is not None:
            self.journal.stop(last_turn=False)
        self._close_journal()
        if not self.spool.has_begun():
            self.folder.undo()
        self._stack.close()

    def end_loop(self) -> None:
        """Stop the loop, and wait until its thread has ended; a second call does nothing."""
        self.sampler.stop()
        self.sampler.join()

    def close(self, *, is_complete: bool) -> Closed:
        """End the loop and close all resources; an error of one step does not keep the next from being tried.

        Args:
            is_complete: The last part, with the balance, is durable. Otherwise spool, journal and pointer stay.
        """
        self.end_loop()
        self._is_complete = is_complete and not self.ring.holds_rows()
        kept = None if self._is_complete else self._kept()
        with self._stack:
            self._close_journal()
            if self._is_complete:
                self._remove_spool()
            if kept is None:
                self._left += filter(None, [self.folder.remove_pointer()])
        return Closed(kept, tuple(self._left))

    def _kept(self) -> str | None:
        if self.spool.is_there():
            return self.spool.path
        is_in_journal = self.journal is not None and self.journal.holds_the_rest()
        return all_segments(self._output) if is_in_journal else None

    def _close_journal(self) -> None:
        if self.journal is not None:
            keep = self.spool.has_begun() and not self._is_complete
            self._left += filter(None, [self.journal.close(keep=keep)])

    def _remove_spool(self) -> None:
        """Remove the spool's file; see recording.thread for the condition."""
        try:
            self.spool.remove()
        except OSError as error:
            self._left.append(
                f"the spool {self.spool.path} could not be removed ({os.strerror(error.errno or 0)}): "
                "remove it, nothing in it is needed"
            )

    def _close_spool(self) -> None:
        if not self.spool.has_begun():
            self._remove_spool()
        self.spool.close()


def _trigger_mode(options: TriggerOptions | None) -> TriggerMode | None:
    if options is None:
        return None
    return TriggerMode(options.expression, options.pre_ns, options.post_ns, options.holdoff_ns)
