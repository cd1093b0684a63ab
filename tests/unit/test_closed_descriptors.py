"""Descriptors that somebody else in the program has closed: the error says where, and what recovers the rest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import regtap
from regtap.errors import StorageError
from regtap.recovery.complete import recover


def own_descriptors(before: set[int]) -> list[int]:
    """Return the descriptors that were opened since."""
    return sorted(set(map(int, os.listdir("/proc/self/fd"))) - before)


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    "options", [{}, {"durable": True}, {"on_full": "overwrite"}], ids=["plain", "durable", "flight"]
)
def test_each_closed_descriptor_is_a_storage_error_or_nothing(
    tmp_path: Path, options: dict[str, object]
) -> None:
    """One of them at a time: the folder's, the spool's, the journal's, the device's, the socket's of marks."""
    tried = 0
    while True:
        before = set(map(int, os.listdir("/proc/self/fd")))
        output = tmp_path / f"run{tried}"
        capture = regtap.record(["COUNT32"], output, target="sim", rate="2k", **options)  # type: ignore[arg-type]
        capture.start()
        capture.wait_for_first_row()
        opened = [fd for fd in own_descriptors(before) if is_open(fd)]
        if tried < len(opened):
            os.close(opened[tried])
        capture.close()

        fault = capture.summary.fault
        if fault is not None:
            with pytest.raises(StorageError, match=f"regtap recover {output}"):
                capture.raise_fault()
            assert capture.summary.spool is not None
            recover(output)
        trace = regtap.open_trace(output)
        assert not trace.unfinished
        assert trace.rows > 0
        assert trace.totals is not None
        assert trace.totals.lost == trace.totals.overwritten
        if tried >= len(opened):
            break
        tried += 1
    assert tried >= 4


def test_a_snapshot_that_the_disk_refuses_is_a_storage_error(tmp_path: Path) -> None:
    output = tmp_path / "run"
    capture = regtap.record(["COUNT32"], output, target="sim", rate="2k", on_full="overwrite")
    capture.start()
    capture.wait_for_first_row()
    os.close(capture._begun().resources.folder.fd)

    asked = [capture.snapshot(), capture.snapshot()]
    capture.close()

    for snapshot in asked:
        error = snapshot.exception(60)
        assert isinstance(error, StorageError)
        assert f"regtap recover {output}" in str(error)
    recover(output)
