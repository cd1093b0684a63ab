"""`regtap record --durable` as a process: what is left of it when its memory is gone."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.dataset
import pytest
from tests.command import fork_regtap, kill, recording
from tests.conservation import assert_conserved
from tests.torture.oracle import look_at

import regtap

RECORD = struct.Struct("<8sQQQ")  # magic, identity, serial, synced: journal/layout.py


def serials(folder: Path) -> tuple[int, int]:
    """Return the last record's number, and the last that is said to be on disk."""
    last = synced = 0
    for path in folder.glob("_journal-*"):
        data = path.read_bytes()
        for at in range(0, len(data), 4096):
            magic, _, serial, known = RECORD.unpack_from(data, at)
            if magic == b"REGTAPJR":
                last, synced = max(last, serial), max(synced, known)
    return last, synced


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A durable capture into run1 that has taken samples and still runs."""
    trace = tmp_path / "run1"
    arguments = ["-t", "sim", "COUNT32", "CHECKED", "--durable=100ms", "--rate", "5k", "--spool-size", "1MiB"]
    with recording(trace, *arguments, begun=lambda: serials(trace)[1] >= 3) as process:
        yield process


def kill_and_forget(process: subprocess.Popen[bytes], folder: Path) -> None:
    """What a power loss takes: the process, and the memory."""
    kill(process)
    Path(json.loads((folder / "_spool").read_text())["spool"]).unlink()


def test_without_its_spool_a_trace_is_whole_up_to_the_last_sync(
    recorder: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "run1"
    spool = Path(json.loads((folder / "_spool").read_text())["spool"])
    last, _ = serials(folder)
    promised = look_at(spool.read_bytes()).end
    while serials(folder)[1] < last + 6:  # a turn writes three records at most: one has begun and ended since
        assert recorder.poll() is None
        time.sleep(0.02)
    kill_and_forget(recorder, folder)
    done = fork_regtap("recover", "run1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr

    trace = regtap.open_trace(folder)
    assert_conserved(trace)
    assert trace.totals is not None
    assert trace.totals.due is not None
    assert trace.totals.due >= promised > 0
    assert trace.totals.lost == 0
    assert os.listdir(folder) == ["part-00000.parquet"]

    again = fork_regtap("recover", "run1", cwd=tmp_path)

    assert (again.returncode, "nothing to recover" in again.stdout) == (0, True)


def test_the_spool_is_used_where_it_is_still_there(recorder: subprocess.Popen[bytes], tmp_path: Path) -> None:
    kill(recorder)
    spool = Path(json.loads((tmp_path / "run1" / "_spool").read_text())["spool"])
    end = look_at(spool.read_bytes()).end
    assert fork_regtap("recover", "run1", cwd=tmp_path).returncode == 0

    trace = regtap.open_trace(tmp_path / "run1")
    assert trace.totals is not None
    assert trace.totals.due == end
    assert os.listdir(tmp_path / "run1") == ["part-00000.parquet"]
    assert not spool.exists()


def test_a_folder_that_was_copied_elsewhere_is_completed_there(
    recorder: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    kill_and_forget(recorder, tmp_path / "run1")
    subprocess.run(["cp", "-r", "run1", "copy"], cwd=tmp_path, check=True)

    assert fork_regtap("recover", "copy", cwd=tmp_path).returncode == 0
    assert regtap.open_trace(tmp_path / "copy").rows > 0


def test_no_reader_of_folders_takes_the_journal_for_a_part(
    recorder: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    assert (tmp_path / "run1" / "_journal-00").exists()
    assert pyarrow.dataset.dataset(tmp_path / "run1").files == []


def test_the_summary_says_what_a_power_loss_would_have_cost(tmp_path: Path) -> None:
    # a register may follow the option: its value comes after = only
    arguments = ["--rate", "1k", "--durable", "COUNT32", "-o", "r", "--samples", "50"]
    done = fork_regtap("record", "-t", "sim", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr

    (line,) = [line for line in done.stdout.splitlines() if "durable" in line]
    assert line.startswith("r: durable by ")
    assert "at most the last" in line


@pytest.mark.parametrize("option", ["--durable", "--durable="])
def test_without_a_time_it_syncs_every_second(tmp_path: Path, option: str) -> None:
    done = fork_regtap(*f"record -t sim {option} COUNT32 -o r --samples 50 --json".split(), cwd=tmp_path)
    assert json.loads(done.stdout)["durability"]["interval_ns"] == 1_000_000_000


def test_help_does_not_say_that_it_is_on_by_default(tmp_path: Path) -> None:
    said = " ".join(fork_regtap("record", "--help", cwd=tmp_path).stdout.split())
    assert "without TIME: every second. --" in said


def test_json_has_the_same(tmp_path: Path) -> None:
    options = ["--durable=20ms", "-o", "r", "--duration", "200ms", "--rate", "1k", "--json"]
    done = fork_regtap("record", "-t", "sim", "COUNT32", *options, cwd=tmp_path)

    durability = json.loads(done.stdout)["durability"]
    assert durability["interval_ns"] == 20_000_000
    assert durability["syncs"] > 0
    assert durability["exposed_ns"] >= durability["longest_sync_ns"] > 0


@pytest.mark.parametrize("interval", ["1ms", "2min", "often", "5"])
def test_an_interval_that_makes_no_sense_is_refused(tmp_path: Path, interval: str) -> None:
    done = fork_regtap("record", "-t", "sim", "COUNT32", f"--durable={interval}", "-o", "r", cwd=tmp_path)

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "r").exists()
