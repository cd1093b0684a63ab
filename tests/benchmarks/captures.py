"""Captures as the benchmarks run them, and what their parts say afterwards."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

import regtap

if TYPE_CHECKING:
    from regtap.recording.summary import Summary


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the parts of a trace take.

    Attributes:
        rows: Rows of all parts.
        bytes: Of all files.
    """

    rows: int
    bytes: int

    @property
    def bytes_a_row(self) -> float:
        """Mean size of a row, footers included."""
        return self.bytes / self.rows


def part_sizes(folder: str) -> Sizes:
    """Read the footers of a trace's parts."""
    paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    rows = sum(pq.read_metadata(path).num_rows for path in paths)
    return Sizes(rows, sum(os.stat(path).st_size for path in paths))


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
            "bytes_a_row": self.sizes.bytes_a_row,
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
