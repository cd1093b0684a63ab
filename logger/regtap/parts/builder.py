"""Blocks of a spool into parts of a trace: what the writer thread and a recovery have in common."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from regtap.parts.encoding import Encoding
from regtap.parts.parquet import PartWriter, as_arrow
from regtap.parts.schema import schema_of
from regtap.trace.gaps import Gap
from regtap.trace.metadata import Mark, PartMetadata
from regtap.trace.ranges import LARGEST
from regtap.trace.totals import Totals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.clock.anchored import AnchoredClock
    from regtap.parts.encoding import Encoding
    from regtap.spool.block import Block, TickGap
    from regtap.trace.metadata import Mark, PartMetadata
    from regtap.trace.totals import Totals

ROW_GROUP_ROWS = 1 << 20  # smaller ones cost space and time, and what waits is safe in the spool
MOST_ROWS = 4 << 20  # in one go: bounds the memory for converted times
PART_BYTES = 128 << 20
PART_GAPS = 10_000


@dataclass(slots=True)
class OpenPart:
    """The part under construction, and the blocks that it holds back.

    Attributes:
        writer: Its file.
        first_block: Sequence number of the first of its blocks.
        first_index: Index of the first sample, slot or gap in it.
        opened_ns: When it was begun, on CLOCK_MONOTONIC.
        gaps: Its gaps so far.
    """

    writer: PartWriter
    first_block: int
    first_index: int
    opened_ns: int
    gaps: list[Gap] = field(default_factory=list)

    @property
    def is_large(self) -> bool:
        """Whether it holds as much as a part may."""
        return self.writer.bytes_written >= PART_BYTES or len(self.gaps) >= PART_GAPS


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a maker begins: a new trace, or after its finished parts."""

    part: int = 0
    index: int = 0


class PartMaker:
    """Makes one part after the other; used by one thread.

    Args:
        folder_fd: The trace's folder, open; stays the caller's.
        template: What every part says; its part, first_index, gaps, marks, clock and totals are filled in.
        clock: Converts ticks.
        most_rows: Rows in one add() at most.
        beginning: The first part's number and index.

    Attributes:
        part: The open part, or None.
        rows: Rows handed to the encoder so far, by this maker.
    """

    def __init__(
        self,
        folder_fd: int,
        template: PartMetadata,
        clock: AnchoredClock,
        most_rows: int,
        beginning: Beginning = Beginning(),
    ) -> None:
        self.part: OpenPart | None = None
        self.rows = 0
        self._folder_fd = folder_fd
        self._template = template
        self._clock = clock
        self._schema = schema_of(template.registers, latency=template.mode.latency)
        self._times = np.empty(most_rows, dtype=np.int64)
        self._number = beginning.part
        self._index = beginning.index

    def begin(self, encoding: Encoding, first_block: int) -> OpenPart:
        """Open the next part; raises OSError as the kernel said."""
        writer = PartWriter(self._folder_fd, self._number, self._schema, encoding)
        self._number += 1
        self.part = OpenPart(writer, first_block, self._index, time.monotonic_ns())
        return self.part

    def add(self, blocks: Sequence[Block]) -> None:
        """Write blocks into the open part, in their order; raises OSError as the kernel said."""
        for block in blocks:
            self.add_gaps(block.gaps)
        filled = [block for block in blocks if block.rows]
        rows = sum(block.rows for block in filled)
        if filled:
            self._open().writer.write(self._arrays(filled))
        self.rows += rows
        self._index += rows

    def add_gaps(self, gaps: Sequence[TickGap]) -> None:
        """Note gaps in the open part."""
        self._open().gaps.extend(self._gap(gap) for gap in gaps)
        self._index += sum(gap.count for gap in gaps)

    @property
    def index(self) -> int:
        """Index after the last sample, slot or gap that was added."""
        return self._index

    def _open(self) -> OpenPart:
        assert self.part is not None  # noqa: S101 - begin() comes first
        return self.part

    def take(
        self, marks: Sequence[Mark], totals: Totals | None, next_block: int
    ) -> tuple[OpenPart, PartMetadata]:
        """Return the open part and what it says about itself; finish it with that.

        Args:
            marks: What was named meanwhile.
            totals: The balance, for the last part.
            next_block: Sequence number of the first block that is in no part yet.
        """
        part = self._open()
        self.part = None
        metadata = replace(
            self._template,
            clock=self._clock.info(),
            part=part.writer.number,
            first_index=part.first_index,
            gaps=tuple(part.gaps),
            marks=tuple(marks),
            totals=totals,
            next_block=next_block,
        )
        return part, metadata

    def _arrays(self, blocks: Sequence[Block]) -> list[pa.ChunkedArray]:
        """Return the columns of these blocks: times converted, values as they lie in the spool."""
        times = []
        at = 0
        for block in blocks:
            out = self._times[at : at + block.rows]
            self._clock.convert(block.ticks, out)
            times.append(out)
            at += block.rows
        columns: list[list[np.ndarray]] = [times]
        columns += [[block.columns[k] for block in blocks] for k in range(len(self._template.registers))]
        latencies = [block.latency for block in blocks if block.latency is not None]
        if latencies:
            columns.append([self._clock.latency_ns(latency) for latency in latencies])
        return [pa.chunked_array([as_arrow(chunk) for chunk in chunks]) for chunks in columns]

    def _gap(self, gap: TickGap) -> Gap:
        t0_ns, t1_ns = (
            max(-LARGEST, min(self._clock.to_ns(ticks), LARGEST)) for ticks in (gap.t0_ticks, gap.t1_ticks)
        )  # a damaged spool may say any tick
        return Gap(gap.first_index, gap.count, t0_ns, max(t0_ns, t1_ns), gap.cause, gap.rows)
