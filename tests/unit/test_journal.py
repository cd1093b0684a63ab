"""The journal of `--durable`: what is written of a spool, and what is read back."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.journals import HandJournal, flip
from tests.spools import SpoolImage, template_of
from tests.unit.test_recovery import assert_truth

import regtap
from regtap import writer
from regtap.errors import InputError, RefusedError, StorageError, TraceError
from regtap.journal import segments
from regtap.journal.layout import RECORD, RECORD_MAGIC, SEGMENT, UNIT, check_of, checksum
from regtap.journal.reader import JournalFile, segment_paths
from regtap.options import RecordOptions
from regtap.recovery import recover
from regtap.spool_file import SpoolFile
from regtap.trace_format import PartMetadata


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


def filled(blocks: int = 3, rows: int = 10) -> SpoolImage:
    image = SpoolImage()
    for _ in range(blocks):
        image.full_block(rows)
    return image


def records_of(path: Path) -> list[int]:
    """Return where a segment's records begin."""
    data = path.read_bytes()
    return [at for at in range(0, len(data), UNIT) if data[at:].startswith(RECORD_MAGIC)]


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


def test_a_gap_that_is_being_moved_into_a_new_block_is_counted_once(run: Path) -> None:
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


def test_blocks_in_finished_parts_are_not_copied(run: Path) -> None:
    image = filled(blocks=4)
    with HandJournal(image, run) as journal:
        journal.release(3)
        journal.turn()
        with JournalFile(run, 3) as spool:
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
    with JournalFile(run, 57) as spool:
        assert [spool.head(block).rows for block in range(57, 60)] == 3 * [image.rows_per_block]
        for block in range(57, 60):
            first = block * image.rows_per_block
            values = spool.block(spool.head(block)).columns[0]
            assert values.tolist() == list(range(first, first + image.rows_per_block))


class PowerLoss:
    """Loses power at each write to a journal: of what came since the last sync, and of what lay in its place, nothing
    is left then; what was promised has to be."""

    def __init__(self, run: Path, after: Path) -> None:
        self.losses = self.promised = self.released = 0
        self._run, self._after = run, after
        self._unsynced: list[tuple[str, int, int]] = []
        self._write_all, self._fdatasync = segments.write_all, os.fdatasync
        after.mkdir()

    def write_all(self, fd: int, data: npt.NDArray[np.uint8], offset: int) -> None:
        self._write_all(fd, data, offset)
        self._unsynced.append((Path(f"/proc/self/fd/{fd}").resolve().name, offset, len(data)))
        self.check()
        self.losses += 1

    def fdatasync(self, fd: int) -> None:
        self._fdatasync(fd)
        self._unsynced.clear()

    def check(self) -> None:
        for path in segment_paths(self._run):
            (self._after / path.name).write_bytes(path.read_bytes())
        for name, offset, size in self._unsynced:
            with (self._after / name).open("r+b") as file:
                file.seek(offset)
                file.write(bytes(size))
        with JournalFile(self._after, self.released) as spool:
            rows = [spool.head(block).rows for block in range(self.released, self.promised)]
        assert 0 not in rows, f"{rows} in blocks {self.released} to {self.promised}"


def test_what_was_synced_survives_while_segments_are_used_again(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "COUNT", 5)
    image = SpoolImage(blocks=4)
    with HandJournal(image, run) as journal:
        power = PowerLoss(run, tmp_path / "after")
        monkeypatch.setattr(segments, "write_all", power.write_all)
        monkeypatch.setattr(os, "fdatasync", power.fdatasync)
        for turn in range(40):
            power.released = max(
                0, turn * 3 - 1
            )  # all but the last one that was promised: two turns do not fit
            journal.release(power.released)
            for _ in range(3):
                image.full_block()
            assert journal.turn()
            power.promised = 3 * (turn + 1)
    assert power.losses > 40 * 4


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
    with JournalFile(run, 2) as spool:
        assert (spool.opened, spool.head(2).rows) == (3, 10)


def test_parts_that_go_further_than_the_journal_are_the_end(run: Path) -> None:
    image = filled()
    image.begin_open_gap()
    image.drop(50)
    with HandJournal(image, run) as journal:
        journal.turn()
    with JournalFile(run, 9) as spool:
        assert (spool.sealed, spool.opened) == (9, 9)
        assert spool.overflow().dropped == 0


def test_a_journal_of_another_capture_is_refused(run: Path, tmp_path: Path) -> None:
    image = filled()
    with HandJournal(image, run) as journal:
        journal.turn()
    recover(run)
    other = SpoolImage(template=template_of(rate_hz="1000"))
    other.full_block(10)
    with HandJournal(other, tmp_path / "other") as journal:
        journal.turn()
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    parts = regtap.open_trace(run).parts
    (mixed / "part-00000.parquet").write_bytes(parts[0].path.read_bytes())
    # parts without the balance of a whole trace: the capture was cut off
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("regtap.recovery._totals_of", lambda parts: None)
        for path in segment_paths(tmp_path / "other"):
            (mixed / path.name).write_bytes(path.read_bytes())
        with pytest.raises(TraceError, match="another capture"):
            recover(mixed)


def test_files_of_two_journals_are_refused(run: Path, tmp_path: Path) -> None:
    for folder in (run, tmp_path / "other"):
        with HandJournal(filled(), folder) as journal:
            journal.turn()
    (run / "_journal-01").write_bytes((tmp_path / "other" / "_journal-01").read_bytes())
    with pytest.raises(TraceError, match="different captures"):
        recover(run)


def test_a_journal_without_a_readable_head_is_refused(run: Path) -> None:
    with HandJournal(filled(), run) as journal:
        journal.turn()
    for path in segment_paths(run):
        flip(path, SEGMENT.itemsize + 5)
    with pytest.raises(TraceError, match="no file of its journal can be read"):
        recover(run)


def test_a_newer_version_asks_for_an_upgrade(run: Path) -> None:
    with HandJournal(filled(), run) as journal:
        journal.turn()
    flip(run / "_journal-00", 8)
    with pytest.raises(TraceError, match="upgrade"):
        recover(run)


def test_a_journal_in_use_is_left_alone(run: Path) -> None:
    with HandJournal(filled(), run) as journal:
        journal.turn()
        with pytest.raises(RefusedError, match="in use"):
            recover(run)
    assert recover(run).rows == 30


@pytest.mark.parametrize("record", [0, 1, 2])
def test_a_changed_bit_costs_its_block_and_is_said(run: Path, record: int) -> None:
    image = filled(blocks=4)
    with HandJournal(image, run) as journal:
        journal.turn()
        image.full_block(10)
        journal.turn()  # says that the first turn was on disk
    where = records_of(run / "_journal-00")[record]
    flip(run / "_journal-00", where + 200)
    result = recover(run)
    assert any(line.startswith(f"block {record}:") for line in result.dropped)
    assert (result.rows, result.totals.lost) == (40, 10)
    assert result.spool == str(run / "_journal-*")
    assert_truth(run, 50)


def test_a_record_lost_within_a_block_ends_the_block(run: Path) -> None:
    image = SpoolImage()
    image.open_block()
    with HandJournal(image, run) as journal:
        for _ in range(4):
            image.add_rows(5)
            journal.turn()
        image.seal()
        image.full_block(10)
        image.full_block(10)
        journal.turn()
    second = records_of(run / "_journal-00")[2]
    flip(run / "_journal-00", second + 100)
    result = recover(run)
    assert result.dropped == ("block 0: a record of the journal is damaged",)
    assert (result.rows, result.totals.lost) == (5 + 20, 15)
    assert_truth(run, 40)


def test_what_comes_after_a_missing_record_that_was_never_synced_is_left_aside(run: Path) -> None:
    image = filled(blocks=2)
    with HandJournal(image, run) as journal:
        journal.turn()
        image.full_block(10)
        image.full_block(10)
        journal.turn()
    third = records_of(run / "_journal-00")[3]
    flip(run / "_journal-00", third + 200)
    result = recover(run)
    assert (result.rows, result.dropped) == (20, ())
    assert_truth(run, 20)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 2**32), cut=st.booleans(), record=st.integers(0, 8))
def test_a_torn_or_changed_record_is_never_returned(
    tmp_path_factory: pytest.TempPathFactory, at: int, cut: bool, record: int
) -> None:
    run = tmp_path_factory.mktemp("torn")
    image = filled(blocks=4, rows=25)
    with HandJournal(image, run) as journal:
        for _ in range(4):
            image.full_block(25)
            journal.turn()
    path = run / "_journal-00"
    places = records_of(path)
    begin = places[record % len(places)]
    size = int(np.frombuffer(path.read_bytes()[begin:], dtype=RECORD, count=1)["bytes"][0])
    if cut:
        os.truncate(path, begin + at % size)
    else:
        flip(path, begin + at % size)
    recover(run)
    trace = regtap.open_trace(run)
    assert trace.totals is not None
    assert_truth(run, trace.totals.taken)
    assert trace.rows < 200 or begin == places[-1] or cut  # the last record has counters only


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
    with JournalFile(run, released) as copy, SpoolFile(str(run.parent / "spool")) as original:
        assert (copy.sealed, copy.opened) == (original.sealed, original.opened)
        for sequence in range(released, original.opened):
            ours, theirs = copy.head(sequence), original.head(sequence)
            assert ours == theirs
            got, expected = copy.block(ours), original.block(theirs)
            assert np.array_equal(got.ticks, expected.ticks)
            assert all(np.array_equal(a, b) for a, b in zip(got.columns, expected.columns, strict=True))


@pytest.mark.parametrize("seconds", [0.001, 61])
def test_an_interval_has_bounds(seconds: float) -> None:
    with pytest.raises(InputError, match="10ms to 60s"):
        RecordOptions(durable_ns=round(seconds * 1e9))


@pytest.mark.parametrize(("durable", "expected_ns"), [(True, 10**9), ("100ms", 10**8), (0.5, 5 * 10**8)])
def test_durable_says_how_often(tmp_path: Path, durable: bool | str | float, expected_ns: int) -> None:
    assert regtap.record("COUNT32", tmp_path / "x", target="sim", durable=durable).options.durable_ns == (
        expected_ns
    )


def test_no_room_for_a_journal_is_a_refusal_that_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = os.posix_fallocate

    def refuse(fd: int, offset: int, size: int) -> None:
        if "_journal-03" in os.readlink(f"/proc/self/fd/{fd}"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(fd, offset, size)

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    before = set(os.listdir("/dev/shm"))
    capture = regtap.record("COUNT32", tmp_path / "x", target="sim", rate="1k", durable=True)
    with pytest.raises(RefusedError, match="No space left on device; make room"):
        capture.start()
    assert os.listdir(tmp_path) == []
    assert {name for name in os.listdir("/dev/shm") if name.startswith(f"regtap-{os.getpid()}-")} <= before


def test_a_journal_that_cannot_be_synced_ends_the_capture_and_keeps_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int) -> None:
        if capture.status().taken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", refuse)
    capture = regtap.record("COUNT32", tmp_path / "x", target="sim", rate="1k", durable="10ms")
    with pytest.raises(StorageError, match="cannot write the journal"), capture:
        assert capture.wait(30)
    trace = regtap.open_trace(tmp_path / "x")
    assert trace.totals is not None
    assert (trace.rows, trace.totals.lost) == (trace.totals.stored, 0)
    assert trace.rows > 0
    assert sorted(os.listdir(tmp_path / "x")) == [part.path.name for part in trace.parts]


def test_what_the_disk_refused_is_in_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: writer.PartWriter, metadata: PartMetadata) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    capture = regtap.record(
        "COUNT32", tmp_path / "x", target="sim", rate="1k", durable="60s", spool_size="1MiB", samples=100
    )
    with monkeypatch.context() as patch, pytest.raises(StorageError, match="the rest is kept"), capture:
        patch.setattr(writer.PartWriter, "_finish", refuse)
        capture.wait()
    assert capture.summary.spool is not None
    os.unlink(capture.summary.spool)  # and then the power went
    result = recover(tmp_path / "x")
    assert (result.rows, result.totals.taken, result.dropped) == (100, 100, ())


def test_a_journal_in_memory_is_said_to_be_useless() -> None:
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as folder,
        regtap.record("COUNT32", f"{folder}/x", target="sim", rate="1k", durable=True, samples=1) as capture,
    ):
        capture.wait()
        capture.close()
        assert any("in memory itself" in warning for warning in capture.summary.warnings)


def test_a_clean_end_leaves_no_journal(tmp_path: Path) -> None:
    with regtap.record(
        "COUNT32", tmp_path / "x", target="sim", rate="1k", durable="10ms", duration=0.1
    ) as capture:
        capture.wait()
    assert os.listdir(tmp_path / "x") == ["part-00000.parquet"]
    durability = capture.summary.durability
    assert durability is not None
    assert durability.syncs > 0
    assert durability.longest_sync_ns <= durability.exposed_ns


def test_the_check_covers_header_and_rest() -> None:
    header = np.zeros(1, dtype=RECORD)
    assert check_of(header, b"a") != check_of(header, b"b")
    header["serial"] = 1
    assert check_of(header, b"a") != check_of(np.zeros(1, dtype=RECORD), b"a")
    header["check"] = 7
    assert check_of(header, b"a") == checksum(
        np.array([(b"", 0, 1, *([0] * 9))], dtype=RECORD).tobytes() + b"a"
    )


def test_a_flight_recorder_has_no_journal() -> None:
    with pytest.raises(InputError, match="choose --durable or --on-full overwrite"):
        RecordOptions(durable_ns=1_000_000_000, on_full="overwrite")
