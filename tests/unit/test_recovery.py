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


def cause_of_no_spool(image: SpoolImage) -> None:
    """Give block 1 a gap of a cause that only a trace has."""
    image.put_gap(1, 0, "rotated")


DAMAGE = {
    "a cause that no spool has": cause_of_no_spool,
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
