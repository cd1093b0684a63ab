"""Journals of spools made by hand: what the journal's thread would have written of them."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from tests.spools import GAP_CAPACITY, REGISTERS, SpoolImage

from regtap.journal.layout import RECORD_MAGIC, UNIT
from regtap.journal.thread import Journal
from regtap.spool.layout import HEADER, RELEASED, column_offsets
from regtap.spool.ring import Ring


class ImageRing(Ring):
    """A spool over an image's memory."""

    def __init__(self, image: SpoolImage) -> None:
        header: Any = image.memory[: HEADER.itemsize].view(HEADER)[0]
        self.path = "image"
        self.memory = image.memory
        self.block_count, self.rows_per_block = image.block_count, image.rows_per_block
        self.header_bytes, self.block_bytes = int(header["header_bytes"]), int(header["block_bytes"])
        widths = [8, *(register.width_bytes for register in REGISTERS)]
        offsets = column_offsets(widths, self.rows_per_block, GAP_CAPACITY)
        self.column_places = tuple(zip(offsets, widths, strict=False))
        self.copying = threading.Lock()


class HandJournal:
    """A journal that turns when it is told to; a context manager."""

    def __init__(self, image: SpoolImage, folder: Path, interval_ns: int = 60 * 10**9) -> None:
        folder.mkdir(exist_ok=True)
        self._folder_fd = os.open(folder, os.O_RDONLY)
        self.ring = ImageRing(image)
        self.journal = Journal(
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
