"""The rows of a running capture that are in no part yet, as temporary parts beside the finished ones.

The spool is read as a recovery reads it, without its lock and without changing it. Each look encodes only rows that
came since the look before; once the recorder has closed a part, the temporary ones begin anew behind it. A block that
the recorder took back meanwhile is left out: its rows are in the part that was closed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from regtap.errors import RefusedError, TraceError
from regtap.maps.lookup import NO_MAPS
from regtap.parts.builder import Beginning, PartBuilder
from regtap.parts.compression import encoder_for
from regtap.recovery.clock import recovered_clock
from regtap.recovery.complete import finished_parts
from regtap.recovery.search import pointer_state
from regtap.spool.block import DamagedBlockError
from regtap.spool.document import parse_document
from regtap.system.closeable import Closeable
from regtap.trace.files import SPOOL_POINTER, part_name
from regtap.trace.metadata import OnFull
from regtap.trace.parts import read_part
from regtap.trace.reader import Trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regtap.maps.lookup import Maps
    from regtap.spool.block import Block, BlockHead
    from regtap.spool.reader import SpoolReader
    from regtap.trace.metadata import PartMetadata
    from regtap.trace.parts import Part

# At one look: what is quicker than two looks a second is shown part by part, every few seconds.
_MOST_ROWS = 8 << 20
_MEMORY = "/dev/shm"  # noqa: S108 - a folder of its own is made in it, private to this user
_MOST_PARTS = 64  # temporary ones; then they are made anew as one


class LiveTrace(Closeable):
    """A trace whose capture may still run, with all rows that it has taken so far; a context manager.

    Args:
        folder: The trace.
        maps: Describe its registers.
    """

    def __init__(self, folder: Path, maps: Maps = NO_MAPS) -> None:
        self._folder = folder
        self._maps = maps
        self._temporary = tempfile.TemporaryDirectory(prefix="regtap-live-", dir=_in_memory())
        self._made: tuple[Part, ...] = ()
        self._rounds = 0
        self._places: list[Path] = []  # of the rounds whose parts are still there
        self._first_block = -1
        self._start_anew(0, 0)

    def close(self) -> None:
        """Remove the temporary parts."""
        self._temporary.cleanup()

    def look(self) -> Trace:
        """Return the trace as it is now.

        Raises:
            TraceError: The folder is no trace, a part is damaged, or there is no row yet.
        """
        finished = finished_parts(self._folder) if self._folder.is_dir() else ()
        if finished and finished[-1].metadata.totals is not None:
            self._remove_rounds(1 if self._made else 0)
            self._made = ()
        else:
            # A header may be read while it changes: what cannot be read now comes with the next look.
            with contextlib.suppress(DamagedBlockError, TraceError, RefusedError, OSError):
                self._follow(finished)
        if not finished and not self._made:
            return Trace(self._folder, self._maps)  # which says what is wrong
        return Trace(self._folder, self._maps, (*finished, *self._made))

    def _follow(self, finished: tuple[Part, ...]) -> None:
        """Make a temporary part of the rows that came since the look before."""
        next_block = (finished[-1].metadata.next_block or 0) if finished else 0
        if next_block != self._first_block or len(self._made) >= _MOST_PARTS:
            self._start_anew(next_block, finished[-1].metadata.part + 1 if finished else 0)
        spool = pointer_state(self._folder).open_spool(self._folder)
        if spool is None:
            return
        with spool:
            template = parse_document(spool.document, spool.path).template
            heads = list(self._new_heads(spool))
            if template.mode.on_full == OnFull.OVERWRITE or not heads:
                return
            blocks = [self._new_block(spool, head) for head in heads]
        if any(block.rows for block in blocks):
            self._encode(template, (*finished, *self._made), heads, blocks)
            self._block, self._row, self._gaps = heads[-1].sequence, heads[-1].rows, len(heads[-1].gaps)

    def _start_anew(self, first_block: int, number: int) -> None:
        """Begin a round of temporary parts behind the finished ones."""
        self._remove_rounds(1)
        self._rounds += 1
        self._place = Path(self._temporary.name) / str(self._rounds)
        self._place.mkdir()
        self._places.append(self._place)
        self._first_block = self._block = first_block
        self._row = self._gaps = 0  # of that block, which are in a temporary part already
        self._number = number
        self._made = ()

    def _remove_rounds(self, kept: int) -> None:
        """Remove the temporary parts but those of the last rounds: the trace handed out last may still be read."""
        while len(self._places) > kept:
            shutil.rmtree(self._places.pop(0), ignore_errors=True)

    def _new_heads(self, spool: SpoolReader) -> Iterator[BlockHead]:
        """Yield the heads of blocks with new rows or gaps, until there are enough rows for one look."""
        rows = 0
        for sequence in range(max(self._block, spool.oldest()), spool.header.opened):
            if rows > _MOST_ROWS + self._row:
                return
            head = spool.head(sequence)
            rows += head.rows
            yield head

    def _new_block(self, spool: SpoolReader, head: BlockHead) -> Block:
        """Return a block with only the rows and gaps that are in no temporary part."""
        block = spool.block(head)
        if spool.head(head.sequence).first_index != head.first_index:
            raise DamagedBlockError("the recorder reused it meanwhile")
        row, gaps = (self._row, self._gaps) if head.sequence == self._block else (0, 0)
        return replace(
            block,
            ticks=block.ticks[row:],
            columns=tuple(column[row:] for column in block.columns),
            latency=None if block.latency is None else block.latency[row:],
            gaps=block.gaps[gaps:],
        )

    def _encode(
        self, template: PartMetadata, before: tuple[Part, ...], heads: list[BlockHead], blocks: list[Block]
    ) -> None:
        last_tick = max(block.last_tick for block in blocks if block.rows)
        clock, _ = recovered_clock(template, before, heads, last_tick)
        folder_fd = os.open(self._place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            beginning = Beginning(self._number, blocks[0].first_index if before else 0)
            builder = PartBuilder(folder_fd, template, clock, encoder_for("none"), beginning)
            builder.begin(heads[0].sequence)
            builder.add([block for block in blocks if block.rows or block.gaps])
            part, metadata = builder.take((), None, heads[-1].sequence)
            part.file.finish(replace(metadata, rotated=before[-1].metadata.rotated if before else None))
        finally:
            os.close(folder_fd)
        self._made = (*self._made, read_part(self._place / part_name(self._number)))
        self._number += 1


def _in_memory() -> str | None:
    """Return a folder in memory, where the spool is too; None: the system's place for temporary files."""
    return _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else None


def open_live(folder: Path, maps: Maps = NO_MAPS, wait_s: float = 0.0) -> LiveTrace:
    """Open a trace, and wait until it has a row; see LiveTrace.

    Args:
        folder: The trace.
        maps: Describe its registers.
        wait_s: Longest time to wait for the first row of a running capture.

    Raises:
        TraceError: The folder is no trace, or the trace has no row after that time.
    """
    live = LiveTrace(folder, maps)
    end = time.monotonic() + wait_s
    while True:
        try:
            live.look()
            return live
        except TraceError:
            if time.monotonic() >= end or not (folder / SPOOL_POINTER).exists():
                live.close()
                raise
            time.sleep(0.05)
