"""kill -9 at any moment loses no mark whose setter was told that it is set, and doubles none."""

from __future__ import annotations

import random
import time
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path

from tests.torture.aftermath import recover_and_check, scene_of
from tests.torture.conftest import Tally, cases
from tests.torture.test_kill import remove_spools_of
from tests.torture.victim import VictimCapture, record

import regtap

MARKS = "kill -9 of a recorder at a random moment: every mark that was set is recovered, once"
OPTIONS = {"spool_size": "512KiB", "rate": "20k"}
LEAST = 5  # marks, before the kill


def test_kill_9_between_marks(
    simulator: str, shared_folder: Path, processes: ForkServerContext, tally: Tally
) -> None:
    dice = random.Random(1)
    for k in range(cases(4, 300)):
        folder = shared_folder / str(k)
        part_bytes = dice.choice([None, 1, 20_000])
        what = VictimCapture(
            ("COUNT32", "CHECKED"), simulator, str(folder), OPTIONS, part_bytes=part_bytes, mark_s=0.0002
        )
        ready, theirs = processes.Pipe(duplex=False)
        process = processes.Process(target=record, args=(what, theirs))
        process.start()
        theirs.close()
        told = _last_told(ready, LEAST)
        time.sleep(dice.random() ** 2 * 0.1)
        process.kill()
        process.join(60)
        told = max(told, _last_told(ready, None))

        tally.case(MARKS, _problem(folder, told, f"case {k}"))
        remove_spools_of(process.pid)

    tally.assert_kept(MARKS)


def _last_told(ready: Connection, least: int | None) -> int:
    """Return the last number that was told; wait for `least` of them, or until the other end is gone."""
    last = -1
    try:
        while least is None or last < least:
            assert ready.poll(60), "the recorder stands still"
            said = ready.recv()
            last = said if isinstance(said, int) else last
    except EOFError:
        assert least is None, "the recorder has ended"
    return last


def _problem(folder: Path, told: int, case: str) -> str | None:
    """Recover what a kill left; return what is wrong with its marks, if anything is."""
    scene = scene_of(folder)
    assert scene is not None
    recover_and_check(scene)
    texts = [mark.text for mark in regtap.open_trace(folder).marks]
    wanted = [f"m{number}" for number in range(len(texts))]
    if texts != wanted or len(texts) not in (
        told + 1,
        told + 2,
    ):  # a mark may be set, and nobody told any more
        return f"{case}: {len(texts)} marks, told {told + 1}: {texts[-5:]}"
    return None
