"""Captures as the benchmarks run them, and what their parts say afterwards."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

import regtap
from regtap.trace.metadata import TIME_COLUMN

if TYPE_CHECKING:
    from regtap.recording.summary import Summary


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the parts of a trace take.

    Attributes:
        rows: Rows of all parts.
        plain_rows: Rows of those in which the writer, falling behind, stored registers PLAIN.
        bytes_a_row: Of the parts in which it kept up; None where there is none.
    """

    rows: int
    plain_rows: int
    bytes_a_row: float | None


def part_sizes(folder: str) -> Sizes:
    """Read the footers of a trace's parts."""
    rows = plain_rows = delta_rows = delta_bytes = 0
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        footer = pq.read_metadata(path)
        rows += footer.num_rows
        if _is_plain(footer):
            plain_rows += footer.num_rows
        else:
            delta_rows += footer.num_rows
            delta_bytes += os.stat(path).st_size
    return Sizes(rows, plain_rows, delta_bytes / delta_rows if delta_rows else None)


def _is_plain(footer: pq.FileMetaData) -> bool:
    if footer.num_row_groups == 0:
        return False
    columns = [footer.row_group(0).column(k) for k in range(footer.num_columns)]
    return any("PLAIN" in c.encodings for c in columns if c.path_in_schema != TIME_COLUMN)


@dataclass(frozen=True, slots=True)
class CaptureRun:
    """A capture at full rate.

    Attributes:
        summary: What it came to.
        seconds: From the first sample until everything was durable.
        sizes: Of its parts.
    """

    summary: Summary
    seconds: float
    sizes: Sizes

    @property
    def seconds_a_sample(self) -> float:
        """Mean cost of a sample that is stored, the last fsync included."""
        return self.seconds / self.summary.totals.stored

    def facts(self) -> dict[str, Any]:
        """Return what is kept of it."""
        totals = self.summary.totals
        return {
            "seconds_until_durable": self.seconds,
            "span_ns": self.summary.span_ns,
            "stored": totals.stored,
            "lost": totals.lost,
            "pauses": self.summary.pauses,
            "throttled_ns": totals.throttled_ns,
            "bytes": self.summary.bytes,
            "parts": self.summary.parts,
            "plain_rows": self.sizes.plain_rows,
            "bytes_a_row_when_keeping_up": self.sizes.bytes_a_row,
        }


def capture_for(target: str, seconds: float, cpu: int | None, folder: str) -> CaptureRun:
    """Record one u32 register at full rate for so long, check the balance, and remove the trace.

    Args:
        target: Where its register 0 is.
        seconds: How long to sample.
        cpu: Of the sampling thread.
        folder: Of the trace; must not exist.
    """
    capture = regtap.record("counter=0x0", folder, target=target, duration=seconds, cpu=cpu)
    capture.start()
    began = time.perf_counter()
    capture.wait()
    took_s = time.perf_counter() - began
    capture.close()
    try:
        capture.raise_fault()
        run = CaptureRun(capture.summary, took_s, part_sizes(folder))
        require_whole(capture.summary.totals.taken, capture.summary.totals.stored, run.sizes.rows)
        return run
    finally:
        shutil.rmtree(folder)


def require_whole(taken: int, stored: int, rows: int) -> None:
    """Fail unless every sample that was taken is in the parts."""
    assert taken == stored == rows, f"taken {taken:,}, said to be stored {stored:,}, found {rows:,}"
