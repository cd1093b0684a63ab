"""The blocks of a spool that continue each other; a block carries no other check than its indices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regtap.spool.block import BlockHead, DamagedBlockError
from regtap.units.format import count_of

if TYPE_CHECKING:
    from regtap.spool.reader import SpoolReader


@dataclass(slots=True)
class Chain:
    """The usable blocks of a spool, in order.

    Attributes:
        heads: Headers of the usable blocks.
        dropped: One line for each other block, with the reason.
    """

    heads: list[BlockHead] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def note_unusable(self, sequence: int, why: str) -> None:
        """Note why a block cannot be used; `heads` stays as it is."""
        self.dropped.append(f"block {sequence}: {why}")


def read_chain(spool: SpoolReader, first_block: int, first_index: int | None, least_index: int = 0) -> Chain:
    """Return the usable blocks of a spool.

    Args:
        spool: Open.
        first_block: Sequence number of the first block that is wanted.
        first_index: Index of that block's first sample, slot or gap; None: it is not known, but not below
            `least_index`.
        least_index: Index after the last sample, slot or gap of the finished parts.
    """
    found = Chain()
    if first_block < spool.oldest():
        count = spool.oldest() - first_block
        found.dropped.append(
            f"blocks {first_block} to {spool.oldest() - 1}: filled again ({count_of(count, 'block')})"
        )
    for sequence in range(max(first_block, spool.oldest()), spool.header.opened):
        try:
            head = spool.head(sequence)
            if head.rows and spool.tick_at(head, head.rows - 1) < spool.tick_at(head, 0):
                raise DamagedBlockError("its times go back")
        except DamagedBlockError as error:
            found.note_unusable(sequence, str(error))
            continue
        if not head.is_empty:
            found.heads.append(head)
    return _linked(found, first_block, first_index, least_index)


def _linked(found: Chain, first_block: int, first_index: int | None, least_index: int) -> Chain:
    """Return the blocks without contradictions; of two that contradict each other, the one that a third confirms."""
    kept = Chain(dropped=found.dropped)
    index = least_index if first_index is None else first_index  # where the next block is expected to begin
    expected = first_block  # its number, if nothing is missing in between
    for k, head in enumerate(found.heads):
        why = _contradiction(head, found.heads[k + 1 : k + 3], index)
        if why is None and head.first_index > index and head.sequence == expected:
            confirmed = _leads(head, found.heads[k + 1 : k + 2]) or (first_index is None and not kept.heads)
            why = None if confirmed else "it does not follow from the block before it"
        if why is None:
            kept.heads.append(head)
            index, expected = head.end, head.sequence + 1
        else:
            kept.note_unusable(head.sequence, why)
    return kept


def _contradiction(head: BlockHead, after: list[BlockHead], index: int) -> str | None:
    """Return the reason to reject a block, or None.

    Args:
        head: Header of the block.
        after: Headers of the next blocks, two at most.
        index: Index after the blocks before.
    """
    if head.first_index < index:
        return "its samples are in an earlier block"
    if after and head.end > after[0].first_index and _leads(after[0], after[1:]):
        return "it claims samples of the block after it"
    return None


def _leads(head: BlockHead, after: list[BlockHead]) -> bool:
    """Return whether the next block has the next number and begins at the index where this one ends."""
    return bool(after) and after[0].sequence == head.sequence + 1 and head.end == after[0].first_index
