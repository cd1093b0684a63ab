"""Conservation under random schedules of a slow, stalled or failing writer."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.torture.conftest import Tally
from tests.torture.schedules import options_of, run_schedules

PROMISE = "a stalled or failing writer, random schedules: rows and gaps are exactly [0, taken)"


def test_random_schedules(shared_folder: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    device = shared_folder / "device"
    device.write_bytes(bytes(range(64)))
    outcomes = run_schedules(PROMISE, options_of, device, tally, monkeypatch)
    # the ring was full, and the disk refused, at least once
    assert outcomes >= {"full", "recovered"}, outcomes
