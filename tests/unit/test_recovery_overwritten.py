"""Recovery of a flight recorder's spool: what it held is stored, and what had been overwritten is counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conservation import assert_conserved
from tests.spools import SpoolImage, expected_index, leave_behind, template_of

import regtap
from regtap.parts.file import PartFile
from regtap.recovery.complete import recover
from regtap.spool.layout import HELD, OVERFLOW
from regtap.trace.metadata import Mode


def flight_image(rate_hz: str | None = None) -> SpoolImage:
    template = replace(template_of(rate_hz), mode=Mode(rate_hz, "overwrite"))
    return SpoolImage(blocks=4, template=template)


def fill(image: SpoolImage, blocks: int, rows: int = 5) -> None:
    """Fill blocks, and overwrite the oldest where none is free."""
    for _ in range(blocks):
        image.full_block(rows)
    image.header["released"] = max(int(image.header["released"][0]), image.sequence - 4)


def rows_of(run: Path) -> list[int]:
    """Return the indices that the rows prove to have, after a look whether the gaps say the same."""
    trace = regtap.open_trace(run)
    assert_conserved(trace)
    rows: list[int] = trace.to_arrow()["INDEX"].to_pylist()
    assert rows == expected_index(trace.gaps, trace.rows).tolist()
    return rows


def test_what_was_overwritten_is_one_gap_and_nothing_was_dropped(run: Path, spool: Path) -> None:
    image = flight_image()
    fill(image, 7)
    result = recover(leave_behind(image, run, spool))
    assert result.dropped == ()
    assert rows_of(run) == list(range(15, 35))

    trace = regtap.open_trace(run)
    assert [(gap.first_index, gap.count, gap.cause) for gap in trace.gaps] == [(0, 15, "overwritten")]
    assert result.totals.overwritten == result.totals.lost == 15


def test_a_ring_that_was_held_by_a_snapshot_is_read_all_the_same(run: Path, spool: Path) -> None:
    image = flight_image()
    fill(image, 7)
    image.header["released"] |= HELD

    assert recover(leave_behind(image, run, spool)).dropped == ()
    assert rows_of(run) == list(range(15, 35))


def test_a_released_block_not_yet_opened_counts_as_overwritten(run: Path, spool: Path) -> None:
    image = flight_image()
    fill(image, 7)
    image.header["released"] += 1

    assert recover(leave_behind(image, run, spool)).dropped == ()
    assert rows_of(run) == list(range(20, 35))


def test_a_ring_that_never_went_round_is_stored_whole(run: Path, spool: Path) -> None:
    image = flight_image()
    fill(image, 3)

    assert recover(leave_behind(image, run, spool)).totals.lost == 0
    assert rows_of(run) == list(range(15))


def test_slots_missed_in_what_was_overwritten_stay_missed(run: Path, spool: Path) -> None:
    image = flight_image("1000")
    image.open_block()
    image.add_rows(5)
    image.add_gap(30, "missed")
    image.seal()
    fill(image, 7)

    result = recover(leave_behind(image, run, spool))

    assert (result.totals.due, result.totals.missed, result.totals.overwritten) == (70, 30, 20)
    assert rows_of(run) == list(range(50, 70))


def dropped_then_overwritten() -> SpoolImage:
    """A spool where samples were dropped early on; even the block that says so was overwritten."""
    image = flight_image()
    image.begin_open_gap()
    image.drop(1000)
    image.end_open_gap()
    image.open_block()
    image.put_gap(0, 1000, "full", 0)
    image.seal()
    image.block(0)["first_index"] = 0
    fill(image, 6)
    return image


def test_dropped_samples_in_overwritten_blocks_are_counted_once(run: Path, spool: Path) -> None:
    image = dropped_then_overwritten()
    image.begin_open_gap()  # and the kill comes while samples are dropped again
    image.drop(60)
    result = recover(leave_behind(image, run, spool))
    assert result.totals.taken == 1000 + 30 + 60
    assert rows_of(run) == list(range(1010, 1030))

    trace = regtap.open_trace(run)
    assert [(gap.count, gap.cause) for gap in trace.gaps] == [(1010, "overwritten"), (60, "full")]


def test_a_ring_of_dropped_samples_only_has_lost_nothing_else(run: Path, spool: Path) -> None:
    image = flight_image()
    fill(image, 7)
    image.header["released"] = image.sequence  # all of it was stored, or is not wanted
    image.begin_open_gap()
    image.drop(60)

    result = recover(leave_behind(image, run, spool))

    trace = regtap.open_trace(run)
    assert [(gap.count, gap.cause) for gap in trace.gaps] == [(35, "overwritten"), (60, "full")]
    assert (result.totals.overwritten, result.dropped) == (35, ())
    assert_conserved(trace)


def test_a_merged_gap_counts_once_though_others_are_overwritten(run: Path, spool: Path) -> None:
    image = dropped_then_overwritten()
    image.begin_open_gap()
    image.drop(50)
    image.note_open_gap()
    image.begin_open_gap()
    image.drop(7)
    image.gap_table(OVERFLOW)["count"][0] += np.uint64(7)

    result = recover(leave_behind(image, run, spool))

    assert result.totals.lost - result.totals.overwritten == 57


def stored_first_block(image: SpoolImage, run: Path, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Store block 0 in a part, as a snapshot would have."""
    monkeypatch.setattr("regtap.parts.builder.PART_BYTES", 1)
    monkeypatch.setattr("regtap.recovery.rebuild.ROW_GROUP_ROWS", 1)
    original = PartFile.write

    def only_one_part(self: PartFile, *rows: Any) -> None:
        if self.number == 1:
            raise KeyboardInterrupt
        original(self, *rows)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(PartFile, "write", only_one_part)
        recover(leave_behind(image, run, spool))


def test_a_first_index_before_the_snapshots_end_is_not_believed(
    run: Path, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = flight_image()
    fill(image, 2)
    stored_first_block(image, run, spool, monkeypatch)
    fill(image, 6)

    image.block(4)["first_index"] = 2

    assert len(recover(leave_behind(image, run, spool)).dropped) == 1
    assert rows_of(run) == [*range(5), *range(25, 40)]


def test_samples_overwritten_after_a_snapshot_are_one_gap(
    run: Path, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = flight_image()
    fill(image, 2)
    stored_first_block(image, run, spool, monkeypatch)
    fill(image, 6)
    assert recover(leave_behind(image, run, spool)).dropped == ()
    assert rows_of(run) == [*range(5), *range(20, 40)]

    gap = regtap.open_trace(run).gaps[0]
    assert (gap.first_index, gap.count, gap.cause) == (5, 15, "overwritten")
    assert gap.t0_ns == 500 + 1000 * 4  # the last row before it


def test_a_damaged_block_of_a_flight_recorder_is_told(run: Path, spool: Path) -> None:
    image = flight_image()
    fill(image, 7)
    image.block(5)["published"] = 10_000
    result = recover(leave_behind(image, run, spool))
    assert len(result.dropped) == 1

    causes = [(gap.count, gap.cause) for gap in regtap.open_trace(run).gaps]
    assert causes == [(15, "overwritten"), (5, "writer")]
    assert rows_of(run) == [*range(15, 25), *range(30, 35)]


def test_a_first_index_that_goes_back_is_not_believed(run: Path, spool: Path) -> None:
    image = flight_image()
    fill(image, 7)
    image.block(3)["first_index"] = 2**61

    result = recover(leave_behind(image, run, spool))

    assert len(result.dropped) == 1
    assert rows_of(run) == list(range(20, 35))
