"""Makes parts of a trace from blocks of a spool, for the writer and for a recovery."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from regtap.parts.file import PartFile
from regtap.trace.gaps import Gap
from regtap.trace.ranges import LARGEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.clock.anchored import AnchoredClock
    from regtap.parts.encoder import OpenEncoder
    from regtap.spool.block import Block, TickGap
    from regtap.trace.metadata import Mark, PartMetadata
    from regtap.trace.rotation import Rotated
    from regtap.trace.totals import Totals

ROW_GROUP_ROWS = 1 << 20  # smaller row groups cost space and time, and waiting rows are safe in the spool
MOST_ROWS = 4 << 20  # in one row group, which a reader holds in memory as a whole
PART_BYTES = 128 << 20
PART_GAPS = 10_000
_GAP_BYTES = 64  # of a gap in a part's metadata, about


@dataclass(slots=True)
class OpenPart:
    """A part that is not finished; its blocks cannot be released before it is.

    Attributes:
        file: The part's file.
        first_block: Sequence number of the part's first block.
        first_index: Index of the part's first sample, slot or gap.
        most_bytes: Size at which the part is closed.
        gaps: Gaps of the part so far.
    """

    file: PartFile
    first_block: int
    first_index: int
    most_bytes: int
    gaps: list[Gap] = field(default_factory=list)

    @property
    def is_large(self) -> bool:
        """Whether the part has as many bytes or gaps as a part may have."""
        size_bytes = self.file.bytes_written + len(self.gaps) * _GAP_BYTES
        return size_bytes >= self.most_bytes or len(self.gaps) >= PART_GAPS


@dataclass(frozen=True, slots=True)
class Beginning:
    """The state before the first part to be built: of a new trace, or after finished parts.

    Attributes:
        part: Number of the first part to be built.
        index: Index of its first sample, slot or gap.
        rotated: Sum of the parts that the trace gave up before; None: there are none.
    """

    part: int = 0
    index: int = 0
    rotated: Rotated | None = None


class PartBuilder:
    """Builds one part after the other; used by one thread.

    Args:
        folder_fd: The trace's folder, open; stays the caller's.
        template: Metadata that all parts share; this object fills in part, first_index, gaps, marks, clock and totals.
        clock: Converts ticks.
        open_encoder: Opens the encoder of each part.
        beginning: The first part's number and index, and what was given up before.

    Attributes:
        part: The open part, or None.
        rows: Rows handed to the encoder so far, by this builder.
        part_bytes: Size at which a part is closed, if that is less than PART_BYTES; None: it is not.
    """

    def __init__(
        self,
        folder_fd: int,
        template: PartMetadata,
        clock: AnchoredClock,
        open_encoder: OpenEncoder,
        beginning: Beginning = Beginning(),
    ) -> None:
        self.part: OpenPart | None = None
        self.rows = 0
        self.part_bytes: int | None = None
        self._folder_fd = folder_fd
        self._template = template
        self._clock = clock
        self._open_encoder = open_encoder
        self._number = beginning.part
        self._index = beginning.index
        self._rotated = beginning.rotated

    def begin(self, first_block: int) -> OpenPart:
        """Open the next part; raises OSError as the kernel said."""
        file = PartFile(self._folder_fd, self._number, self._template, self._open_encoder)
        self._number += 1
        most_bytes = PART_BYTES if self.part_bytes is None else min(PART_BYTES, self.part_bytes)
        self.part = OpenPart(file, first_block, self._index, most_bytes)
        return self.part

    def add(self, blocks: Sequence[Block]) -> None:
        """Write blocks into the open part, in their order; raises OSError as the kernel said."""
        for block in blocks:
            self.add_gaps(block.gaps)
        rows = sum(block.rows for block in blocks)
        if rows:
            self._open().file.write(blocks, self._clock)
        self.rows += rows
        self._index += rows

    def add_gaps(self, gaps: Sequence[TickGap]) -> None:
        """Note gaps in the open part."""
        self._open().gaps.extend(self._gap(gap) for gap in gaps)
        self._index += sum(gap.count for gap in gaps)

    @property
    def index(self) -> int:
        """Index after the last sample, slot or gap so far."""
        return self._index

    def _open(self) -> OpenPart:
        assert self.part is not None  # noqa: S101 - begin() comes first
        return self.part

    def state_rotated(self, rotated: Rotated | None) -> None:
        """Let the next parts say what the trace gave up of the parts before them."""
        self._rotated = rotated

    def take(
        self, marks: Sequence[Mark], totals: Totals | None, next_block: int
    ) -> tuple[OpenPart, PartMetadata]:
        """Close the current part: return it and its final metadata, for its file's finish().

        Args:
            marks: Marks set since the part before.
            totals: The balance, for the last part; None for any other.
            next_block: Sequence number of the first block after this part.
        """
        part = self._open()
        self.part = None
        metadata = replace(
            self._template,
            clock=self._clock.info(),
            part=part.file.number,
            first_index=part.first_index,
            gaps=tuple(part.gaps),
            marks=tuple(marks),
            totals=totals,
            next_block=next_block,
            rotated=self._rotated,
        )
        return part, metadata

    def _gap(self, gap: TickGap) -> Gap:
        t0_ns, t1_ns = (
            max(-LARGEST, min(self._clock.to_ns(ticks), LARGEST)) for ticks in (gap.t0_ticks, gap.t1_ticks)
        )  # a damaged spool may say any tick
        return Gap(gap.first_index, gap.count, t0_ns, max(t0_ns, t1_ns), gap.cause, gap.rows)
