"""What is read back of a journal that a power loss cut off, or that is damaged, mixed up or of another version."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.journals import HandJournal, filled, flip, records_of
from tests.spools import SpoolImage, assert_truth, template_of

import regtap
from regtap.errors import TraceError
from regtap.journal import segments
from regtap.journal.layout import RECORD, SEGMENT, check_of
from regtap.journal.replay import JournalReader, segment_paths
from regtap.recovery.complete import recover


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
        with JournalReader(self._after, self.released) as spool:
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
        patch.setattr("regtap.recovery.complete._totals_of", lambda parts: None)
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


def test_a_head_with_a_wrong_length_and_a_right_check_is_refused(run: Path) -> None:
    with HandJournal(filled(), run) as journal:
        journal.turn()
    for path in segment_paths(run):
        data = np.fromfile(path, dtype=np.uint8)
        head = data[: SEGMENT.itemsize].view(SEGMENT)
        head["base_bytes"] -= 8
        head["check"] = check_of(head, data[SEGMENT.itemsize :][: int(head["base_bytes"][0])])
        data.tofile(path)
    with pytest.raises(TraceError, match="no file of its journal can be read"):
        recover(run)


def test_a_newer_version_asks_for_an_upgrade(run: Path) -> None:
    with HandJournal(filled(), run) as journal:
        journal.turn()
    flip(run / "_journal-00", 8)
    with pytest.raises(TraceError, match="upgrade"):
        recover(run)


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


def damage_within_a_block(run: Path, *, blocks_after: int) -> None:
    """Leave a journal whose first block came in several records, of which one is damaged."""
    image = SpoolImage()
    image.open_block()
    with HandJournal(image, run) as journal:
        for _ in range(4):
            image.add_rows(5)
            journal.turn()
        if blocks_after:
            image.seal()
            for _ in range(blocks_after):
                image.full_block(10)
            journal.turn()
    flip(run / "_journal-00", records_of(run / "_journal-00")[2] + 100)


def test_a_record_lost_within_a_block_ends_the_block(run: Path) -> None:
    damage_within_a_block(run, blocks_after=2)
    result = recover(run)

    assert result.dropped == ("block 0: a record of the journal is damaged",)
    assert (result.rows, result.totals.lost) == (5 + 20, 15)
    assert_truth(run, 40)


def test_a_damaged_journal_stays_however_often_it_is_recovered(run: Path) -> None:
    damage_within_a_block(run, blocks_after=0)
    result = recover(run)
    assert result.dropped == ("block 0: a record of the journal is damaged",)

    for again in (result, recover(run), recover(run)):
        assert (again.spool, len(segment_paths(run))) == (str(run / "_journal-*"), segments.COUNT)

    assert regtap.open_trace(run).gaps == ()  # the damaged block is the last one: nothing else tells of it


def test_records_after_a_missing_unsynced_one_are_ignored(run: Path) -> None:
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
