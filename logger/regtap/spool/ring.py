"""The ring of blocks in a live spool, while the sampler fills it.

logger/native/core/spool.hpp describes the layout, and which fields the sampler and this side write.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from regtap import _native
from regtap.spool.block import Block, TickGap, tick_gaps
from regtap.spool.layout import (
    BLOCK,
    BLOCK_HEADER_BYTES,
    GAP,
    HELD,
    OPEN,
    OVERFLOW,
    PUBLISHED,
    RELEASED,
    SEALED,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from regtap.spool.header import Header


class Ring:
    """The blocks of a live spool, which a sampler fills at the same time.

    Args:
        memory: The whole spool, formatted (shape (size,), uint8); it stays the caller's.
        header: The spool's header; its counters are those of the moment when it was read.

    Attributes:
        copying: A lock: a thread that copies rows out of blocks holds it, and so does a thread while it releases
            blocks, so that no block is filled again while it is copied.
    """

    def __init__(self, memory: npt.NDArray[np.uint8], header: Header) -> None:
        self.memory = memory
        self.header = header
        self.copying = threading.Lock()

    @property
    def block_count(self) -> int:
        """Blocks of the ring."""
        return self.header.block_count

    @property
    def rows_per_block(self) -> int:
        """Rows that fit one block."""
        return self.header.rows_per_block

    def counter(self, offset: int) -> int:
        """Return a counter of the spool, read with acquire order: the rows or blocks that it counts are visible.

        Args:
            offset: Offset of the counter in the spool, in bytes.
        """
        return _native.load_counter(self.memory, offset)

    def sealed(self) -> int:
        """Return the number of blocks that the sampler has sealed."""
        return self.counter(SEALED)

    def released(self) -> int:
        """Return the number of sealed blocks that the sampler may fill again."""
        return self.counter(RELEASED) & ~HELD

    def start_of(self, sequence: int) -> int:
        """Return the offset of a block in the spool, in bytes.

        Args:
            sequence: The sequence number of the block, or OVERFLOW.
        """
        return self.header.overflow_start if sequence == OVERFLOW else self.header.block_start(sequence)

    def block(self, sequence: int) -> Block:
        """Return a sealed block; its arrays are views of the spool, valid until the block is released."""
        start = self.start_of(sequence)
        header = self._block_header(sequence)
        rows = int(header["published"])
        arrays = [
            np.frombuffer(self.memory, dtype=column.dtype, count=rows, offset=start + column.offset)
            for column in self.header.columns
        ]
        latency = arrays.pop() if self.header.has_latency else None
        return Block(
            int(header["first_index"]),
            arrays[0],
            tuple(arrays[1:]),
            latency,
            self._gaps(sequence),
            int(header["missed_before"]),
            int(header["anchor_ticks"]),
        )

    def holds_rows(self) -> bool:
        """Return whether a block that was not released holds rows. The sampler must have ended."""
        return any(
            self.counter(self.start_of(sequence) + PUBLISHED)
            for sequence in range(self.released(), self.counter(OPEN))
        )

    def waiting_rows(self) -> int:
        """Return the number of rows in sealed blocks that were not released. The sampler must have ended."""
        return sum(self.block(sequence).rows for sequence in range(self.released(), self.sealed()))

    def oldest(self) -> tuple[int, int] | None:
        """Return (samples before the oldest block, tick at its beginning), in a ring that overwrites.

        Returns:
            None if there is no sealed block, or if the oldest one was overwritten just now.
        """
        sequence = self.released()
        header = self._block_header(sequence).copy()
        if int(header["sequence"]) != sequence or self.released() != sequence:
            return None
        return int(header["first_index"]) - int(header["missed_before"]), int(header["anchor_ticks"])

    def overflow_gaps(self) -> tuple[TickGap, ...]:
        """Return the gaps of the overflow block: at the end of a capture, the gaps that no block has taken over."""
        return self._gaps(OVERFLOW)

    def _block_header(self, sequence: int) -> np.void:
        header: np.void = np.frombuffer(self.memory, dtype=BLOCK, count=1, offset=self.start_of(sequence))[0]
        return header

    def _gaps(self, sequence: int) -> tuple[TickGap, ...]:
        header = self._block_header(sequence)
        start = self.start_of(sequence) + BLOCK_HEADER_BYTES
        table = np.frombuffer(self.memory, dtype=GAP, count=int(header["gap_count"]), offset=start)
        return tick_gaps(table, int(header["first_index"]), int(header["published"]))
