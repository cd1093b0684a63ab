"""Recovery of gaps: what was lost or missed is counted once, at whatever step the sampler was killed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.conservation import assert_conserved
from tests.spools import SpoolImage, assert_truth, leave_behind, template_of

import regtap
from regtap.recovery.complete import Recovered, recover
from regtap.spool.layout import OVERFLOW


def recovered(image: SpoolImage, folder: Path, spool: Path) -> Recovered:
    return recover(leave_behind(image, folder, spool))


@pytest.mark.parametrize("told_rows", [7, 9, 400])
def test_a_gap_with_rows_inside_is_recovered(run: Path, spool: Path, told_rows: int) -> None:
    """A kill may have come before the count of what the table already says to be inside."""
    image = SpoolImage(template=template_of(rate_hz="1000"))
    image.open_block()
    image.add_rows(5)
    image.add_joined_gap(30, rows=7, told_rows=told_rows)

    result = recovered(image, run, spool)

    assert (result.rows, result.totals.missed, result.totals.due) == (12, 30, 42)
    assert [(gap.first_index, gap.count, gap.rows) for gap in regtap.open_trace(run).gaps] == [(5, 30, 7)]
    assert_truth(run, 42)


def dropping(image: SpoolImage, rows: int = 10) -> None:
    """Fill the ring and begin to drop."""
    for _ in range(image.block_count):
        image.full_block(rows)
    image.begin_open_gap()


def test_a_kill_while_dropping_counts_what_was_dropped(run: Path, spool: Path) -> None:
    image = SpoolImage()
    dropping(image)
    image.drop(333)

    result = recovered(image, run, spool)

    assert (result.totals.lost, result.totals.stored) == (333, 80)
    assert_truth(run, 413)


def test_a_gap_in_the_table_and_still_open_counts_once(run: Path, spool: Path) -> None:
    image = SpoolImage()
    dropping(image)
    image.drop(50)
    image.note_open_gap()

    assert recovered(image, run, spool).totals.lost == 50
    assert_truth(run, 130)


def test_beside_a_damaged_block_a_gap_still_counts_once(run: Path, spool: Path) -> None:
    """Then the sum of all that was dropped is no help: some of it may be in the block."""
    image = SpoolImage()
    dropping(image)
    image.drop(50)
    image.note_open_gap()

    image.block(2)["magic"] = b"?"

    totals = recovered(image, run, spool).totals
    assert (totals.taken, totals.stored, totals.lost) == (130, 70, 60)
    assert_truth(run, 130)


def test_a_gap_merged_into_another_and_still_open_counts_once(run: Path, spool: Path) -> None:
    """A full table: the count goes to an entry of the same cause, and nothing tells it from the outside."""
    image = SpoolImage()
    dropping(image)
    image.drop(50)
    image.note_open_gap()
    image.begin_open_gap()
    image.drop(7)
    image.gap_table(OVERFLOW)["count"][0] += np.uint64(7)

    assert recovered(image, run, spool).totals.lost == 57


def test_missed_slots_between_dropped_ones_keep_their_place(run: Path, spool: Path) -> None:
    image = SpoolImage(template=template_of(rate_hz="10000"))
    dropping(image)
    image.drop(5)
    image.note_open_gap()
    image.end_open_gap()
    image.put_gap(OVERFLOW, 3, "missed")
    image.index += 3
    image.begin_open_gap()
    image.drop(2)

    totals = recovered(image, run, spool).totals
    assert (totals.due, totals.stored, totals.lost, totals.missed) == (90, 80, 7, 3)
    assert [(gap.count, gap.cause) for gap in regtap.open_trace(run).gaps] == [
        (5, "full"),
        (3, "missed"),
        (2, "full"),
    ]
    assert_truth(run, 90)


def resume_opened(image: SpoolImage) -> None:
    image.open_block()


def resume_renumbered(image: SpoolImage) -> None:
    resume_opened(image)
    image.block(image.sequence)["first_index"] = image.index - 50


def resume_copied(image: SpoolImage) -> None:
    resume_renumbered(image)
    image.gap_table(image.sequence)[0] = image.gap_table(OVERFLOW)[0]
    image.block(image.sequence)["gap_count"] = 1


def resume_emptied(image: SpoolImage) -> None:
    resume_copied(image)
    image.block(OVERFLOW)["gap_count"] = 0


def resume_went_on(image: SpoolImage) -> None:
    resume_emptied(image)
    image.add_rows(4)


@pytest.mark.parametrize(
    ("resume", "rows"),
    [
        (resume_opened, 70),
        (resume_renumbered, 70),
        (resume_copied, 70),
        (resume_emptied, 70),
        (resume_went_on, 74),
    ],
)
def test_a_kill_while_storing_resumes_counts_each_gap_once(
    run: Path, spool: Path, resume: Callable[[SpoolImage], None], rows: int
) -> None:
    image = SpoolImage()
    dropping(image)
    image.drop(50)
    image.note_open_gap()
    image.end_open_gap()
    image.header["released"] = 1  # a part, which is not here, holds block 0
    resume(image)

    result = recovered(image, run, spool)

    trace = regtap.open_trace(run)
    assert result.dropped == ("blocks 0 to 0: they are in parts that are not here",)
    assert [(gap.first_index, gap.count, gap.cause) for gap in trace.gaps] == [
        (0, 10, "writer"),
        (80, 50, "full"),
    ]
    assert trace.rows == rows
    assert_conserved(trace)
