"""A row group of more than 4 GiB, whose chunks have more than 2 GiB: every offset has 64 bits.

No such memory and no such disk is needed: the blocks are the same memory again and again, the encoder writes into a
pipe, and of what comes out of it the end alone is kept, as the end of a sparse file.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from tests.encoded_parts import ANCHORS, CREATED_BY, METADATA, Values
from tests.torture.conftest import Tally

from regtap import _native
from regtap.trace.page_index import read_page_index

PROMISE = "a row group beyond 4 GiB, with chunks beyond 2 GiB: its offsets are right, and its end is read"
BLOCK_ROWS = 1 << 20
BLOCKS = 270
KEPT_BYTES = 64 << 20
KINDS = [("a", _native.Kind.u64), ("b", _native.Kind.u64), ("c", _native.Kind.u8)]


class Tail:
    """Empties a pipe, and keeps what came last."""

    def __init__(self) -> None:
        source, self.fd = os.pipe()
        self.size = 0
        self._pieces: deque[bytes] = deque()
        self._kept = 0
        self._thread = threading.Thread(target=self._drain, args=(source,))
        self._thread.start()

    def _drain(self, source: int) -> None:
        while piece := os.read(source, 1 << 20):
            self.size += len(piece)
            self._kept += len(piece)
            self._pieces.append(piece)
            while self._kept - len(self._pieces[0]) >= KEPT_BYTES:
                self._kept -= len(self._pieces.popleft())
        os.close(source)

    def save(self, path: Path) -> None:
        """Wait for the pipe's end; make a sparse file of the whole size, which ends with what was kept."""
        os.close(self.fd)
        self._thread.join()
        kept = b"".join(self._pieces)
        with path.open("wb") as file:
            file.truncate(self.size)
            file.seek(self.size - len(kept))
            file.write(kept)


def test_chunks_beyond_two_gibibytes(shared_folder: Path, tally: Tally) -> None:
    draw = np.random.default_rng(1)
    random = draw.integers(0, 2**64 - 1, BLOCK_ROWS, dtype=np.uint64)
    index = np.arange(BLOCK_ROWS, dtype=np.uint64)
    block: list[Values] = [index, random, random[::-1].copy(), (index >> 11).astype(np.uint8)]
    tail = Tail()
    encoder = _native.PartEncoder(tail.fd, time="t_ns", registers=KINDS, latency="")

    encoder.write([block] * BLOCKS, *ANCHORS, -1, 1.0)
    encoder.finish(CREATED_BY, METADATA)

    path = shared_folder / "part.parquet"
    tail.save(path)
    assert tail.size == encoder.bytes_written > 1 << 32
    footer = pq.read_metadata(path)
    chunks = [footer.row_group(0).column(k) for k in range(4)]
    assert footer.num_rows == BLOCKS * BLOCK_ROWS
    assert all(chunk.total_compressed_size > 1 << 31 for chunk in chunks[1:3])
    for before, after in pairwise(chunks):
        assert after.data_page_offset == before.data_page_offset + before.total_compressed_size
    assert chunks[3].data_page_offset > 1 << 32
    assert_pages_follow(path)
    assert_column_is_read(path, block[3])
    tally.case(PROMISE)


def assert_pages_follow(path: Path) -> None:
    """Each page of the large chunks begins where the one before it ends."""
    index = read_page_index(path, {"a": "uint64", "b": "uint64"})
    assert index is not None
    assert len(index.rows) == BLOCKS * BLOCK_ROWS // 4096
    for pages in index.columns.values():
        np.testing.assert_array_equal(pages.offsets[1:], (pages.offsets + pages.sizes)[:-1])


def assert_column_is_read(path: Path, values: Values) -> None:
    """The column behind 4 GiB is read by pyarrow, checksums included, and comes again and again."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        rows = 0
        for batch in file.iter_batches(BLOCK_ROWS, columns=["c"]):
            np.testing.assert_array_equal(batch.column(0).to_numpy(), values)
            rows += batch.num_rows
    assert rows == BLOCKS * BLOCK_ROWS
