"""The records of a journal, built in memory: no thread and no file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regtap.journal.layout import PATCH, RECORD, RECORD_MAGIC, STATE_ONLY, UNIT, check_of
from regtap.journal.source import Copied
from regtap.spool.layout import round_up

if TYPE_CHECKING:
    import numpy.typing as npt

    from regtap.journal.source import Pieces
    from regtap.spool.header import Header


@dataclass(frozen=True, slots=True)
class Draft:
    """A record without its number and its check.

    Attributes:
        buffer: The record, whole UNITs of it (shape (n * UNIT,), uint8).
        used_bytes: Bytes of the buffer that are in use; the rest is zeroed when the record is finished.
        patches: The number of patches in the record.
    """

    buffer: npt.NDArray[np.uint8]
    used_bytes: int
    patches: int

    @property
    def size_bytes(self) -> int:
        """Size of the record in a segment."""
        return len(self.buffer)


class RecordBuilder:
    """Builds one record after the other; used by one thread at a time.

    Args:
        identity: A number that no other journal has.
        header: The spool's header.

    Attributes:
        serial: Number of the last record that was finished; 0: none was.
    """

    def __init__(self, identity: int, header: Header) -> None:
        self.serial = 0
        self._identity = identity
        self._buffer = np.zeros(_largest_record(header), dtype=np.uint8)

    def draft(self, pieces: Pieces) -> Draft:
        """Copy pieces of the spool into a draft, which is valid until the next draft is made."""
        table = np.array([(offset, len(piece)) for offset, piece in pieces], dtype=PATCH)
        at = RECORD.itemsize
        for piece in (table.view(np.uint8), *(piece for _, piece in pieces)):
            self._buffer[at : at + len(piece)] = piece
            at += len(piece)
        return Draft(self._buffer[: round_up(at, UNIT)], at, len(pieces))

    def finish(self, draft: Draft, before: Copied, now: Copied, synced: int) -> npt.NDArray[np.uint8]:
        """Return a draft as a record with the next number: its buffer.

        Args:
            draft: The record's content.
            before: Rows and gaps of the block in the records before this one.
            now: Rows and gaps of the block in all records, this one included.
            synced: Number of the last record that is on disk.
        """
        self.serial += 1
        record, used = draft.buffer, draft.used_bytes
        header = record[: RECORD.itemsize].view(RECORD)
        places = (now.block, before.rows, now.rows, before.gaps, now.gaps, draft.patches)
        header[0] = (RECORD_MAGIC, self._identity, self.serial, synced, *places, 0, used)
        header["check"] = check_of(header, record[RECORD.itemsize : used])
        record[used:] = 0
        return record

    def sync_notice(self, synced: int) -> npt.NDArray[np.uint8]:
        """Return a record of one UNIT that holds only the number `synced`; the current draft stays valid."""
        draft = Draft(np.zeros(UNIT, dtype=np.uint8), RECORD.itemsize, 0)
        return self.finish(draft, Copied(0, STATE_ONLY), Copied(0), synced)


def _largest_record(header: Header) -> int:
    patches = PATCH.itemsize * (len(header.columns) + 4)
    return round_up(RECORD.itemsize + patches + header.block_bytes, UNIT)
