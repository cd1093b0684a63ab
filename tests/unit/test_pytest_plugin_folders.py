"""Where traces of tests lie: names that fit every file system, and runs that make room for newer ones."""

from __future__ import annotations

import fcntl
import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regtap.journal.layout import segment_name
from regtap.pytest_plugin import _folders


def make_runs(base: Path, count: int) -> list[Path]:
    runs = [base / f"20260101-00000{number}-77" for number in range(count)]
    for run in runs:
        (run / "test_a").mkdir(parents=True)
    return runs


def names(base: Path) -> list[str]:
    return sorted(path.name for path in base.iterdir())


@given(st.text(max_size=300))
def test_any_node_id_makes_one_short_visible_name(nodeid: str) -> None:
    name = _folders._safe_name(nodeid)
    assert re.fullmatch(r"[A-Za-z0-9_=][A-Za-z0-9_.=-]*", name)
    assert len(name) <= 120


def test_a_node_id_stays_readable() -> None:
    name = _folders._safe_name("tests/test_uart.py::TestFifo::test_level[8 N/1]")
    assert name == "tests-test_uart.py-TestFifo-test_level-8-N-1"


def test_the_last_runs_stay(tmp_path: Path) -> None:
    runs = make_runs(tmp_path, 5)
    _folders._remove_old_runs(tmp_path, 2)
    assert names(tmp_path) == [run.name for run in runs[3:]]


def test_what_is_no_run_stays(tmp_path: Path) -> None:
    make_runs(tmp_path, 2)
    (tmp_path / "0-mine").mkdir()
    _folders._remove_old_runs(tmp_path, 1)

    assert names(tmp_path) == ["0-mine", "20260101-000001-77"]


def test_a_run_that_still_goes_on_stays(tmp_path: Path) -> None:
    runs = make_runs(tmp_path, 3)
    fd = _folders._lock(runs[0], fcntl.LOCK_SH)
    _folders._remove_old_runs(tmp_path, 1)
    os.close(fd)

    assert names(tmp_path) == [runs[0].name, runs[2].name]


@pytest.mark.parametrize("spool_exists", [True, False])
def test_a_run_stays_while_samples_of_it_can_be_recovered(tmp_path: Path, spool_exists: bool) -> None:
    runs = make_runs(tmp_path / "traces", 2)
    spool = tmp_path / "spool"
    (runs[0] / "test_a" / "_spool").write_text(json.dumps({"spool": str(spool)}))
    if spool_exists:
        spool.touch()
    _folders._remove_old_runs(tmp_path / "traces", 1)

    assert runs[0].exists() is spool_exists


def test_a_run_stays_while_a_journal_of_it_can_be_recovered(tmp_path: Path) -> None:
    runs = make_runs(tmp_path, 3)
    trace = runs[0] / "test_a"
    (trace / "_spool").write_text(json.dumps({"spool": "/dev/shm/gone with the power"}))
    (trace / segment_name(0)).touch()
    (runs[1] / "test_a" / "_spool").write_text(json.dumps({"spool": "/dev/shm/gone with the power"}))
    _folders._remove_old_runs(tmp_path, 1)

    assert names(tmp_path) == [runs[0].name, runs[2].name]
