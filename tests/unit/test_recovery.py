"""Recovery of spools made by hand, in every state that the sampler can be killed in."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conservation import assert_conserved
from tests.spools import (
    SpoolImage,
    as_big_endian,
    assert_truth,
    leave_behind,
    template_of,
    write_pointer,
)

import regtap
from regtap.errors import InputError, RefusedError, StorageError, TraceError
from regtap.parts.file import PartFile
from regtap.recovery.clock import recovered_clock
from regtap.recovery.complete import Recovered, recover
from regtap.spool.layout import OVERFLOW


def recovered(image: SpoolImage, folder: Path, spool: Path) -> Recovered:
    return recover(leave_behind(image, folder, spool))


def test_sealed_and_open_blocks_become_a_part(run: Path, spool: Path) -> None:
    image = SpoolImage()
    image.full_block()
    image.full_block(7)
    image.open_block()
    image.add_rows(3)

    result = recovered(image, run, spool)

    assert (result.rows, result.parts, result.dropped) == (image.index, 1, ())
    assert result.totals.ended == "recovered"
    assert_truth(run, image.index)
    assert sorted(os.listdir(run)) == ["part-00000.parquet"]


def test_nothing_recorded_is_an_empty_trace(run: Path, spool: Path) -> None:
    result = recovered(SpoolImage(), run, spool)
    assert (result.rows, result.totals.taken, result.totals.due) == (0, 0, None)
    assert regtap.open_trace(run).rows == 0


def test_a_ring_that_went_round_gives_what_is_left_in_it(run: Path, spool: Path) -> None:
    image = SpoolImage(blocks=4)
    for _ in range(7):
        image.full_block(5)
    image.header["released"] = 4

    result = recovered(image, run, spool)

    trace = regtap.open_trace(run)
    assert trace.rows == 15
    assert list(trace.to_arrow()["INDEX"].to_pylist()) == list(range(20, 35))
    assert [(gap.first_index, gap.count, gap.cause) for gap in trace.gaps] == [(0, 20, "writer")]
    assert len(result.dropped) == 1  # the parts that held the first blocks are not there


def in_two_steps(image: SpoolImage, run: Path, spool: Path, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    """Recover with a part for each block, and be cut off at the second one; then run it again."""
    monkeypatch.setattr("regtap.parts.builder.PART_BYTES", 1)
    monkeypatch.setattr("regtap.recovery.rebuild.ROW_GROUP_ROWS", 1)
    original = getattr(PartFile, at)

    def cut_off(self: PartFile, *arguments: Any) -> Any:
        if self.number == 1:
            raise KeyboardInterrupt
        return original(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(PartFile, at, cut_off)
        with pytest.raises(KeyboardInterrupt):
            recovered(image, run, spool)
    assert sorted(os.listdir(run)) == ["_spool", "part-00000.parquet"]
    (run / ".part-00001.tmp").write_bytes(b"PAR1")  # what a kill would have left


@pytest.mark.parametrize("at", ["write", "_finish"])
def test_a_recovery_that_was_cut_off_is_run_again(
    run: Path, spool: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    image = SpoolImage()
    for rows in (10, 20, 30):
        image.full_block(rows)
    in_two_steps(image, run, spool, monkeypatch, at)

    first = (run / "part-00000.parquet").read_bytes()

    assert recover(run).rows == 50
    assert (run / "part-00000.parquet").read_bytes() == first
    assert_truth(run, 60)


def test_a_block_of_one_pause_is_not_told_twice(
    run: Path, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a block takes up no index: only its number says that a part holds it."""
    image = SpoolImage()
    image.open_block()
    image.add_gap(0, "throttled")
    image.seal()
    image.full_block(10)
    in_two_steps(image, run, spool, monkeypatch, "write")

    recover(run)

    assert [gap.cause for gap in regtap.open_trace(run).gaps] == ["throttled"]
    assert_truth(run, 10)


def test_a_second_run_changes_nothing(run: Path, spool: Path) -> None:
    image = SpoolImage()
    image.full_block()
    leave_behind(image, run, spool)
    recover(run)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    (run / "_spool").write_text('{"spool": "/gone", "boot_id": ""}')

    again = recover(run)

    assert (again.rows, again.parts) == (0, 0)
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


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


def test_what_was_half_written_goes_from_a_complete_trace_too(run: Path, spool: Path) -> None:
    """A power loss may bring the name of a removed file back after its part was finished."""
    image = SpoolImage()
    image.full_block()
    recovered(image, run, spool)
    before = sorted(os.listdir(run))
    for name in (".part-00000.tmp", ".part-00000.tmp.mine"):
        (run / name).write_bytes(b"half")

    recover(run)

    assert sorted(os.listdir(run)) == sorted([*before, ".part-00000.tmp.mine"])


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


# The table of the overflow block moves into the next block in five steps (Filler::resume), and a kill may come after
# each of them.


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


def header_field(name: str, value: Any) -> Callable[[SpoolImage], None]:
    """Return the damage that gives a field of block 1's header another value."""

    def damage(image: SpoolImage) -> None:
        image.block(1)[name] = value

    return damage


def ticks(rows: slice, tick: int) -> Callable[[SpoolImage], None]:
    """Return the damage that gives rows of block 1 another tick."""

    def damage(image: SpoolImage) -> None:
        image.column(1, 0)[rows] = tick

    return damage


DAMAGE = {
    "magic": header_field("magic", b"x"),
    "sequence": header_field("sequence", 9),
    "too many rows": header_field("published", 1 << 40),
    "too many gaps": header_field("gap_count", 99),
    "more rows than were taken": header_field("published", 30),
    "index too low": header_field("first_index", 3),
    "index too high": header_field("first_index", 1 << 50),
    "times that go back": ticks(slice(5, 6), 17),
    "a time before the block": ticks(slice(0, 20), 1_000_001),
    "a time in the far future": ticks(slice(19, 20), 1 << 63),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_block_becomes_a_gap_and_a_line(
    run: Path, spool: Path, damage: Callable[[SpoolImage], None]
) -> None:
    image = SpoolImage()
    for _ in range(3):
        image.full_block(20)
    damage(image)

    result = recovered(image, run, spool)

    (line,) = result.dropped
    gaps = [(gap.first_index, gap.count, gap.cause) for gap in regtap.open_trace(run).gaps]
    assert line.startswith("block 1: ")
    assert (gaps, result.totals.lost) == ([(20, 20, "writer")], 20)
    assert (result.spool, spool.exists()) == (str(spool), True)
    assert_truth(run, 60)


def test_a_damaged_last_block_is_dropped_with_its_count(run: Path, spool: Path) -> None:
    image = SpoolImage()
    image.full_block(20)
    image.full_block(20)

    image.column(1, 0)[3] = 0

    assert recovered(image, run, spool).totals.taken == 40
    assert_truth(run, 40)


def test_a_spool_cut_short_gives_what_is_whole(run: Path, spool: Path) -> None:
    image = SpoolImage()
    for _ in range(3):
        image.full_block(20)
    leave_behind(image, run, spool)
    os.truncate(spool, image.at(2) + 100)

    result = recover(run)

    assert any("block 2: the file ends before it does" in line for line in result.dropped)
    assert regtap.open_trace(run).to_arrow()["INDEX"].to_pylist() == list(range(40))


def test_a_spool_of_the_other_byte_order_gives_the_same_trace(run: Path, spool: Path) -> None:
    image = SpoolImage()
    image.full_block(20)
    image.open_block()
    image.add_gap(0, "throttled")
    image.add_rows(9)
    leave_behind(image, run, spool)
    spool.write_bytes(as_big_endian(image))

    assert recover(run).rows == 29
    assert_truth(run, 29)
    assert [gap.cause for gap in regtap.open_trace(run).gaps] == ["throttled"]


def test_a_copied_spool_becomes_a_trace_elsewhere_and_stays(tmp_path: Path, spool: Path) -> None:
    image = SpoolImage(trace="/not/here")
    image.full_block(20)
    image.save(spool)

    with pytest.raises(InputError, match="name a folder with -o"):
        recover(spool)

    assert recover(spool, tmp_path / "new").spool == str(spool)
    assert_truth(tmp_path / "new", 20)
    assert recover(spool, tmp_path / "new").parts == 0


def test_a_spool_finds_its_own_trace(run: Path, spool: Path) -> None:
    image = SpoolImage(trace=run)
    image.full_block(20)
    leave_behind(image, run, spool)

    recover(spool)

    assert_truth(run, 20)
    assert not (run / "_spool").exists()


def test_a_spool_in_use_is_left_alone(run: Path, spool: Path) -> None:
    image = SpoolImage()
    image.full_block(20)
    leave_behind(image, run, spool)

    with spool.open("rb") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        with pytest.raises(RefusedError, match="is in use"):
            recover(run)

    assert os.listdir(run) == ["_spool"]


def test_times_go_on_after_those_of_the_finished_parts(run: Path, spool: Path) -> None:
    """The clock that wrote the parts may have been ahead, within its bound."""
    image = SpoolImage()
    image.full_block(20)
    recovered(image, run, spool)
    (part,) = regtap.open_trace(run).parts
    ahead = replace(part, ranges={"t_ns": (0, 10_000_000)})
    clock, _ = recovered_clock(image.template, [ahead], [], 0)
    times = np.empty(2, dtype=np.int64)
    clock.convert(np.array([1_000_000, 20_000_000], dtype=np.uint64), times)

    assert times.tolist() == [10_000_000, 19_000_500]


def test_the_spool_of_another_capture_is_refused(tmp_path: Path, run: Path, spool: Path) -> None:
    image = SpoolImage()
    image.full_block(20)
    recovered(image, run, spool)
    other = SpoolImage(template=template_of(rate_hz="5"))
    other.full_block(3)

    with pytest.raises(TraceError, match="another capture"):
        recover(other.save(tmp_path / "other"), run)


def test_a_full_disk_is_told_and_the_second_run_completes(
    run: Path, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = SpoolImage()
    image.full_block(20)
    leave_behind(image, run, spool)

    def no_space(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(StorageError, match=r"No space left.*mend that, and run this again"):
            recover(run)
    assert os.listdir(run) == ["_spool"]
    recover(run)
    assert_truth(run, 20)


def test_a_spool_that_is_gone_is_said_to_be(run: Path, spool: Path) -> None:
    leave_behind(SpoolImage(), run, spool)
    write_pointer(run, spool, boot_id="another")
    spool.unlink()

    with pytest.raises(StorageError, match="restarted since"):
        recover(run)


@pytest.mark.parametrize("content", [b"", b"x", b"REGTAPSP", b"REGTAPSP" + bytes(5000), b"\xff" * 5000])
def test_what_is_no_spool_is_one_error(run: Path, spool: Path, content: bytes) -> None:
    leave_behind(SpoolImage(), run, spool)
    spool.write_bytes(content)
    with pytest.raises(TraceError):
        recover(run)


def test_a_folder_without_note_and_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="no pointer to a spool"):
        recover(tmp_path)


def test_a_link_in_the_spools_place_is_not_followed(run: Path, spool: Path, tmp_path: Path) -> None:
    leave_behind(SpoolImage(), run, spool)
    spool.rename(tmp_path / "real")
    spool.symlink_to(tmp_path / "real")

    with pytest.raises(StorageError, match="another file has its name"):
        recover(run)


@pytest.mark.parametrize("is_complete", [False, True])
def test_names_of_parts_are_durable_before_any_change(
    run: Path, spool: Path, is_complete: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever made them may have been killed before he had synced the folder."""
    leave_behind(SpoolImage(), run, spool)
    if is_complete:
        with monkeypatch.context() as patch:
            patch.setattr("regtap.recovery.complete.clean_up", lambda *_, **__: None)
            recover(run)
    calls = []

    def noted(name: str) -> Callable[..., Any]:
        original = getattr(os, name)

        def call(what: Any, *rest: Any, **options: Any) -> Any:
            calls.append((name, os.readlink(f"/proc/self/fd/{what}") if name == "fsync" else None))
            return original(what, *rest, **options)

        return call

    for name in ("fsync", "rename", "unlink"):
        monkeypatch.setattr(os, name, noted(name))
    recover(run)
    assert calls[0] == ("fsync", str(run))
    assert "unlink" in {name for name, _ in calls}
