"""The journal's thread: while a capture runs, it copies samples that are in no durable part to disk, once an interval.

A slow disk delays neither the sampling loop, which knows nothing of this thread, nor the writer, which waits for this
thread no longer than a block takes to be copied in memory (Ring.copying).
"""

from __future__ import annotations

import errno
import os
import secrets
import threading
import time
from typing import TYPE_CHECKING

from regtap.errors import RefusedError, StorageError
from regtap.journal.cadence import Cadence
from regtap.journal.layout import UNIT
from regtap.journal.segments import Segments, total_bytes
from regtap.journal.stats import Durability
from regtap.journal.writer import JournalWriter
from regtap.system.cpus import pin_thread
from regtap.system.remedies import remedy_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from regtap.spool.ring import Ring


class JournalThread:
    """The journal of one capture, and the thread that keeps it.

    Threads: only its own between start() and stop(); the other methods are called by one thread after the other.

    Attributes:
        durability: Statistics so far.
        failure: The error that ended the journal before stop(); None: there was none.
    """

    def __init__(
        self, ring: Ring, folder_fd: int, output: str, interval_ns: int, longest_part_ns: int
    ) -> None:
        """Allocate the files.

        Args:
            ring: Blocks of the capture's spool; stays the caller's.
            folder_fd: The trace's folder, open; stays the caller's.
            output: Name of the folder, for messages.
            interval_ns: Time from one sync to the next.
            longest_part_ns: The longest time for which a part is open.

        Raises:
            RefusedError: The disk has no room, or refused; nothing is left then.
        """
        self.durability = Durability(interval_ns)
        self.failure: OSError | None = None
        self._output = output
        identity = secrets.randbits(64)
        # A record is rounded up, and its header comes on top: two for each block, and one a turn for as long as a
        # part may be open.
        records = 2 * ring.block_count + 2 * longest_part_ns // interval_ns
        ring_bytes = ring.block_count * ring.header.block_bytes + records * UNIT
        self._segments = _allocate(ring, folder_fd, identity, ring_bytes, output)
        self._writer = JournalWriter(ring, self._segments, identity, self.durability)
        self._covered_ns = time.monotonic_ns()  # all samples from before are on disk
        self._is_whole = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, cpus: Iterable[int], on_failure: Callable[[], None]) -> None:
        """Start the thread, before the first sample is taken.

        Args:
            cpus: CPUs for the thread; empty: any.
            on_failure: Called on the journal's thread if the disk refuses.

        Raises:
            RuntimeError: The system lets this process start no more threads.
        """
        self._covered_ns = time.monotonic_ns()
        thread = threading.Thread(
            target=self._run, args=(set(cpus), on_failure), name="regtap-journal", daemon=True
        )
        thread.start()
        self._thread = thread

    def stop(self, *, last_turn: bool) -> None:
        """End the thread.

        Args:
            last_turn: Copy once more: some samples in the spool came into no part.
        """
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if last_turn and self.failure is None:
            self._guarded_turn()
        elif self._thread is not None:
            self._note_exposure(time.monotonic_ns())

    def holds_the_rest(self) -> bool:
        """Return whether the journal has all samples that are in no part; asked after a last turn, before close()."""
        return self.failure is None and self._is_whole and self._segments.are_there()

    def fault(self) -> StorageError:
        """Return the error that ended the journal and the capture."""
        assert self.failure is not None  # noqa: S101 - asked for only after a failure
        return StorageError(
            f"cannot write the journal of {self._output}: {_reason(self.failure)}; "
            "the capture ended there, and all that was taken is stored: see to the disk",
            path=self._output,
            errno=self.failure.errno,
        )

    def close(self, *, keep: bool) -> str | None:
        """Close the files.

        Args:
            keep: Leave the files for a recovery; otherwise they are removed.

        Returns:
            A line for the user if a file could not be closed or removed; None: all went well.
        """
        return self._close() if keep else self._remove()

    def _close(self) -> str | None:
        try:
            self._segments.close()
        except OSError as error:
            return (
                f"the journal of {self._output} could not be closed ({_reason(error)}): after a power loss it may lack "
                "what came since its last sync"
            )
        return None

    def _remove(self) -> str | None:
        staying = self._segments.remove()
        if not staying:
            return None
        return (
            f"in {self._output}, {', '.join(staying)} could not be removed ({_reason(next(iter(staying.values())))}): "
            f"`regtap recover {self._output}` does that"
        )

    def _run(self, cpus: set[int], on_failure: Callable[[], None]) -> None:
        pin_thread(cpus)  # refused, the writer was too, and says it
        cadence = Cadence(self.durability.interval_ns, time.monotonic_ns())
        while True:
            if self._stop.wait(cadence.next_wait_ns(time.monotonic_ns()) / 1e9):
                return
            if not self._guarded_turn():
                on_failure()
                return

    def _guarded_turn(self) -> bool:
        try:
            self.turn()
        except OSError as error:
            self.failure = error  # never tried again: after a failed sync the content of the disk is unknown
        return self.failure is None

    def turn(self) -> bool:
        """Make all samples durable that were taken before this call.

        Returns:
            False if the journal has no room for all of them until parts are finished, or could not read them.

        Raises:
            OSError: As the kernel said.
        """
        began_ns = time.monotonic_ns()
        self._is_whole = self._writer.copy()
        self._writer.sync()
        if self._is_whole:
            self._note_exposure(time.monotonic_ns())
            self._covered_ns = began_ns
        return self._is_whole

    def _note_exposure(self, now_ns: int) -> None:
        self.durability.exposed_ns = max(self.durability.exposed_ns, now_ns - self._covered_ns)


def _allocate(ring: Ring, folder_fd: int, identity: int, ring_bytes: int, output: str) -> Segments:
    """Make the files of a journal; `ring_bytes` is the size of the records that it must be able to keep at once."""
    base = ring.memory[: ring.header.header_bytes].tobytes()
    try:
        return Segments(folder_fd, identity, base, len(ring.memory), ring_bytes)
    except OSError as error:
        raise RefusedError(
            f"cannot allocate a journal of {total_bytes(len(base), ring_bytes) / 2**20:.0f} MiB in "
            f"{output}: {_reason(error)}",
            remedy=remedy_for(error, "make room, give a smaller --spool-size, or leave --durable out"),
            errno=error.errno,
        ) from error


def _reason(error: OSError) -> str:
    return os.strerror(error.errno or errno.EIO)
