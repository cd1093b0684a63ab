"""A ring that stays full: samples are dropped for long, and each is still counted in its place."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conservation import assert_conserved
from tests.waiting import wait_until

import regtap
from regtap.parts.file import PartFile

StallOnce = Callable[[Callable[[], object]], None]


@pytest.fixture
def stall_once(monkeypatch: pytest.MonkeyPatch) -> StallOnce:
    """Lets the writer's first row group wait for something."""

    def prepare(wait: Callable[[], object]) -> None:
        original = PartFile.write
        left = [wait]

        def write(self: PartFile, *rows: Any) -> None:
            if left:
                left.pop()()
            original(self, *rows)

        monkeypatch.setattr(PartFile, "write", write)

    return prepare


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "device"
    path.write_bytes(bytes(4096))
    return path


def test_dropping_goes_on_after_the_last_block_has_grown_old(
    device: Path, tmp_path: Path, stall_once: StallOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "regtap.recording.options._SEAL_SHARE_NS", 32 * 20_000_000
    )  # a block is sealed each 20 ms
    go_on = threading.Event()
    stall_once(go_on.wait)

    with regtap.record(
        ["a=0"], tmp_path / "run", target=f"file:{device}", spool_size="512KiB", on_full="discard"
    ) as capture:
        wait_until(lambda: capture.status().lost, "the first loss")
        time.sleep(0.1)  # the last block is older than that by now
        before = capture.status().taken
        wait_until(lambda: capture.status().taken > before, "another sample")
        go_on.set()

    assert_conserved(capture.trace())


def test_many_gaps_while_dropping_lie_one_after_the_other(
    device: Path, tmp_path: Path, stall_once: StallOnce
) -> None:
    """More of them than the gap table holds: then counts are added up, and stay exact."""
    stall_once(lambda: time.sleep(0.5))
    with regtap.record(
        ["a=0"],
        tmp_path / "run",
        target=f"file:{device}",
        spool_size="384KiB",
        rate="20M",
        on_full="discard",
        duration=0.4,
    ) as capture:
        capture.wait(60)

    totals = capture.summary.totals
    assert totals.lost > 0
    assert totals.missed > 0
    assert_conserved(capture.trace())
