"""Commands whose stdin, stdout or stderr is closed, full or gone: a lost audience costs no sample."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests.command import REGTAP, run_regtap
from tests.conservation import assert_conserved

import regtap

if TYPE_CHECKING:
    from pathlib import Path

BAD = ("closed", "full", "gone")
# By the kind of stdout: who closed it wants no result.
EXIT_CODES = {"open": 0, "closed": 0, "full": 4, "gone": 141}
RECORD = ["record", "-t", "sim", "COUNT32", "--rate", "1k", "--samples", "200"]

# Runs every case in a fork of one process, and prints the exit codes.
RUNNER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from tests.descriptors import exit_code_of
from regtap.cli import progress
from regtap.cli.main import main
import regtap.commands.record, regtap.recording.capture
import duckdb, pyarrow.parquet, regtap_analysis.reports.api
main(["--help"])  # loads every command, once for all forks
progress._LINE_S = 0.0  # a line of progress at each look
cases = json.loads(sys.argv[2])
print(json.dumps([exit_code_of(lambda: main(case["command"]), case["descriptors"]) for case in cases]))
"""


def exit_codes(cases: list[tuple[list[str], tuple[str, str, str]]], folder: Path) -> list[int]:
    described = [{"command": command, "descriptors": descriptors} for command, descriptors in cases]
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, here, json.dumps(described)],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    codes: list[int] = json.loads(done.stdout.splitlines()[-1])
    return codes


def test_no_state_of_the_descriptors_costs_a_capture_a_sample(tmp_path: Path) -> None:
    pairs = itertools.product(EXIT_CODES, EXIT_CODES)
    combinations = [(("closed", "open")[at % 2], *pair) for at, pair in enumerate(pairs)]
    cases = [
        ([*RECORD, "-o", f"run-{number}"], descriptors) for number, descriptors in enumerate(combinations)
    ]

    codes = exit_codes(cases, tmp_path)

    assert dict(zip(combinations, codes, strict=True)) == {
        descriptors: EXIT_CODES[descriptors[1]] for descriptors in combinations
    }
    for number in range(len(cases)):
        trace = regtap.open_trace(tmp_path / f"run-{number}")
        assert_conserved(trace)
        assert trace.totals is not None
        assert (trace.totals.ended, trace.totals.taken, trace.rows) == ("samples", 200, 200)


OTHERS = [
    ["--help"],
    ["read", "--help"],
    ["--version"],
    ["read", "-t", "sim", "ID"],
    ["read", "-t", "sim", "--json", "ID"],
    ["write", "-t", "sim", "SCRATCH", "1"],
    ["info", "run"],
    ["info", "--json", "run"],
    ["recover", "run"],
    ["recover", "--list", "--json"],
    ["dump", "-t", "sim", "ID"],
    ["traces", "run"],
    ["stats", "run", "--question", "intervals"],
    ["query", "FROM samples", "run"],
    ["export", "run", "-o", "run.csv", "--force"],
    ["report", "run", "-o", "run.md"],
]


def test_a_result_that_cannot_be_printed_is_in_the_exit_code(tmp_path: Path) -> None:
    with regtap.record(["COUNT32"], tmp_path / "run", target="sim", rate="1k", samples=10) as capture:
        capture.wait()
    combinations = [("closed", kind, kind) for kind in BAD]
    cases = [(command, descriptors) for command in OTHERS for descriptors in combinations]
    wrong = [
        (command, descriptors)
        for command in (["read", "-t", "sim", "NOPE"], ["query", "-", "run"])
        for descriptors in combinations
    ]

    codes = exit_codes(cases + wrong, tmp_path)

    expected = [EXIT_CODES[descriptors[1]] for _, descriptors in cases] + [2] * len(wrong)
    assert list(zip(cases + wrong, codes, strict=True)) == list(zip(cases + wrong, expected, strict=True))


@pytest.mark.parametrize(
    ("redirected", "code"),
    [("2>/dev/full", 0), ("<&- >&- 2>&-", 0), (">/dev/full 2>&1", 4)],
)
def test_a_shell_that_closes_descriptors_gets_the_whole_trace(
    tmp_path: Path, redirected: str, code: int
) -> None:
    command = [*REGTAP, *RECORD, "-o", "run", "--samples", "1100"]  # long enough for a line of progress

    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirected}', "sh", *command], cwd=tmp_path, check=False, timeout=300
    )

    assert done.returncode == code
    assert regtap.open_trace(tmp_path / "run").rows == 1100


def test_a_reader_of_stderr_that_goes_does_not_end_a_capture(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*REGTAP, *RECORD, "-o", "run", "--samples", "1500"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()
        process.stderr.close()

        assert process.wait(60) == 0

    assert regtap.open_trace(tmp_path / "run").rows == 1500


def test_a_reader_of_stderr_that_halts_does_not_hold_a_capture(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    while True:
        try:
            os.write(writer, bytes(4096))
        except BlockingIOError:
            break
    os.set_blocking(writer, True)
    program = "import sys; from regtap.cli import progress; from regtap.cli.main import main; "
    program += "from regtap.commands import record; progress._LINE_S = 0.0; "
    program += "record.print_note = lambda text: None; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, *RECORD, "-o", "run"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=writer) as process:
        os.close(writer)

        wait_until_complete(tmp_path / "run", process)

        with os.fdopen(reader, "rb") as late:
            late.read()
        assert process.wait(60) == 0
    assert regtap.open_trace(tmp_path / "run").rows == 200


def wait_until_complete(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until a capture has its last part, though its process may wait for a reader."""
    while not any(folder.glob("part-*.parquet")) or regtap.open_trace(folder).totals is None:
        assert process.poll() in (None, 0)
        time.sleep(0.02)


def test_a_device_that_is_played_outlives_its_reader(tmp_path: Path) -> None:
    with (
        open("/dev/full", "w", encoding="utf-8") as full,
        subprocess.Popen([*REGTAP, "sim", "device"], cwd=tmp_path, stdout=full) as process,
    ):
        try:
            while not (tmp_path / "device").exists():
                assert process.poll() is None
            done = run_regtap("read", "-t", "sim:device", "ID", cwd=tmp_path)
            assert (done.returncode, "0x54474552" in done.stdout) == (0, True), done.stderr
        finally:
            process.terminate()
        assert process.wait(60) == 0
