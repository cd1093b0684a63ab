"""Journals of spools made by hand: what the journal's thread would have written of them."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from tests.spools import SpoolImage

from regtap.journal.layout import RECORD_MAGIC, UNIT
from regtap.journal.thread import JournalThread
from regtap.spool.header import parse_header
from regtap.spool.layout import RELEASED
from regtap.spool.ring import Ring


def ring_of(image: SpoolImage) -> Ring:
    """Return the ring in an image's memory."""

    def read(offset: int, size: int) -> bytes:
        return image.memory[offset : offset + size].tobytes()

    return Ring(image.memory, parse_header(read, len(image.memory), "image"))


class HandJournal:
    """A journal that turns when it is told to; a context manager."""

    def __init__(self, image: SpoolImage, folder: Path, interval_ns: int = 60 * 10**9) -> None:
        folder.mkdir(exist_ok=True)
        self._folder_fd = os.open(folder, os.O_RDONLY)
        self.ring = ring_of(image)
        self.journal = JournalThread(
            self.ring, self._folder_fd, str(folder), interval_ns, longest_part_ns=60 * 10**9
        )
        self.journal._covered_ns = 0

    def turn(self) -> bool:
        return self.journal.turn()

    def release(self, block: int) -> None:
        """Say that the blocks before this one are in durable parts."""
        self.ring.memory[RELEASED : RELEASED + 8].view("<u8")[0] = block

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.journal.close(keep=True)
        os.close(self._folder_fd)


def flip(path: Path, at: int) -> None:
    """Change one byte of a file."""
    data = np.fromfile(path, dtype=np.uint8)
    data[at] ^= 0x40
    data.tofile(path)


def filled(blocks: int = 3, rows: int = 10) -> SpoolImage:
    image = SpoolImage()
    for _ in range(blocks):
        image.full_block(rows)
    return image


def records_of(path: Path) -> list[int]:
    """Return where a segment's records begin."""
    data = path.read_bytes()
    return [at for at in range(0, len(data), UNIT) if data[at:].startswith(RECORD_MAGIC)]
