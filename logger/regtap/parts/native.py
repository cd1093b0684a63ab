"""The native encoder of parts: from blocks of the ring to a file, without the GIL for a whole row group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regtap import _native
from regtap.system.host import own_version
from regtap.trace.metadata import LATENCY_COLUMN, METADATA_KEY, TIME_COLUMN

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from regtap.clock.anchored import AnchoredClock
    from regtap.spool.block import Block
    from regtap.trace.metadata import PartMetadata


class NativeEncoder:
    """See PartEncoder; logger/native/parquet says how rows are encoded."""

    def __init__(self, fd: int, template: PartMetadata) -> None:
        registers = [(register.name, _native.Kind[register.kind]) for register in template.registers]
        latency = LATENCY_COLUMN if template.mode.latency else ""
        self._native = _native.PartEncoder(fd, time=TIME_COLUMN, registers=registers, latency=latency)

    @property
    def bytes_written(self) -> int:
        """Bytes in the file so far."""
        return self._native.bytes_written

    def write(self, blocks: Sequence[Block], clock: AnchoredClock) -> None:
        """Write one row group; see PartEncoder."""
        arrays = [_arrays_of(block) for block in blocks]
        anchor_ticks, anchor_ns = clock.anchor_arrays()
        times = self._native.write(
            arrays,
            anchor_ticks=anchor_ticks,
            anchor_ns=anchor_ns,
            floor_ns=clock.floor_ns,
            latency_ns_per_tick=clock.ns_per_tick,
        )
        clock.note_converted(*times)

    def finish(self, document: bytes) -> None:
        """Write page index and footer; see PartEncoder."""
        self._native.finish(f"regtap version {own_version()}", [(METADATA_KEY.decode(), document)])

    def abandon(self) -> None:
        """Do nothing: this encoder holds no bytes back."""


def _arrays_of(block: Block) -> list[npt.NDArray[np.unsignedinteger]]:
    latency = [] if block.latency is None else [block.latency]
    return [block.ticks, *block.columns, *latency]
