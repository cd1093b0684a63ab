"""Conservation of captures of changes under random schedules, of a device that changes meanwhile."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.torture.conftest import Tally
from tests.torture.schedules import options_of, run_schedules

CHANGES = (
    "--on-change with a stalled or failing writer, random schedules: the same, with what is unchanged counted"
)


def changes_of(dice: random.Random) -> dict[str, Any]:
    """Return options of a capture of changes, of a device that changes now and then or all the time."""
    options = options_of(dice)
    if options["on_full"] == "overwrite":
        options["on_full"] = dice.choice(["wait", "discard"])
    options["on_change"] = True
    if dice.random() < 0.3:
        options["heartbeat"] = dice.choice([0.00001, 0.0003, 0.01])
    return options


@pytest.fixture
def changing(shared_folder: Path) -> Iterator[Path]:
    """A device whose register counts: in bursts, and now and then."""
    device = shared_folder / "device"
    device.write_bytes(bytes(64))
    child = os.fork()
    if child == 0:
        dice, value = random.Random(0), 0
        with device.open("r+b", buffering=0) as file:
            while os.getppid() != 1:
                for _ in range(dice.choice([1, 1, 2, 300])):
                    value += 1
                    os.pwrite(file.fileno(), value.to_bytes(4, "little"), 0)
                time.sleep(dice.random() ** 4 * 0.01)
        os._exit(0)
    yield device
    os.kill(child, 9)
    os.waitpid(child, 0)


def test_random_schedules_of_changes(changing: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = run_schedules(CHANGES, changes_of, changing, tally, monkeypatch)
    assert outcomes >= {"unchanged", "recovered"}, outcomes
