"""Which blocks of a spool follow from each other: their indices are the only check that they have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regtap.spool.block import BlockHead, DamagedBlockError

if TYPE_CHECKING:
    from regtap.spool.reader import SpoolReader


@dataclass(slots=True)
class Chain:
    """Blocks that can be used, in order, and why others cannot.

    Attributes:
        heads: What the usable ones say about themselves.
        dropped: One line for each other one.
    """

    heads: list[BlockHead] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def drop(self, sequence: int, why: str) -> None:
        """Note that a block cannot be used."""
        self.dropped.append(f"block {sequence}: {why}")


def read_chain(spool: SpoolReader, first_block: int, first_index: int | None, least_index: int = 0) -> Chain:
    """Return the blocks from `first_block` on that follow from each other, and from `first_index` if it is known.

    Args:
        spool: Open.
        first_block: The first that is wanted.
        first_index: Where it begins; None: somewhere after `least_index`.
        least_index: Index after what is in finished parts.
    """
    found = Chain()
    if first_block < spool.oldest():
        count = spool.oldest() - first_block
        found.dropped.append(f"blocks {first_block} to {spool.oldest() - 1}: filled again ({count} blocks)")
    for sequence in range(max(first_block, spool.oldest()), spool.header.opened):
        try:
            head = spool.head(sequence)
            if head.rows and spool.tick_at(head, head.rows - 1) < spool.tick_at(head, 0):
                raise DamagedBlockError("its times go back")
        except DamagedBlockError as error:
            found.drop(sequence, str(error))
            continue
        if not head.is_empty:
            found.heads.append(head)
    return _linked(found, first_block, first_index, least_index)


def _linked(found: Chain, first_block: int, first_index: int | None, least_index: int) -> Chain:
    """Where two blocks contradict each other, believe the one that another block confirms."""
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
            kept.drop(head.sequence, why)
    return kept


def _contradiction(head: BlockHead, after: list[BlockHead], index: int) -> str | None:
    """Return what speaks against a block, for sure."""
    if head.first_index < index:
        return "its samples are in an earlier block"
    if after and head.end > after[0].first_index and _leads(after[0], after[1:]):
        return "it claims samples of the block after it"
    return None


def _leads(head: BlockHead, after: list[BlockHead]) -> bool:
    """Whether the block right after it begins where it ends."""
    return bool(after) and after[0].sequence == head.sequence + 1 and head.end == after[0].first_index
