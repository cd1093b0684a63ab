"""A recovery that is itself killed, at each of its steps, is simply run again."""

from __future__ import annotations

import os
import random
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from tests.conservation import assert_conserved
from tests.spools import SpoolImage, expected_index, leave_behind
from tests.torture.aftermath import hashes
from tests.torture.conftest import Tally, cases
from tests.torture.victim import recover as recover_and_die

import regtap
from regtap.recovery.complete import recover
from regtap.spool.layout import OVERFLOW
from regtap.spool.location import new_spool_path

PROMISE = (
    "kill -9 of `recover` before and after each file operation, then again: the same trace, nothing twice"
)


def scene(folder: Path, spool: Path) -> SpoolImage:
    """A full ring whose capture was dropping samples."""
    image = SpoolImage(blocks=4)
    image.full_block(30)
    image.open_block()
    image.add_gap(0, "throttled")
    image.seal()
    image.full_block(40)
    image.full_block(50)
    image.begin_open_gap()
    image.drop(60)
    image.note_open_gap()
    assert int(image.block(OVERFLOW)["gap_count"][0]) == 1
    leave_behind(image, folder, spool)
    return image


def run_and_die(processes: ForkServerContext, folder: Path, part_bytes: int | None, at: int) -> bool:
    """Return whether it was killed before its end."""
    _done, theirs = processes.Pipe(duplex=False)
    process = processes.Process(target=recover_and_die, args=(str(folder), part_bytes, at, theirs))
    process.start()
    theirs.close()
    process.join(60)
    assert process.exitcode in (0, -9), process.exitcode
    return process.exitcode != 0


def problem_of(folder: Path, spool: Path, image: SpoolImage, before: dict[str, str]) -> str | None:
    try:
        recover(folder)
        trace = regtap.open_trace(folder)
        assert_conserved(trace)
        assert before.items() <= hashes(folder).items(), "a finished part was touched"
        index = expected_index(trace.gaps, trace.rows)
        assert trace.to_arrow()["INDEX"].to_numpy().tolist() == index.tolist()
        assert trace.totals is not None
        assert (trace.totals.taken, trace.totals.lost) == (image.index, 60)
        assert [gap.cause for gap in trace.gaps] == ["throttled", "full"]
        assert sorted(os.listdir(folder)) == [part.path.name for part in trace.parts]
        assert not spool.exists()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        return f"{type(error).__name__}: {error}"
    return None


@pytest.mark.parametrize("part_bytes", [1, None])
def test_kill_9_of_recover_at_each_step(
    part_bytes: int | None, shared_folder: Path, processes: ForkServerContext, tally: Tally
) -> None:
    dice = random.Random(part_bytes or 0)
    step = 0
    killed = True
    while killed:
        folder = shared_folder / str(step)
        spool = Path(new_spool_path())  # a recovery removes no file of another name
        image = scene(folder, spool)
        killed = run_and_die(processes, folder, part_bytes, step)
        before = hashes(folder)
        if dice.random() < 0.5:
            run_and_die(processes, folder, part_bytes, dice.randrange(40))
        problem = problem_of(folder, spool, image, before)
        if killed or problem is not None:
            tally.case(PROMISE, problem)
        spool.unlink(missing_ok=True)
        step += cases(3, 1)  # an odd number: both before calls and after them
    assert step > 10

    tally.assert_kept(PROMISE)
