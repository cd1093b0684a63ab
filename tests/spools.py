"""Spools made by hand, of a capture whose truth is known: row i holds i, and a byte that proves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tests.conservation import assert_conserved
from tests.synthetic import HOST, START

import regtap
from regtap import _native
from regtap.registers.model import Register
from regtap.spool.document import make_document
from regtap.spool.layout import (
    BLOCK,
    BLOCK_HEADER_BYTES,
    BLOCK_MAGIC,
    CHECK,
    GAP,
    HEADER,
    OVERFLOW,
    column_offsets,
    header_check,
)
from regtap.spool.pointer import SpoolPointer
from regtap.system.host import boot_id
from regtap.trace.gaps import CAUSES
from regtap.trace.metadata import Anchor, ClockInfo, Mode, PartMetadata

REGISTERS = (Register("INDEX", 0), Register("PROOF", 4, "u8"))
IDENTITY = "0123456789abcdef" * 2
GAP_CAPACITY = 12
TICK_HZ = 1e9
FIRST_TICK = 1_000_000
STEP = 1000  # ticks between two samples
COLUMNS: list[np.dtype[Any]] = [
    np.dtype("<u8"),
    np.dtype("<u4"),
    np.dtype("<u1"),
]  # ticks, and those of REGISTERS


def proof_of(index: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return ((index.astype(np.uint64) * np.uint64(2654435761)) >> np.uint64(11)).astype(np.uint8)


def tick_of(index: int) -> int:
    return FIRST_TICK + STEP * index


def template_of(rate_hz: str | None = None, boot_id: str = "another") -> PartMetadata:
    start_raw_ns = START.raw_ns
    clock = ClockInfo(
        "tsc", TICK_HZ, 30.0, (Anchor(FIRST_TICK - 500, start_raw_ns, START.realtime_ns, 20.0),)
    )
    return PartMetadata(
        REGISTERS,
        "sim",
        Mode(rate_hz, "discard"),
        clock,
        START,
        {**HOST, "boot_id": boot_id},
        part=0,
        first_index=0,
    )


def write_check(memory: npt.NDArray[np.uint8], order: str) -> None:
    kinds = memory[HEADER.itemsize : HEADER.itemsize + 4 * len(REGISTERS)].tobytes()
    memory[CHECK : CHECK + 4].view(order)[0] = header_check(memory[:64].tobytes(), kinds)


class SpoolImage:
    """A spool under construction, as the sampler would leave it after the calls made here."""

    def __init__(
        self,
        trace: Path | str = "/nowhere",
        blocks: int = 8,
        template: PartMetadata | None = None,
        document: bytes | None = None,
    ) -> None:
        self.template = template or template_of()
        document = document or make_document(self.template, str(trace), IDENTITY)
        self.memory = np.zeros(8192 + len(document) // 4096 * 4096 + (blocks + 1) * 8192, dtype=np.uint8)
        kinds = [_native.Kind[register.type] for register in REGISTERS]
        self.rows_per_block = _native.format_spool(
            self.memory,
            kinds=kinds,
            latency=False,
            blocks=blocks,
            gap_capacity=GAP_CAPACITY,
            document=document,
            owner_pid=4242,
        )
        assert self.rows_per_block > 20
        write_check(self.memory, "<u4")
        self.header: Any = self.memory[: HEADER.itemsize].view(HEADER)[0:1]
        self.block_count = blocks
        self.index = 0
        self.sequence = 0
        self.missed = 0

    def at(self, sequence: int) -> int:
        slot = self.block_count if sequence == OVERFLOW else sequence % self.block_count
        return int(self.header["header_bytes"][0]) + slot * int(self.header["block_bytes"][0])

    def block(self, sequence: int) -> Any:
        return self.memory[self.at(sequence) :][: BLOCK.itemsize].view(BLOCK)

    def gap_table(self, sequence: int) -> Any:
        start = self.at(sequence) + BLOCK_HEADER_BYTES
        return self.memory[start : start + GAP_CAPACITY * GAP.itemsize].view(GAP)

    def column_at(self, sequence: int, k: int) -> int:
        """Return where in the spool a column of a block begins, in bytes."""
        widths = [dtype.itemsize for dtype in COLUMNS]
        return self.at(sequence) + column_offsets(widths, self.rows_per_block, GAP_CAPACITY)[k]

    def column(self, sequence: int, k: int) -> npt.NDArray[Any]:
        start = self.column_at(sequence, k)
        return self.memory[start : start + COLUMNS[k].itemsize * self.rows_per_block].view(COLUMNS[k])

    def open_block(self) -> None:
        block = self.block(self.sequence)
        block["magic"], block["sequence"], block["first_index"] = BLOCK_MAGIC, self.sequence, self.index
        block["published"] = block["gap_count"] = 0
        block["missed_before"], block["dropped_before"] = self.missed, self.block(OVERFLOW)["published"]
        tick = tick_of(self.index) - STEP // 2
        block["anchor_ticks"], block["anchor_uncertainty_ticks"] = tick, 25
        block["anchor_raw_ns"] = START.raw_ns + tick - (FIRST_TICK - 500)
        block["anchor_realtime_ns"] = START.realtime_ns + tick - (FIRST_TICK - 500)
        self.header["open"] = self.sequence + 1

    def add_rows(self, count: int) -> None:
        block = self.block(self.sequence)
        at = int(block["published"][0])
        index = np.arange(self.index, self.index + count, dtype=np.uint64)
        self.column(self.sequence, 0)[at : at + count] = FIRST_TICK + STEP * index
        self.column(self.sequence, 1)[at : at + count] = index
        self.column(self.sequence, 2)[at : at + count] = proof_of(index)
        block["published"] = at + count
        self.index += count

    def put_gap(
        self, sequence: int, count: int, cause: str, first_index: int | None = None, rows: int = 0
    ) -> None:
        first = self.index if first_index is None else first_index
        block = self.block(sequence)
        used = int(block["gap_count"][0])
        last = tick_of(first + count + rows) - 1
        entry = (first, count, tick_of(first), last, CAUSES.index(cause) + 1, rows)
        self.gap_table(sequence)[used] = entry
        block["gap_count"] = used + 1

    def add_gap(self, count: int, cause: str) -> None:
        self.put_gap(self.sequence, count, cause)
        self.index += count
        self.missed += count * (cause == "missed")

    def add_joined_gap(self, count: int, rows: int, told_rows: int | None = None) -> None:
        """Missed slots with rows inside; `told_rows`: what the table says of these rows, else the truth."""
        self.put_gap(self.sequence, count, "missed", rows=rows if told_rows is None else told_rows)
        self.index += count
        self.missed += count
        self.add_rows(rows)

    def grow_joined_gap(self, count: int, rows_before: int, rows: int) -> None:
        """More missed slots into the last gap, that many rows after its first, and rows after them."""
        gap = self.gap_table(self.sequence)[int(self.block(self.sequence)["gap_count"][0]) - 1]
        gap["rows"], gap["t1_ticks"] = rows_before, tick_of(self.index + count)
        gap["count"] += np.uint64(count)
        self.index += count
        self.missed += count
        self.add_rows(rows)

    def seal(self) -> None:
        self.sequence += 1
        self.header["sealed"] = self.sequence

    def full_block(self, rows: int | None = None) -> None:
        self.open_block()
        self.add_rows(self.rows_per_block if rows is None else rows)
        self.seal()

    def begin_open_gap(self) -> None:
        self.header["gap_first_index"], self.header["gap_t0_ticks"] = self.index, tick_of(self.index)
        self.header["gap_base"] = self.block(OVERFLOW)["published"][0]
        self.header["gap_cause"] = 1

    def drop(self, count: int) -> None:
        """Samples into the overflow block."""
        self.block(OVERFLOW)["published"] += np.uint64(count)
        self.column(OVERFLOW, 0)[0] = tick_of(self.index + count - 1)
        self.index += count

    def note_open_gap(self) -> None:
        """Half of closing the open gap: it is in the table, and still said to be open."""
        first = int(self.header["gap_first_index"][0])
        self.put_gap(OVERFLOW, self.index - first, "full", first)

    def end_open_gap(self) -> None:
        self.header["gap_cause"] = 0

    def save(self, path: Path) -> Path:
        path.write_bytes(self.memory.tobytes())
        path.chmod(0o600)
        return path


def leave_behind(image: SpoolImage, folder: Path, spool: Path) -> Path:
    """Lay out what a killed recorder leaves: the spool, and a folder with the pointer that names it."""
    image.save(spool)
    folder.mkdir(exist_ok=True)
    write_pointer(folder, spool)
    return folder


def write_pointer(folder: Path, spool: Path, **changes: Any) -> None:
    """Write a trace's pointer to a spool of this boot; `changes`: fields that are to be others."""
    status = spool.lstat()
    pointer = SpoolPointer(str(spool), boot_id(), status.st_dev, status.st_ino, IDENTITY)
    path = folder / "_spool"
    path.write_text(replace(pointer, **changes).to_json())
    path.chmod(0o600)


def as_big_endian(image: SpoolImage) -> bytes:
    """Return the same spool as a machine of the other byte order would have left it."""
    memory = image.memory.copy()

    def swap(start: int, dtype: np.dtype[Any], count: int = 1) -> None:
        view = memory[start : start + count * dtype.itemsize]
        view[:] = view.view(dtype).byteswap().view(np.uint8)

    kinds_at = HEADER.itemsize
    swap(0, HEADER)
    swap(kinds_at, np.dtype("<u4"), len(REGISTERS))
    for sequence in [*range(image.block_count), OVERFLOW]:
        start = image.at(sequence)
        swap(start, BLOCK)
        swap(start + BLOCK_HEADER_BYTES, GAP, GAP_CAPACITY)
        for k, dtype in enumerate(COLUMNS):
            swap(image.column_at(sequence, k), dtype, image.rows_per_block)
    write_check(memory, ">u4")
    return memory.tobytes()


def expected_index(gaps: Sequence[Any], rows: int) -> npt.NDArray[np.int64]:
    """Return the index of each row, from the gaps alone."""
    index = np.arange(rows, dtype=np.int64)
    absent = 0
    for gap in sorted(gaps, key=lambda gap: (gap.first_index, gap.count)):
        index[max(0, gap.first_index - absent) :] += gap.count
        absent += gap.count
    return index


def assert_truth(folder: Path, taken: int) -> None:
    """Each row is the sample of its index; rows and gaps are [0, taken)."""
    trace = regtap.open_trace(folder)
    assert_conserved(trace)
    table = trace.to_arrow()
    index = expected_index(trace.gaps, trace.rows)
    assert np.array_equal(table["INDEX"].to_numpy(), index)
    assert np.array_equal(table["PROOF"].to_numpy(), proof_of(index))
    assert np.array_equal(table["t_ns"].to_numpy(), 500 + 1000 * index)
    assert trace.totals is not None
    assert trace.totals.taken + trace.totals.missed == taken
