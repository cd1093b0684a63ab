"""The resources of a capture: device, loop with its spool, folder, journal."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from regtap.errors import RefusedError
from regtap.journal.layout import all_segments
from regtap.journal.thread import JournalThread
from regtap.parts.compression import encoder_for
from regtap.recording.folder import OutputFolder
from regtap.recording.loop import Loop, close_spool, remove_spool
from regtap.recording.mark_server import MarkServer
from regtap.recording.messages import scheduling_warnings
from regtap.recording.writer import PART_NS
from regtap.registers.model import loads_of
from regtap.spool.pointer import new_identity
from regtap.system import cpus
from regtap.system.host import describe_host
from regtap.system.kernel import is_in_memory

if TYPE_CHECKING:
    from regtap.parts.encoder import OpenEncoder
    from regtap.recording.description import Description
    from regtap.targets.presence import Presence


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


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources of a capture, all open. They are opened one after the other and closed in reverse order.

    Attributes:
        loop: The loop, not yet started, with its clock and its spool.
        presence: Notices changes of the device.
        open_encoder: Opens the encoder of each part; its libraries are loaded.
        marks: Takes marks from other processes.
        folder: The trace's folder.
        journal: The journal of a durable capture, else None.
        warnings: Warnings for the user from before the capture, a line each.
    """

    loop: Loop
    presence: Presence
    open_encoder: OpenEncoder
    marks: MarkServer
    folder: OutputFolder
    journal: JournalThread | None
    warnings: tuple[str, ...]
    _stack: ExitStack
    _leftovers: list[str]

    @classmethod
    def open(cls, what: Description) -> Self:
        """Open all resources; a refusal leaves nothing behind.

        Raises:
            InputError: The output exists already, or a register lies outside the target.
            RefusedError: The system lets the target not be mapped, or the output not be made.
        """
        leftovers: list[str] = []
        try:
            with ExitStack() as stack:
                return cls._open(what, stack, leftovers)
        except RefusedError as error:
            if not leftovers:
                raise
            remedy = f"{error.remedy}; {'; '.join(leftovers)}"
            raise RefusedError(error.cause, remedy=remedy, errno=error.errno) from error

    @classmethod
    def _open(cls, what: Description, stack: ExitStack, leftovers: list[str]) -> Self:
        options, identity, loads = what.options, new_identity(), loads_of(what.registers)
        device = stack.enter_context(what.target.open(loads))
        presence = what.target.watch(device, loads)  # which may see more than the later user
        stack.callback(presence.close)
        stack.enter_context(cpus.low_latency(options.realtime))
        describe_host()  # reads our own installation, which a user without root need not be able to
        if options.before_output is not None:
            options.before_output()
        warnings = scheduling_warnings(options.realtime, free_running=options.rate_hz is None)
        loop = Loop.open(what, device, identity, leftovers)
        stack.callback(close_spool, loop.spool, leftovers)
        stack.callback(loop.end)
        open_encoder = encoder_for(options.compression)
        marks = MarkServer(identity)  # before the folder's pointer, by which others find it
        stack.callback(marks.close)
        folder = OutputFolder(what.output, loop.pointer(identity))  # last: a refusal leaves nothing behind
        stack.callback(folder.close)
        journal = None if options.durable_ns is None else _open_journal(loop, folder, options.durable_ns)
        if journal is not None and is_in_memory(what.output):
            warnings.append(f"{what.output} is in memory itself: --durable protects it from nothing there")
        return cls(
            loop,
            presence,
            open_encoder,
            marks,
            folder,
            journal,
            (*warnings, *loop.warnings),
            stack.pop_all(),
            leftovers,
        )

    def undo(self) -> None:
        """Close all resources of a capture that could not begin; once samples were taken, spool and pointer stay."""
        self.loop.end()
        if self.journal is not None:
            self.journal.stop(last_turn=False)
        self._close_journal(is_complete=False)
        if not self.loop.spool.has_begun():
            self.folder.undo()
        self._stack.close()

    def close(self, *, is_complete: bool) -> Closed:
        """End the loop and close all resources; an error of one step does not keep the next from being tried.

        Args:
            is_complete: The last part, with the balance, is durable. Otherwise spool, journal and pointer stay.
        """
        self.loop.end()
        is_complete = is_complete and not self.loop.ring.holds_rows()
        kept = None if is_complete else self._kept()
        try:
            with self._stack:
                self._close_journal(is_complete=is_complete)
                if is_complete:
                    remove_spool(self.loop.spool, self._leftovers)
                if kept is None:
                    self._leftovers.extend(filter(None, [self.folder.remove_pointer()]))
        except OSError as error:
            # Of a descriptor that somebody in this process has closed; what is stored is durable already.
            text = f"a file of {self.folder.path} could not be closed: {os.strerror(error.errno or 0)}"
            self._leftovers.append(text)
        return Closed(kept, tuple(self._leftovers))

    def _kept(self) -> str | None:
        if self.loop.spool.is_there():
            return self.loop.spool.path
        is_in_journal = self.journal is not None and self.journal.holds_the_rest()
        return all_segments(self.folder.path) if is_in_journal else None

    def _close_journal(self, *, is_complete: bool) -> None:
        if self.journal is not None:
            keep = self.loop.spool.has_begun() and not is_complete
            self._leftovers.extend(filter(None, [self.journal.close(keep=keep)]))


def _open_journal(loop: Loop, folder: OutputFolder, interval_ns: int) -> JournalThread:
    with ExitStack() as stack:
        stack.callback(folder.undo)
        journal = JournalThread(loop.ring, folder.fd, folder.path, interval_ns, PART_NS)
        stack.pop_all()
    return journal
