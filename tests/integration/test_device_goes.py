"""Captures whose device, or whose output, goes away meanwhile: the trace and the last lines say it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from tests.command import REGTAP, fork_regtap, start_regtap

import regtap

ENDED = "sim has ended: its process is gone, and its registers stand still"


def _child_of(pid: int) -> int:
    """Return the simulated device's process."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if b"run_simulator" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    raise AssertionError("there is no simulated device")


def test_a_simulated_device_that_is_killed_is_seen(tmp_path: Path) -> None:
    with regtap.record(["COUNT32"], tmp_path / "run", target="sim", rate="1k") as capture:
        capture.wait_for_first_row()
        device = _child_of(os.getpid())
        os.kill(device, signal.SIGKILL)
        while Path(f"/proc/{device}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            pass

    assert [note for note in capture.summary.warnings if note.startswith(ENDED)]
    assert [mark.text for mark in capture.trace().marks] == [f"device: {ENDED}"]


def test_a_simulated_device_that_lives_is_no_news(tmp_path: Path) -> None:
    with regtap.record(["COUNT32"], tmp_path / "run", target="sim", rate="1k", samples=50) as capture:
        capture.wait()

    assert capture.trace().marks == ()
    assert not [note for note in capture.summary.warnings if "seen" in note]


def test_info_and_the_last_lines_say_that_a_played_device_ended(tmp_path: Path) -> None:
    with start_regtap("sim", "device", cwd=tmp_path) as player:
        assert player.stdout is not None
        player.stdout.readline()
        arguments = ["record", "-t", "sim:device", "COUNT32", "--rate", "1k", "-o", "run"]
        with start_regtap(
            *arguments,
            "--",
            "sh",
            "-c",
            "kill $PLAYER; while [ -e device ]; do :; done",
            cwd=tmp_path,
            env={**os.environ, "PLAYER": str(player.pid)},
        ) as process:
            _, err = process.communicate(timeout=120)

    assert process.returncode == 0
    assert "regtap: note: sim:device has ended: its process is gone" in err
    marks = json.loads(fork_regtap("info", "--json", "run", cwd=tmp_path).stdout)["marks"]
    assert [mark["text"] for mark in marks] == [
        "device: sim:device has ended: its process is gone, and its registers stand still"
    ]


def test_an_output_that_was_moved_is_said_and_complete(tmp_path: Path) -> None:
    with regtap.record(["COUNT32"], tmp_path / "run", target="sim", rate="1k") as capture:
        capture.wait_for_first_row()
        (tmp_path / "run").rename(tmp_path / "moved")

    assert capture.summary.fault is None
    assert f"was moved to {tmp_path / 'moved'} meanwhile" in " ".join(capture.summary.warnings)
    assert regtap.open_trace(tmp_path / "moved").rows == capture.summary.totals.stored


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount; CI runs this as root")
def test_an_output_that_is_unmounted_lazily_is_a_fault(tmp_path: Path) -> None:
    script = """
mount -t tmpfs none disk
"$@" record -t sim COUNT32 --rate 1k --samples 300 -o disk/run -- umount -l disk
"""
    (tmp_path / "disk").mkdir()

    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *REGTAP],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 4, done.stderr
    assert "disk/run is gone" in done.stderr
