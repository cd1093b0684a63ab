"""What a capture does when its folder, its spool, the disk or the room in memory goes away."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.command import fork_regtap, start_regtap
from tests.conservation import assert_conserved

import regtap
from regtap import _native
from regtap.errors import RefusedError, StorageError
from regtap.parts.file import PartFile
from regtap.recovery.complete import recover
from regtap.spool.size import free_size_bytes
from regtap.targets.file import FileTarget

RECORD = ["record", "-t", "file:device", "a=0", "-o", "run", "--spool-size", "1MiB"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "device").write_bytes(bytes(range(64)))
    return tmp_path


def spool_of(process: subprocess.Popen[str]) -> Path:
    (spool,) = Path("/dev/shm").glob(f"regtap-{process.pid}-*")
    return spool


def record_and(
    meanwhile: Callable[[subprocess.Popen[str]], object], place: Path, *, ends_by_itself: bool
) -> tuple[int, str, str]:
    """Record, let something happen when the first part is finished; end it by Ctrl-C unless it ends by itself."""
    with start_regtap(*RECORD, cwd=place) as process:
        try:
            deadline = time.monotonic() + 60
            while not (place / "run" / "part-00000.parquet").exists():
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.01)
            meanwhile(process)
            if not ends_by_itself:
                time.sleep(0.3)
                process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        except BaseException:
            process.kill()
            raise
    return process.returncode, out, err


def remove(folder: Path) -> None:
    """Remove a folder into which somebody goes on writing."""
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def numbers(out: str) -> list[int]:
    return [
        int(text.replace(",", ""))
        for text in re.findall(r"\d[\d,]*", out.splitlines()[-1].partition(": ")[2])
    ]


def test_the_rest_of_a_removed_folder_can_be_had_in_a_new_one(place: Path) -> None:
    status, _, err = record_and(lambda _: remove(place / "run"), place, ends_by_itself=True)
    assert status == 4, err
    command = re.search(r"`regtap (recover \S+ -o run)` makes a new one", err)
    assert command, err

    spool = Path(command[1].split()[1])

    try:
        done = fork_regtap(*command[1].split(), cwd=place)
        assert done.returncode == 1, done.stderr  # the parts that were removed are gone
        assert "they are in parts that are not here" in done.stderr
        assert_conserved(regtap.open_trace(place / "run"))
    finally:
        spool.unlink()


def test_a_renamed_folder_is_no_fault(place: Path) -> None:
    status, out, err = record_and(
        lambda _: (place / "run").rename(place / "moved"), place, ends_by_itself=False
    )
    assert status == 0, err

    trace = regtap.open_trace(place / "moved")
    assert_conserved(trace)
    assert trace.rows == numbers(out)[0]
    assert not (place / "moved" / "_spool").exists()


def test_a_removed_spool_is_no_fault_while_the_disk_serves(place: Path) -> None:
    status, _, err = record_and(lambda process: spool_of(process).unlink(), place, ends_by_itself=False)
    assert (status, err.count("error")) == (0, 0), err
    assert_conserved(regtap.open_trace(place / "run"))


def test_without_spool_and_folder_the_rest_is_counted_as_lost(place: Path) -> None:
    def both(process: subprocess.Popen[str]) -> None:
        spool_of(process).unlink()
        remove(place / "run")

    status, out, err = record_and(both, place, ends_by_itself=True)
    assert status == 4
    assert "the rest is lost" in err.splitlines()[-1]
    taken, stored, lost = numbers(out)
    assert taken == stored + lost
    assert lost > 0


def test_a_file_in_the_way_of_a_part_is_not_overwritten(place: Path) -> None:
    def lay(process: subprocess.Popen[str]) -> None:
        os.kill(process.pid, signal.SIGSTOP)
        for number in range(1, 2000):
            path = place / "run" / f"part-{number:05d}.parquet"
            if not path.exists():
                path.write_text("mine")
        os.kill(process.pid, signal.SIGCONT)

    status, out, err = record_and(lay, place, ends_by_itself=True)
    assert status == 4, err
    assert re.search(r"run/part-\d{5}.parquet: File exists; .* mend that, then `regtap recover run`$", err)
    mine = [path for path in (place / "run").glob("*.parquet") if path.read_bytes() == b"mine"]
    assert (place / "run" / "part-01999.parquet") in mine
    taken, stored, lost, kept, *_ = numbers(out)
    assert taken == stored + lost + kept
    spool = re.search(r"kept in (\S+)", out)
    assert spool
    Path(spool[1]).unlink()
    rows = sum(
        regtap.trace.parts.read_part(p).rows for p in (place / "run").glob("*.parquet") if p not in mine
    )
    assert rows >= stored


def in_a_namespace(script: str, place: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell script that may mount what it likes, for nobody else to see."""
    prefix = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip(
            "this user may not mount; what a full disk does is also tried by tests/torture/test_faults.py"
        )
    return subprocess.run(
        [*prefix, "bash", "-euc", script], cwd=place, capture_output=True, text=True, timeout=120, check=False
    )


FULL = """
mkdir disk; mount -t tmpfs -o size=500k none disk
regtap() { "$PYTHON" -m regtap "$@"; }
regtap record -t file:device a=0 -o disk/run --spool-size 2MiB --duration 20s > said 2> error && exit 90 || test $? = 4
for part in disk/run/*.parquet; do sha256sum $part; done > before
mount -o remount,size=100m disk
regtap recover disk/run > recovered
sha256sum --quiet --check before
cp -r disk/run run
"""


def test_recover_completes_a_capture_that_a_full_disk_ended(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON", sys.executable)
    done = in_a_namespace(FULL, place)
    assert done.returncode == 0, done.stderr + (place / "error").read_text()
    assert "No space left on device" in (place / "error").read_text().splitlines()[-1]

    taken, stored, _, kept, *_ = numbers((place / "said").read_text())
    assert stored > 0
    assert kept > 0

    trace = regtap.open_trace(place / "run")
    assert_conserved(trace)
    assert trace.rows == taken


SMALL = """
mount -t tmpfs -o size=$SIZE none /dev/shm
set +e
"$PYTHON" -m regtap record -t file:device a=0 -o run --samples 50000 $OPTIONS > said 2> error
echo $? > status
ls /dev/shm > left
"""


@pytest.mark.parametrize(
    ("size", "options", "status", "says"),
    [
        ("4m", "", 0, "stored 50,000"),  # a quarter of it will do
        ("1280k", "", 0, "stored 50,000"),  # the least of which it does
        ("1276k", "", 3, "/dev/shm has no room for a spool of 320 KiB"),
        ("4m", "--spool-size 64MiB", 3, "/dev/shm has no room for a spool of 64 MiB"),
        ("64k", "", 3, "/dev/shm has no room for a spool"),
    ],
)
def test_a_small_shm(
    place: Path, size: str, options: str, status: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"SIZE": size, "OPTIONS": options, "PYTHON": sys.executable}.items():
        monkeypatch.setenv(name, value)
    done = in_a_namespace(SMALL, place)
    assert done.returncode == 0, done.stderr

    said = (place / "said").read_text() + (place / "error").read_text()

    assert int((place / "status").read_text()) == status, said
    assert says in said
    assert (place / "left").read_text() == ""
    assert (place / "run").exists() == (status == 0)


def test_a_full_shm_is_refused_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    status = os.statvfs("/dev/shm")
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((*status[:4], 0, *status[5:])))
    with pytest.raises(RefusedError, match="/dev/shm has no room for a spool"):
        free_size_bytes(None)


@pytest.mark.parametrize("limit_kib", [200_000, 350_000, 500_000, 700_000])
def test_little_address_space_records_or_is_refused(place: Path, limit_kib: int) -> None:
    """Which of both depends on what libraries and the allocator map; a traceback, or something left, is neither."""
    (place / "device").write_bytes(bytes(4096))
    before = set(Path("/dev/shm").glob("regtap-*"))
    command = f"{sys.executable} -m regtap record -t file:device a=0 --samples 200 --rate 1k -o run"

    done = subprocess.run(
        ["bash", "-c", f"ulimit -v {limit_kib}; echo $$; exec {command}"],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode in (0, 3), done.stderr
    assert "Traceback" not in done.stderr
    assert (place / "run").exists() == (done.returncode == 0)
    pid = done.stdout.split()[0]
    assert not {path for path in set(Path("/dev/shm").glob("regtap-*")) - before if f"-{pid}-" in path.name}


@pytest.mark.parametrize("refused", ["regtap-closer_0", "regtap-writer", "regtap-watcher", "regtap-marks"])
def test_without_its_threads_nothing_is_begun(
    place: Path, refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == refused:
            raise RuntimeError("can't start new thread")
        original(thread)

    before = set(Path("/dev/shm").glob(f"regtap-{os.getpid()}-*"))
    monkeypatch.setattr(threading.Thread, "start", start)
    capture = regtap.record(["0"], place / "run", target=f"file:{place / 'device'}", rate="1k")
    with pytest.raises(RefusedError, match="no more threads"):
        capture.start()
    assert not (place / "run").exists()
    assert set(Path("/dev/shm").glob(f"regtap-{os.getpid()}-*")) == before


def test_without_the_native_thread_nothing_is_begun(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    before = set(Path("/dev/shm").glob(f"regtap-{os.getpid()}-*"))
    monkeypatch.setattr(_native.Sampler, "start", refuse)
    capture = regtap.record(["0"], place / "run", target=f"file:{place / 'device'}", rate="1k", durable=True)
    with pytest.raises(RefusedError, match="no more threads"):
        capture.start()
    capture.close()
    assert not (place / "run").exists()
    assert set(Path("/dev/shm").glob(f"regtap-{os.getpid()}-*")) == before


def test_a_writer_without_memory_is_a_full_disk_to_the_user(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(PartFile, "write", refuse)
    capture = regtap.record(["0"], place / "run", target=f"file:{place / 'device'}", samples=100)
    with pytest.raises(StorageError, match="Cannot allocate memory; the rest is kept"), capture:
        capture.wait()
    monkeypatch.undo()
    assert recover(place / "run").totals.taken == 100


@pytest.mark.parametrize(("last", "is_told"), [(0xFFFFFFFF, True), (0xFFFFFFFE, False)])
def test_a_device_that_ends_with_all_ones_is_told(
    place: Path, last: int, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileTarget, "is_device", True)
    (place / "device").write_bytes(np.array([last, 0xFFFFFFFF], dtype="<u4").tobytes())
    capture: Any = regtap.record(["0", "4:u8"], place / "run", target=f"file:{place / 'device'}", samples=100)

    with capture:
        capture.wait()

    assert any("all ones" in warning for warning in capture.summary.warnings) == is_told
