"""Captures of a flight recorder over a small ring, waits for what its loop has taken, and the word of its holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import regtap
from regtap.spool.layout import RELEASED
from regtap.spool.ring import Ring

SMALL = "512KiB"  # overwritten in a millisecond


def record(device: Path, output: Path, **options: Any) -> regtap.Capture:
    options = {"spool_size": SMALL, "on_full": "overwrite", **options}
    return regtap.record(["a=0:u32"], output, target=f"file:{device}", **options)


def wait_until_taken(capture: regtap.Capture, count: int) -> None:
    while capture.status().taken < count and not capture.wait(0.001):
        pass


def wait_for_laps(capture: regtap.Capture, laps: int = 3) -> None:
    wait_until_taken(capture, capture.status().taken + laps * 50_000)


def released_word(ring: Ring) -> int:
    """Return how many blocks are released or overwritten, with the bit HELD."""
    return int(ring.memory[RELEASED : RELEASED + 8].view("<u8")[0])
