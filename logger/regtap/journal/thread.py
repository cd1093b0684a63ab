"""The journal's own thread: copies what is in no durable part to disk, again and again while a capture runs.

A disk may take its time: that holds up neither the loop, which knows nothing of this thread, nor the writer, which
waits for it no longer than a block takes to be copied in memory (Ring.copying).
"""

from __future__ import annotations

import errno
import os
import secrets
import threading
import time
from typing import TYPE_CHECKING

import numpy as np

from regtap.errors import RefusedError, StorageError
from regtap.journal.layout import PATCH, RECORD, RECORD_MAGIC, STATE_ONLY, UNIT, check_of
from regtap.journal.segments import Segments, total_bytes
from regtap.journal.source import Copied, read_block, read_tail
from regtap.journal.stats import Durability
from regtap.spool.layout import round_up
from regtap.system.cpus import pin_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt

    from regtap.journal.source import Pieces, Tail
    from regtap.spool.ring import Ring


class Journal:
    """The journal of one capture.

    Threads: its own, between start() and stop(); the rest is called by one thread after the other.

    Attributes:
        durability: What it has done so far.
        failure: Why it ended before it was stopped, or None.
    """

    def __init__(
        self, ring: Ring, folder_fd: int, output: str, interval_ns: int, longest_part_ns: int
    ) -> None:
        """Allocate the files.

        Args:
            ring: Formatted; stays the caller's.
            folder_fd: The trace's folder, open; stays the caller's.
            output: Its name, for messages.
            interval_ns: How often to sync.
            longest_part_ns: How long a part may be open.

        Raises:
            RefusedError: The disk has no room, or refused; nothing is left then.
        """
        self.durability = Durability(interval_ns)
        self.failure: OSError | None = None
        self._ring = ring
        self._identity = secrets.randbits(64)
        self._output = output
        self._segments = self._make_segments(folder_fd, longest_part_ns)
        self._record = np.zeros(_largest_record(ring), dtype=np.uint8)
        self._serial = 0
        self._synced = 0  # the last record that is on disk
        self._told = 0  # the last one that a record on disk says is there
        self._done = Copied(0)
        self._is_new = True  # nothing of the block that is to be copied next has been copied yet
        self._state = b""  # the counters and the overflow block, as last written
        self._opened = -1  # the blocks begun, as they say
        self._is_whole = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def _make_segments(self, folder_fd: int, longest_part_ns: int) -> Segments:
        ring = self._ring
        # A record is rounded up, and its header comes on top: two for each block, and one a turn for as long as a
        # part may be open.
        records = 2 * ring.block_count + 2 * longest_part_ns // self.durability.interval_ns
        ring_bytes = ring.block_count * ring.header.block_bytes + records * UNIT
        base = ring.memory[: ring.header.header_bytes].tobytes()
        try:
            return Segments(folder_fd, self._identity, base, len(ring.memory), ring_bytes)
        except OSError as error:
            raise RefusedError(
                f"cannot allocate a journal of {total_bytes(len(base), ring_bytes) / 2**20:.0f} MiB in "
                f"{self._output}: {os.strerror(error.errno or 0)}",
                remedy="make room, give a smaller --spool-size, or leave --durable out",
                errno=error.errno,
            ) from error

    def start(self, cpus: Iterable[int], on_failure: Callable[[], None]) -> None:
        """Begin; samples are taken from now on.

        Args:
            cpus: Those that the thread may use; none: any.
            on_failure: Called, on the journal's thread, if the disk refuses.

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
        """End the thread; `last_turn`: copy once more, since not all that is in the spool came into parts."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if last_turn and self.failure is None:
            self._guarded_turn()
        elif self._thread is not None:
            self._note_exposure(time.monotonic_ns())

    def holds_the_rest(self) -> bool:
        """Return whether all that is in no part is in its files: after a last turn, before close()."""
        return self.failure is None and self._is_whole and self._segments.are_there()

    def fault(self) -> StorageError:
        """Return what ended the journal, and the capture with it."""
        assert self.failure is not None  # noqa: S101 - else nobody asks
        return StorageError(
            f"cannot write the journal of {self._output}: {_reason(self.failure)}; "
            "the capture ended there, and all that was taken is stored: see to the disk",
            path=self._output,
            errno=self.failure.errno,
        )

    def close(self, *, keep: bool) -> str | None:
        """Close the files; `keep` leaves them for recovery. Return what could not be done, or None."""
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
        due_ns = time.monotonic_ns()
        while True:
            due_ns = max(due_ns + self.durability.interval_ns, time.monotonic_ns())
            if self._stop.wait((due_ns - time.monotonic_ns()) / 1e9):
                return
            if not self._guarded_turn():
                on_failure()
                return

    def _guarded_turn(self) -> bool:
        try:
            self.turn()
        except OSError as error:
            self.failure = error  # never tried again: a failed sync says nothing about what is on disk
        return self.failure is None

    def turn(self) -> bool:
        """Make all samples durable that were completed before this call.

        Returns:
            Whether all of them could be copied; if not, there is no room until parts are finished.

        Raises:
            OSError: As the kernel said.
        """
        began_ns = time.monotonic_ns()
        self._is_whole = self._copy()
        self._sync()
        if self._is_whole:
            self._note_exposure(time.monotonic_ns())
            self._covered_ns = began_ns
        return self._is_whole

    def _note_exposure(self, now_ns: int) -> None:
        self.durability.exposed_ns = max(self.durability.exposed_ns, now_ns - self._covered_ns)

    def _copy(self) -> bool:
        """Copy what is new; return False where there was no room for all of it."""
        tail = read_tail(self._ring)
        for block in range(self._done.block, tail.opened):
            self._move_on_to(block)
            if not self._copy_block():
                return False
        self._move_on_to(tail.sealed)
        return self._copy_tail(tail) and tail.is_whole

    def _move_on_to(self, block: int) -> None:
        if self._done.block < block:
            self._done, self._is_new = Copied(block), True

    def _copy_block(self) -> bool:
        with self._ring.copying:
            if self._done.block < self._ring.released():
                return True  # it is in a durable part meanwhile
            now, pieces = read_block(self._ring, self._done)
            if now == self._done and not self._is_new:
                return True
            self._fill(pieces)
        if not self._append(self._done, now):
            return False
        self._done, self._is_new = now, False
        return True

    def _copy_tail(self, tail: Tail) -> bool:
        if not tail.is_whole and tail.sealed <= self._opened:
            return True  # the last state may say more
        state = b"".join(piece.tobytes() for _, piece in tail.pieces)
        if state == self._state:
            return True
        self._fill(tail.pieces)
        if not self._append(Copied(tail.opened, STATE_ONLY), Copied(tail.opened)):
            return False
        self._state, self._opened = state, tail.opened
        return True

    def _fill(self, pieces: Pieces) -> None:
        """Copy pieces of the spool into the record under construction."""
        table = np.array([(offset, len(piece)) for offset, piece in pieces], dtype=PATCH)
        at = RECORD.itemsize
        for piece in (table.view(np.uint8), *(piece for _, piece in pieces)):
            self._record[at : at + len(piece)] = piece
            at += len(piece)
        self._record_bytes, self._patches = at, len(pieces)

    def _append(self, before: Copied, now: Copied) -> bool:
        """Write the record under construction; return False where there is no room for it yet."""
        size = round_up(self._record_bytes, UNIT)
        if not self._segments.has_room(size, self._ring.released()):
            return False
        if self._segments.last_overwritten(size) > self._told:
            self._tell()
        self._complete(self._record, before, now, self._record_bytes, self._patches)
        self._segments.append(self._record[:size], self._serial, now.block)
        return True

    def _complete(
        self, record: npt.NDArray[np.uint8], before: Copied, now: Copied, size: int, patches: int
    ) -> None:
        """Give a record the next number, its header and its check."""
        self._serial += 1
        header = record[: RECORD.itemsize].view(RECORD)
        places = (now.block, before.rows, now.rows, before.gaps, now.gaps, patches)
        header[0] = (RECORD_MAGIC, self._identity, self._serial, self._synced, *places, 0, size)
        header["check"] = check_of(header, record[RECORD.itemsize : size])
        record[size : round_up(size, UNIT)] = 0

    def _tell(self) -> None:
        """Make it known on disk that all records so far are there, before some of them are overwritten.

        Two syncs more, where less than a whole journal was written since the last turn but one: none.
        """
        self._sync()
        record = np.zeros(UNIT, dtype=np.uint8)
        self._complete(record, Copied(0, STATE_ONLY), Copied(0), RECORD.itemsize, 0)
        self._segments.append_last(record, self._serial)
        self._sync()

    def _sync(self) -> None:
        if self._serial == self._synced:
            return
        began_ns = time.monotonic_ns()
        self._segments.sync()
        self._told, self._synced = self._synced, self._serial
        durability = self.durability
        durability.syncs += 1
        durability.longest_sync_ns = max(durability.longest_sync_ns, time.monotonic_ns() - began_ns)
        durability.written_bytes = self._segments.written_bytes


def _reason(error: OSError) -> str:
    return os.strerror(error.errno or errno.EIO)


def _largest_record(ring: Ring) -> int:
    patches = PATCH.itemsize * (len(ring.header.columns) + 4)
    return round_up(RECORD.itemsize + patches + ring.header.block_bytes, UNIT)
