"""Where pyarrow and matplotlib cannot be imported, as on boards that have no wheels of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.spools import SpoolImage, leave_behind

ABSENT = """
import importlib.abc, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {"pyarrow", "matplotlib", "pandas"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

sys.meta_path.insert(0, Absent())
"""
COMMAND = f"{ABSENT}\nfrom regtap.cli.main import main\nsys.exit(main(sys.argv[1:]))"


def regtap(*arguments: str, program: str = COMMAND) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-c", program, *arguments]
    return subprocess.run(run, capture_output=True, text=True, check=False)


def assert_ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def device(tmp_path: Path) -> str:
    (tmp_path / "device").write_bytes(bytes(range(64)))
    return f"file:{tmp_path / 'device'}"


def test_a_capture_is_recorded_and_described(tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    arguments = ["record", "-t", "sim", "COUNT32", "STATUS", "-o", run, "--samples", "50k", "--latency"]

    assert_ok(regtap(*arguments))
    said = json.loads(assert_ok(regtap("info", run, "--json")))

    assert (said["rows"], said["finding"]) == (50_000, None)
    assert said["totals"]["taken"] == 50_000
    assert all(register["min"] is not None for register in said["registers"])
    assert pq.read_table(run).num_rows == 50_000


def test_registers_are_read_and_written(device: str) -> None:
    assert "0x03020100" in assert_ok(regtap("read", "-t", device, "0"))
    assert_ok(regtap("write", "-t", device, "0x8", "0x1234"))
    assert "0x00001234" in assert_ok(regtap("read", "-t", device, "8"))


def test_a_capture_that_was_cut_off_is_recovered(tmp_path: Path) -> None:
    image = SpoolImage(tmp_path / "run")
    image.full_block()
    image.full_block(rows=7)
    leave_behind(image, tmp_path / "run", tmp_path / "spool")

    assert_ok(regtap("recover", str(tmp_path / "spool"), "-o", str(tmp_path / "run")))

    assert pq.read_table(tmp_path / "run").num_rows == image.rows_per_block + 7


def test_the_doctor_says_what_is_missing_and_goes_on() -> None:
    done = regtap("doctor")

    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr


def test_the_simulated_device_is_read(tmp_path: Path) -> None:
    path = tmp_path / "device"
    run = [sys.executable, "-c", COMMAND, "sim", str(path)]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as simulator:
        assert simulator.stdout is not None
        assert str(path) in simulator.stdout.readline()  # it is there now

        said = assert_ok(regtap("read", "-t", f"sim:{path}", "COUNT32", "--json"))
        simulator.terminate()

    assert [entry["name"] for entry in json.loads(said)] == ["COUNT32"]


ROWS = f"{ABSENT}\nimport regtap\ntrace = regtap.open_trace(sys.argv[1])\nprint(trace.rows)\ntrace.to_arrow()"


def test_what_needs_pyarrow_says_so_in_one_line(tmp_path: Path, device: str) -> None:
    run = str(tmp_path / "run")
    record: Sequence[str] = ("record", "-t", device, "a=0", "-o", run, "--samples", "10")

    refused = regtap(*record, "--compress", "zstd")
    assert_ok(regtap(*record))
    rows = regtap(run, program=ROWS)

    assert refused.returncode == 3
    assert refused.stderr.splitlines()[-1].startswith("regtap: error: --compress zstd needs pyarrow")
    assert rows.stdout == "10\n"
    assert "RefusedError: reading the rows of a trace needs pyarrow" in rows.stderr.splitlines()[-1]
