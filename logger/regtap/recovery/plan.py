"""The plan of a recovery, made before anything is written."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regtap.recovery.chain import read_chain
from regtap.spool.block import DamagedBlockError
from regtap.trace.rotation import NOTHING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regtap.recovery.chain import Chain
    from regtap.spool.block import BlockHead, Overflow
    from regtap.spool.reader import SpoolReader
    from regtap.trace.metadata import Mark, PartMetadata
    from regtap.trace.parts import Part
    from regtap.trace.rotation import Rotated

_MOST_TICKS = 1 << 62


@dataclass(frozen=True, slots=True)
class RecoveryPlan:
    """The rest of a trace, by its finished parts and its spool.

    Attributes:
        template: Metadata that all parts share.
        finished: The finished parts.
        rotated: What the trace has given up; None: nothing.
        index: Index after the last sample, slot or gap of the finished parts.
        first_block: Sequence number of the first block that is in no finished part and was not overwritten.
        heads: Headers of the usable blocks, in order.
        oldest: Sequence number of the oldest block, if blocks before it were overwritten; None: none was.
        uncounted: Dropped samples whose gaps are in no part and in no block.
        overflow: The overflow block; None: it cannot be read.
        last_tick: The latest tick of a row or a dropped sample in the spool; 0: there is none.
        marks: The marks that are in no finished part.
        dropped: One line for each block or count that cannot be used.
    """

    template: PartMetadata
    finished: tuple[Part, ...]
    rotated: Rotated | None
    index: int
    first_block: int
    heads: tuple[BlockHead, ...]
    oldest: int | None
    uncounted: int
    overflow: Overflow | None
    last_tick: int
    marks: tuple[Mark, ...]
    dropped: tuple[str, ...]


def plan_recovery(spool: SpoolReader, template: PartMetadata, finished: Sequence[Part]) -> RecoveryPlan:
    """Return the plan of a recovery; nothing is changed or written.

    Args:
        spool: Open; of the same capture as the parts.
        template: Metadata that all parts share.
        finished: The trace's parts so far.
    """
    index = _end_of(finished[-1]) if finished else 0
    after = finished[-1].metadata.next_block if finished else None
    # A flight recorder's ring: the blocks between the finished parts and its oldest block were overwritten.
    released = spool.header.released
    overwritten = template.mode.overwrites and released > (after or 0)
    first_block = released if overwritten or after is None else after
    known = not overwritten and (bool(finished) or not first_block)
    chain = read_chain(spool, first_block, index if known else None, index)
    dropped = [] if finished or not first_block or overwritten else [_missing_parts(first_block)]
    dropped += chain.dropped
    overflow = _read_overflow(spool, dropped)
    oldest = released if overwritten else None
    return RecoveryPlan(
        template=template,
        finished=tuple(finished),
        rotated=finished[-1].metadata.rotated if finished else None,
        index=index,
        first_block=first_block,
        heads=tuple(chain.heads),
        oldest=oldest,
        uncounted=_uncounted(chain, oldest, finished),
        overflow=overflow,
        last_tick=_last_tick(spool, chain, overflow),
        marks=_marks(spool, finished),
        dropped=tuple(dropped),
    )


def _end_of(part: Part) -> int:
    """Return the index after the last sample, slot or gap of a part."""
    return part.metadata.first_index + part.rows + sum(gap.count for gap in part.metadata.gaps)


def _marks(spool: SpoolReader, finished: Sequence[Part]) -> tuple[Mark, ...]:
    """Return the marks of the spool without those that a part took over just before the kill."""
    stored = Counter(mark for part in finished for mark in part.metadata.marks)
    left = []
    for mark in spool.marks():
        if stored[mark]:
            stored[mark] -= 1
        else:
            left.append(mark)
    return tuple(left)


def _missing_parts(first_block: int) -> str:
    return f"blocks 0 to {first_block - 1}: they are in parts that are not here"


def _uncounted(chain: Chain, oldest: int | None, finished: Sequence[Part]) -> int:
    if not chain.heads or chain.heads[0].sequence != oldest:
        return 0
    gaps = (gap for part in finished for gap in part.metadata.gaps)
    given_up = (finished[-1].metadata.rotated if finished else None) or NOTHING
    counted = given_up.count("full") + sum(gap.count for gap in gaps if gap.cause == "full")
    return chain.heads[0].dropped_before - counted


def _read_overflow(spool: SpoolReader, dropped: list[str]) -> Overflow | None:
    """Return the overflow block, or None and one more line in `dropped`."""
    try:
        return spool.overflow()
    except DamagedBlockError as error:
        dropped.append(f"the count of dropped samples: {error}")
        return None


def _last_tick(spool: SpoolReader, chain: Chain, overflow: Overflow | None) -> int:
    ticks = [0 if overflow is None else overflow.last_tick]
    for head in chain.heads[-1:]:
        with contextlib.suppress(DamagedBlockError):
            ticks += [spool.tick_at(head, head.rows - 1)] if head.rows else []
    return min(max(ticks), _MOST_TICKS)
