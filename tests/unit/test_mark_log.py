"""Marks in the spool: a recovery adds those that no finished part has, once."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spools import SpoolImage

import regtap
from regtap.recording import writer
from regtap.recovery.complete import recover
from regtap.spool import mark_log
from regtap.spool.header import Header
from regtap.spool.mark_log import AREA_BYTES, MarkLog, mark_areas, read_marks
from regtap.spool.reader import SpoolReader
from regtap.trace.metadata import Mark
from regtap.trace.ranges import LARGEST

PATIENCE_S = 120.0
MARKS = st.builds(Mark, st.integers(-LARGEST, LARGEST), st.text(max_size=40))


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> Header:
    path = tmp_path_factory.mktemp("spool") / "spool"
    SpoolImage().save(path)
    with SpoolReader(str(path)) as spool:
        return spool.header


class _File:
    """A spool's file of which only the marks matter."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("marks")

    def read(self, offset: int, size: int) -> bytes | None:
        data = os.pread(self.fd, size, offset)
        return data if len(data) == size else None


@given(steps=st.lists(MARKS | st.sampled_from(["turn", "clear"]), max_size=40))
def test_a_log_holds_the_marks_that_no_durable_part_has(header: Header, steps: list[Mark | str]) -> None:
    file = _File()
    log = MarkLog(file.fd, header)
    open_part: list[Mark] = []
    closing: list[Mark] = []

    for step in steps:
        if isinstance(step, Mark):
            log.add(step)
            open_part.append(step)
        elif step == "turn" and not closing:  # the writer waits for the part before
            log.turn()
            closing, open_part = open_part, []
        elif step == "clear":
            log.clear()
            closing = []

    assert list(read_marks(file.read, header)) == [*closing, *open_part]
    os.close(file.fd)


@pytest.mark.parametrize("at", [0, 4, 8, 16, 24])
def test_a_damaged_entry_ends_the_log_and_nothing_else(header: Header, at: int) -> None:
    file = _File()
    log = MarkLog(file.fd, header)
    for text in ("first", "second", "third"):
        log.add(Mark(1, text))
    second = mark_areas(header)[0] + 32
    os.pwrite(file.fd, b"\xff", second + at)

    assert [mark.text for mark in read_marks(file.read, header)] == ["first"]
    os.close(file.fd)


def test_a_hostile_log_is_bounded(header: Header, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _File()
    log = MarkLog(file.fd, header)
    for number in range(20):
        log.add(Mark(number, "x" * 10))
    monkeypatch.setattr(mark_log, "MOST_MARKS", 10)
    assert len(read_marks(file.read, header)) == 10

    monkeypatch.setattr(mark_log, "MOST_MARK_LETTERS", 55)
    assert len(read_marks(file.read, header)) == 5
    os.close(file.fd)


def test_a_mark_that_does_not_fit_is_left_out(header: Header) -> None:
    file = _File()
    log = MarkLog(file.fd, header)
    os.ftruncate(file.fd, mark_areas(header)[0] + AREA_BYTES)
    log.add(Mark(1, "kept"))
    os.close(file.fd)

    log.add(Mark(2, "refused"))  # whatever the kernel says


def wait_for(what: Callable[[], bool]) -> None:
    latest_s = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < latest_s
        time.sleep(0.005)


def copied(capture: regtap.Capture, to: Path) -> Path:
    """Return a copy of a running capture's spool: what a kill at this moment would leave."""
    return Path(shutil.copy(capture._begun().resources.loop.spool.path, to))


def test_marks_of_hits_survive_a_kill(tmp_path: Path) -> None:
    around: dict[str, Any] = {"trigger": "GPIO changes", "pre": 0.01, "post": 600.0}
    with regtap.record(["GPIO"], tmp_path / "run", target="sim", rate="1k", **around) as capture:
        wait_for(lambda: len(capture._begun().writer.stored.marks) >= 3)
        told = list(capture._begun().writer.stored.marks)
        spool = copied(capture, tmp_path / "spool")

    recovered = recover(spool, tmp_path / "recovered")

    assert not recovered.dropped
    trace = regtap.open_trace(tmp_path / "recovered")
    assert list(trace.marks[: len(told)]) == told
    assert {mark.text for mark in trace.marks} == {"trigger: GPIO changes"}
    rows = trace.to_arrow().to_pydict()
    changes = [
        t
        for t, now, before in zip(rows["t_ns"][1:], rows["GPIO"][1:], rows["GPIO"], strict=False)
        if now != before
    ]
    error_ns = trace.error_bound_ns + capture.summary.clock.error_bound_ns  # each clock has its own readings
    assert [mark.t_ns for mark in told] == pytest.approx(changes[: len(told)], abs=error_ns)


def test_marks_before_and_after_a_part_are_recovered_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PART_MARKS", 3)
    monkeypatch.setattr(writer, "ROW_GROUP_ROWS", 1)
    monkeypatch.setattr("regtap.recording.options._SEAL_SHARE_NS", 32 * 500_000_000)  # a block each 500 ms
    with regtap.record(["COUNT32"], tmp_path / "run", target="sim", rate="1k", spool_size="1MiB") as capture:
        for number in range(3):
            capture.mark(f"part {number}")
        wait_for(lambda: capture._begun().writer.stored.parts > 0)
        capture.mark("later")
        spool = copied(capture, tmp_path / "spool")
        folder = shutil.copytree(tmp_path / "run", tmp_path / "killed")

    recover(spool, folder)

    assert [mark.text for mark in regtap.open_trace(folder).marks] == ["part 0", "part 1", "part 2", "later"]


def test_marks_that_a_part_took_over_just_before_are_not_doubled(tmp_path: Path) -> None:
    with regtap.record(["COUNT32"], tmp_path / "run", target="sim", rate="1k") as capture:
        capture.mark("again")
        capture.mark("again")
        capture._begun().writer.stored.log.clear = lambda: None  # type: ignore[method-assign]
        spool = copied(capture, tmp_path / "spool")
    (tmp_path / "other").mkdir()
    part = tmp_path / "run" / "part-00000.parquet"
    with SpoolReader(str(spool)) as left:
        finished = regtap.open_trace(part.parent).parts
        from regtap.recovery.plan import plan_recovery
        from regtap.spool.document import parse_document

        template = parse_document(left.document, str(spool)).template
        assert len(left.marks()) == 2
        assert plan_recovery(left, template, finished).marks == ()
        assert len(plan_recovery(left, template, ()).marks) == 2
