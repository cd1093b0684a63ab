"""The journal of `--durable`: what is written of a spool, and what is read back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conservation import assert_conserved
from tests.journals import HandJournal, filled
from tests.spools import SpoolImage, assert_truth, template_of

import regtap
from regtap.errors import RefusedError
from regtap.journal import source
from regtap.journal.layout import RECORD, UNIT, check_of, checksum
from regtap.journal.replay import JournalReader, segment_paths
from regtap.recovery.complete import recover
from regtap.spool.reader import SpoolReader


def test_the_check_is_crc32c() -> None:
    assert checksum(b"123456789") == 0xE3069283


def test_sealed_and_open_blocks_come_back(run: Path) -> None:
    image = filled()
    image.open_block()
    image.add_rows(4)
    with HandJournal(image, run) as journal:
        assert journal.turn()

    result = recover(run)

    assert (result.rows, result.dropped, result.spool) == (34, (), None)
    assert_truth(run, 34)
    assert sorted(os.listdir(run)) == ["part-00000.parquet"]


def test_a_block_is_copied_once_however_often_the_journal_turns(run: Path) -> None:
    image = SpoolImage()
    image.open_block()
    with HandJournal(image, run) as journal:
        for _ in range(20):
            image.add_rows(1)
            journal.turn()
        written = journal.journal.durability.written_bytes
    assert written == 21 * UNIT  # a record for each row, and the counters once

    recover(run)

    assert_truth(run, 20)


def test_nothing_new_is_no_sync(run: Path) -> None:
    with HandJournal(filled(), run) as journal:
        journal.turn()
        assert journal.journal.durability.syncs == 1
        journal.turn()
        assert journal.journal.durability.syncs == 1


def test_what_was_not_copied_is_not_there(run: Path) -> None:
    image = filled()
    with HandJournal(image, run) as journal:
        journal.turn()
        image.full_block(10)

    assert recover(run).rows == 30
    assert_truth(run, 30)


def test_dropped_samples_are_counted_as_of_the_last_turn(run: Path) -> None:
    image = filled()
    image.begin_open_gap()
    image.drop(50)
    with HandJournal(image, run) as journal:
        journal.turn()
        image.drop(7)

    result = recover(run)

    assert (result.totals.lost, result.totals.taken) == (50, 80)
    assert_truth(run, 80)


@pytest.mark.parametrize("blocks", [0, 1])
def test_a_promise_is_kept_though_the_next_tail_is_unreadable(
    run: Path, blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop that drops samples, and misses slots all the time."""
    image = filled()
    image.begin_open_gap()
    image.drop(50)
    read = source._overflow

    def read_what_moves(*arguments: Any) -> Any:
        image.header["gap_t0_ticks"] += 1
        return read(*arguments)

    with HandJournal(image, run) as journal:
        assert journal.turn()
        image.end_open_gap()
        for _ in range(blocks):
            resume(image)
        image.begin_open_gap()
        image.drop(5)
        monkeypatch.setattr(source, "_overflow", read_what_moves)
        assert not journal.turn()
    result = recover(run)
    assert (result.totals.lost, result.rows, result.dropped) == (50, 30 + 10 * blocks, ())
    assert_truth(run, 80 + 10 * blocks)


def resume(image: SpoolImage) -> None:
    """Fill a block that begins with a gap of what was dropped before it."""
    image.open_block()
    image.put_gap(image.sequence, 50, "full", image.index - 50)
    image.block(image.sequence)["first_index"] = image.index - 50
    image.block(image.sequence)["dropped_before"] = 0
    image.add_rows(10)
    image.seal()


def test_a_gap_on_its_way_into_a_new_block_is_counted_once(run: Path) -> None:
    image = filled()
    image.begin_open_gap()
    image.drop(50)
    image.note_open_gap()
    image.end_open_gap()

    with HandJournal(image, run) as journal:
        image.open_block()  # its gaps are still in the overflow block
        journal.turn()

    assert recover(run).totals.lost == 50
    assert_truth(run, 80)


def test_gaps_are_cut_where_the_rows_are(run: Path) -> None:
    image = SpoolImage(template=template_of(rate_hz="1000"))
    image.open_block()
    image.add_rows(5)
    image.add_gap(3, "missed")
    image.add_rows(5)
    image.add_gap(2, "missed")
    image.block(0)["published"] = 8  # as if the last two rows and the gap came between two reads
    with HandJournal(image, run) as journal:
        journal.turn()

    recover(run)

    trace = regtap.open_trace(run)
    assert [(gap.first_index, gap.count) for gap in trace.gaps] == [(5, 3)]
    assert_truth(run, 11)


def test_a_gap_that_grows_is_copied_again(run: Path) -> None:
    image = SpoolImage(template=template_of(rate_hz="1000"))
    image.open_block()
    image.add_joined_gap(30, rows=4)
    with HandJournal(image, run) as journal:
        journal.turn()
        image.grow_joined_gap(11, rows_before=4, rows=0)  # no row, and no entry more
        journal.turn()
        image.grow_joined_gap(5, rows_before=4, rows=3)
        image.add_gap(2, "missed")
        image.add_rows(1)
        journal.turn()

    recover(run)

    trace = regtap.open_trace(run)
    assert [(gap.count, gap.rows) for gap in trace.gaps] == [(46, 4), (2, 0)]
    assert trace.totals is not None
    assert (trace.totals.stored, trace.totals.missed, trace.totals.due) == (8, 48, 56)
    assert_conserved(trace)


def test_rows_inside_a_gap_end_where_the_copied_rows_do(run: Path) -> None:
    image = SpoolImage(template=template_of(rate_hz="1000"))
    image.open_block()
    image.add_joined_gap(30, rows=4)
    image.block(0)["published"] = 3  # as if the last row came between two reads
    with HandJournal(image, run) as journal:
        journal.turn()

    recover(run)

    assert [(gap.count, gap.rows) for gap in regtap.open_trace(run).gaps] == [(30, 3)]
    assert_truth(run, 33)


def test_blocks_in_finished_parts_are_not_copied(run: Path) -> None:
    image = filled(blocks=4)
    with HandJournal(image, run) as journal:
        journal.release(3)
        journal.turn()
        with JournalReader(run, 3) as spool:
            assert spool.head(3).rows == 10
            with pytest.raises(Exception, match="not that of this block"):
                spool.head(2)


def test_segments_are_used_again_when_their_blocks_are_durable(run: Path) -> None:
    image = SpoolImage(blocks=4)
    with HandJournal(image, run) as journal:
        size = journal.journal._segments.size_bytes
        for block in range(60):
            image.full_block()
            journal.release(max(0, block - 2))
            assert journal.turn()
        assert journal.journal.durability.written_bytes > 2 * size
        assert sum(path.stat().st_size for path in segment_paths(run)) == size
    with JournalReader(run, 57) as spool:
        assert [spool.head(block).rows for block in range(57, 60)] == 3 * [image.rows_per_block]
        for block in range(57, 60):
            first = block * image.rows_per_block
            values = spool.block(spool.head(block)).columns[0]
            assert values.tolist() == list(range(first, first + image.rows_per_block))


def test_a_full_journal_waits_for_room(run: Path) -> None:
    image = SpoolImage(blocks=4)
    image.open_block()
    with HandJournal(image, run) as journal:
        rows = 1
        image.add_rows(1)
        while journal.turn():
            assert rows < image.rows_per_block  # a record each: the last ones do not fit
            image.add_rows(1)
            rows += 1
        image.seal()
        image.full_block(10)
        assert not journal.turn()
        journal.release(2)
        image.full_block(10)
        assert journal.turn()

    with JournalReader(run, 2) as spool:
        assert (spool.header.opened, spool.head(2).rows) == (3, 10)


def test_parts_that_go_further_than_the_journal_are_the_end(run: Path) -> None:
    image = filled()
    image.begin_open_gap()
    image.drop(50)
    with HandJournal(image, run) as journal:
        journal.turn()

    with JournalReader(run, 9) as spool:
        assert (spool.header.sealed, spool.header.opened) == (9, 9)
        assert spool.overflow().dropped == 0


def test_a_journal_in_use_is_left_alone(run: Path) -> None:
    with HandJournal(filled(), run) as journal:
        journal.turn()
        with pytest.raises(RefusedError, match="in use"):
            recover(run)
    assert recover(run).rows == 30


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("rows"), st.integers(1, 12)),
            st.tuples(st.just("missed"), st.integers(1, 5)),
            st.tuples(st.just("seal"), st.just(0)),
            st.tuples(st.just("turn"), st.just(0)),
            st.tuples(st.just("release"), st.integers(0, 7)),
        ),
        max_size=40,
    )
)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]) -> None:
    """However a spool was filled and copied, playing the journal back gives its blocks."""
    run = tmp_path_factory.mktemp("run")
    image = SpoolImage()
    image.open_block()
    released = 0
    with HandJournal(image, run) as journal:
        for what, count in [*steps, ("turn", 0)]:
            block = image.block(image.sequence)
            has_room = int(block["published"][0]) + 12 <= image.rows_per_block
            if what == "rows" and has_room:
                image.add_rows(count)
            elif what == "missed" and int(block["gap_count"][0]) < 12:
                image.add_gap(count, "missed")
            elif what == "seal" and image.sequence + 1 - released < image.block_count:
                image.seal()
                image.open_block()
            elif what == "release":
                released = min(image.sequence, released + count)
                journal.release(released)
            elif what == "turn":
                assert journal.turn()
    image.save(run.parent / "spool")

    with JournalReader(run, released) as copy, SpoolReader(str(run.parent / "spool")) as original:
        assert (copy.header.sealed, copy.header.opened) == (original.header.sealed, original.header.opened)
        for sequence in range(released, original.header.opened):
            ours, theirs = copy.head(sequence), original.head(sequence)
            assert ours == theirs
            got, expected = copy.block(ours), original.block(theirs)
            assert np.array_equal(got.ticks, expected.ticks)
            assert all(np.array_equal(a, b) for a, b in zip(got.columns, expected.columns, strict=True))


def test_the_check_covers_header_and_rest() -> None:
    header = np.zeros(1, dtype=RECORD)
    assert check_of(header, b"a") != check_of(header, b"b")
    header["serial"] = 1
    assert check_of(header, b"a") != check_of(np.zeros(1, dtype=RECORD), b"a")

    header["check"] = 7

    assert check_of(header, b"a") == checksum(
        np.array([(b"", 0, 1, *([0] * 9))], dtype=RECORD).tobytes() + b"a"
    )
