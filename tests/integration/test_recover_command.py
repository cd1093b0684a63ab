"""`regtap recover` as a process: what it completes, prints and returns."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.command import fork_regtap, kill, recording
from tests.conservation import assert_conserved
from tests.spools import SpoolImage, leave_behind

import regtap
from regtap.spool.reader import SpoolReader

NOBODY = pwd.getpwnam("nobody")


def samples_in_spool(folder: Path) -> int:
    try:
        with SpoolReader(json.loads((folder / "_spool").read_text())["spool"]) as spool:
            return sum(spool.head(sequence).rows for sequence in range(spool.header.opened))
    except (OSError, ValueError):
        return 0


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A capture into run1 that has taken samples and still runs."""
    trace = tmp_path / "run1"
    arguments = ["-t", "sim", "COUNT32", "--spool-size", "2MiB", "--rate", "20k"]
    with recording(trace, *arguments, begun=lambda: samples_in_spool(trace) >= 100) as process:
        yield process


def test_a_killed_capture_is_completed_and_its_memory_given_back(
    recorder: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    kill(recorder)
    spool = json.loads((tmp_path / "run1" / "_spool").read_text())["spool"]
    done = fork_regtap("recover", "run1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr

    trace = regtap.open_trace(tmp_path / "run1")
    assert trace.rows > 0
    assert f"recovered {trace.rows:,} samples in 1 part" in done.stdout
    assert done.stdout.rstrip().endswith("missed 0") or trace.totals.missed  # type: ignore[union-attr]
    assert not trace.unfinished
    assert_conserved(trace)
    assert not os.path.exists(spool)


def test_a_second_run_says_that_there_is_nothing_to_do(
    recorder: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    kill(recorder)
    fork_regtap("recover", "run1", cwd=tmp_path)

    done = fork_regtap("recover", "run1", "--json", cwd=tmp_path)

    assert done.returncode == 0
    assert (json.loads(done.stdout)["rows"], json.loads(done.stdout)["parts"]) == (0, 0)


def test_a_spool_goes_into_no_capture_that_took_its_place(
    recorder: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    kill(recorder)
    old = json.loads((tmp_path / "run1" / "_spool").read_text())["spool"]
    (tmp_path / "run1").rename(tmp_path / "run0")
    trace = tmp_path / "run1"
    arguments = ["-t", "sim", "COUNT32", "--spool-size", "2MiB", "--rate", "20k", "--durable"]

    with recording(trace, *arguments, begun=lambda: samples_in_spool(trace) >= 100) as process:
        before = sorted(os.listdir(trace))
        done = fork_regtap("recover", old, cwd=tmp_path)
        assert done.returncode == 2
        assert "is the trace of another spool" in done.stderr
        assert sorted(os.listdir(trace)) == before
        process.terminate()
        assert process.wait(30) == 0

    assert fork_regtap("recover", "run0", cwd=tmp_path).returncode == 0
    assert_conserved(regtap.open_trace(tmp_path / "run0"))


def test_a_running_capture_is_left_alone(recorder: subprocess.Popen[bytes], tmp_path: Path) -> None:
    done = fork_regtap("recover", "run1", cwd=tmp_path)
    assert done.returncode == 3
    assert "in use" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    recorder.terminate()

    assert recorder.wait(60) == 0
    assert_conserved(regtap.open_trace(tmp_path / "run1"))


def test_list_tells_running_from_cut_off(recorder: subprocess.Popen[bytes], tmp_path: Path) -> None:
    def mine() -> dict[str, object]:
        (found,) = [
            entry
            for entry in json.loads(fork_regtap("recover", "--list", "--json", cwd=tmp_path).stdout)
            if entry["trace"] == str(tmp_path / "run1")
        ]
        return dict(found)

    assert mine()["state"] == "recording"
    kill(recorder)
    left = mine()
    assert left["state"] == "cut off"
    assert left["memory_bytes"] == 2 << 20
    assert isinstance(left["samples"], int)
    assert left["samples"] > 0
    assert str(left["spool"]) in fork_regtap("recover", "--list", cwd=tmp_path).stdout


def test_list_leaves_out_what_is_no_spool(tmp_path: Path) -> None:
    with tempfile.NamedTemporaryFile(prefix="regtap-", dir="/dev/shm") as file:
        listed = json.loads(fork_regtap("recover", "--list", "--json", cwd=tmp_path).stdout)
        assert file.name not in [entry["spool"] for entry in listed]


def test_info_names_the_command_that_completes_a_trace(tmp_path: Path) -> None:
    image = SpoolImage()
    image.full_block(5)
    leave_behind(image, tmp_path / "run1", tmp_path / "spool")

    done = fork_regtap("info", "run1", cwd=tmp_path)

    assert done.returncode == 2
    assert "`regtap recover run1`" in done.stderr


def test_a_damaged_block_is_told_and_is_exit_code_1(tmp_path: Path) -> None:
    image = SpoolImage()
    for _ in range(3):
        image.full_block(5)
    image.block(1)["magic"] = b"?"
    leave_behind(image, tmp_path / "run1", tmp_path / "spool")

    done = fork_regtap("recover", "run1", cwd=tmp_path)

    assert done.returncode == 1
    assert done.stderr.startswith("regtap: note: dropped block 1: ")
    assert done.stdout.splitlines()[-1].endswith("taken 15 = stored 10 + lost 5")


def test_a_copied_spool_becomes_a_trace(tmp_path: Path) -> None:
    image = SpoolImage(trace="/on/the/board/run1")
    image.full_block(5)
    image.save(tmp_path / "spool")
    assert "name a folder with -o" in fork_regtap("recover", "spool", cwd=tmp_path).stderr

    done = fork_regtap("recover", "spool", "-o", "run1", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert regtap.open_trace(tmp_path / "run1").rows == 5
    assert (tmp_path / "spool").exists()


BAD = {
    "nothing": [],
    "neither": ["nowhere"],
    "no spool": ["file"],
    "no trace": ["."],
    "output of a trace": [".", "-o", "other"],
    "list of one": ["--list", "."],
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(tmp_path: Path, case: str) -> None:
    (tmp_path / "file").write_text("something else")
    done = fork_regtap("recover", *BAD[case], cwd=tmp_path)

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("regtap: error: ")
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another; CI runs as root")
def test_root_completes_a_users_trace_as_that_user(shared: Path) -> None:
    image = SpoolImage()
    image.full_block(5)
    leave_behind(image, shared / "run1", shared / "spool")
    for path in (shared / "run1", shared / "run1" / "_spool", shared / "spool"):
        os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
    (shared / "spool").chmod(0o600)

    done = fork_regtap("recover", "run1", cwd=shared)

    assert done.returncode == 0, done.stderr
    assert (shared / "run1" / "part-00000.parquet").stat().st_uid == NOBODY.pw_uid
