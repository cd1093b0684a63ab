"""Copies new rows and gaps of a spool into the journal's segments, and syncs them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from regtap.journal.layout import STATE_ONLY
from regtap.journal.record_builder import RecordBuilder
from regtap.journal.source import Copied, read_block, read_tail

if TYPE_CHECKING:
    from regtap.journal.record_builder import Draft
    from regtap.journal.segments import Segments
    from regtap.journal.source import Tail
    from regtap.journal.stats import Durability
    from regtap.spool.ring import Ring


class JournalWriter:
    """Copies a spool into a journal's files; used by one thread at a time.

    Args:
        ring: Blocks of the spool; stays the caller's.
        segments: The journal's files; they stay the caller's.
        identity: The journal's identity, as the segments have it.
        durability: This object keeps its numbers up to date.
    """

    def __init__(self, ring: Ring, segments: Segments, identity: int, durability: Durability) -> None:
        self._ring = ring
        self._segments = segments
        self._durability = durability
        self._builder = RecordBuilder(identity, ring.header)
        self._synced = 0  # the last record that is on disk
        self._reported = 0  # the last record of which a record on disk says that it is there
        self._done = Copied(0)
        self._is_new = True  # nothing of the next block has been copied yet
        self._state = b""  # the counters and the overflow block, as last written
        self._opened = -1  # the number of opened blocks in these counters

    def copy(self) -> bool:
        """Copy all rows and gaps that are new; return False if some could not be copied yet.

        Raises:
            OSError: As the kernel said.
        """
        tail = read_tail(self._ring)
        for block in range(self._done.block, tail.opened):
            self._move_on_to(block)
            if not self._copy_block():
                return False
        self._move_on_to(tail.sealed)
        return self._copy_tail(tail) and tail.is_whole

    def sync(self) -> None:
        """Make all records durable.

        Raises:
            OSError: As the kernel said.
        """
        if self._builder.serial == self._synced:
            return
        began_ns = time.monotonic_ns()
        self._segments.sync()
        self._reported, self._synced = self._synced, self._builder.serial
        durability = self._durability
        durability.syncs += 1
        durability.longest_sync_ns = max(durability.longest_sync_ns, time.monotonic_ns() - began_ns)
        durability.written_bytes = self._segments.written_bytes

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
            draft = self._builder.draft(pieces)
        if not self._append(draft, self._done, now):
            return False
        self._done, self._is_new = now, False
        return True

    def _copy_tail(self, tail: Tail) -> bool:
        if not tail.is_whole and tail.sealed <= self._opened:
            return True  # the last state may say more
        state = b"".join(piece.tobytes() for _, piece in tail.pieces)
        if state == self._state:
            return True
        draft = self._builder.draft(tail.pieces)
        if not self._append(draft, Copied(tail.opened, STATE_ONLY), Copied(tail.opened)):
            return False
        self._state, self._opened = state, tail.opened
        return True

    def _append(self, draft: Draft, before: Copied, now: Copied) -> bool:
        """Write a record; return False if there is no room for it yet."""
        if not self._segments.has_room(draft.size_bytes, self._ring.released()):
            return False
        if self._segments.last_overwritten(draft.size_bytes) > self._reported:
            self._report_synced()
        record = self._builder.finish(draft, before, now, self._synced)
        self._segments.append(record, self._builder.serial, now.block)
        return True

    def _report_synced(self) -> None:
        """Record on disk that all records so far are synced, before some of them are overwritten.

        This costs two syncs. It is not needed as long as less than a whole journal is written in two turns.
        """
        self.sync()
        self._segments.append_last(self._builder.sync_notice(self._synced), self._builder.serial)
        self.sync()
