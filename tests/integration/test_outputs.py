"""Files that commands write: what is there stays, and names do not reach the terminal raw."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.command import REGTAP, fork_regtap
from tests.synthetic import counter_trace

COMMANDS = {
    "plot": ["plot", "run", "-o", "made.svg"],
    "export": ["export", "run", "-o", "made.csv"],
    "view": ["view", "run", "--export", "made.html"],
    "query": ["query", "FROM samples", "run", "-o", "made.json"],
    "report": ["report", "run", "-o", "made.md"],
    "dump": ["dump", "-t", "sim", "ID", "-o", "made-dump.json"],
    "map": ["map", "sim", "-o", "made.toml"],
}
TRACE = "run"
ODD = "a\n\x1b[31mb"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outputs")
    counter_trace(folder / TRACE, rows=1)
    counter_trace(folder / ODD, rows=1)
    return folder


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_link_to_nothing_is_not_replaced(folder: Path, command: list[str]) -> None:
    output = folder / command[-1]
    output.symlink_to("elsewhere")  # as an output that is mounted later

    done = fork_regtap(*command, cwd=folder)

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert os.readlink(output) == "elsewhere"
    output.unlink()


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_pipe_is_neither_read_nor_replaced(folder: Path, command: list[str]) -> None:
    output = folder / command[-1]
    os.mkfifo(output)

    done = fork_regtap(*command, cwd=folder, timeout=60)

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert output.is_fifo()
    output.unlink()


def test_a_report_into_a_device_is_refused(folder: Path) -> None:
    done = fork_regtap("report", TRACE, "-o", "/dev/null", cwd=folder)

    assert done.returncode == 2
    assert "/dev/null is no folder" in done.stderr


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_names_are_printed_without_control_characters(folder: Path, command: list[str]) -> None:
    named = [ODD if word == TRACE else word.replace("made", f"{ODD}-made") for word in command]

    done = fork_regtap(*named, cwd=folder)

    assert done.returncode == 0
    assert (folder / named[-1]).is_file()
    assert "\x1b" not in done.stdout + done.stderr
    assert "\\x1b[31mb-made" in done.stdout + done.stderr


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_name_may_be_as_long_as_names_can_be(folder: Path, command: list[str]) -> None:
    ending = Path(command[-1]).suffix
    name = "n" * (255 - len(ending)) + ending

    done = fork_regtap(*command[:-1], name, cwd=folder)

    assert done.returncode == 0
    assert (folder / name).is_file()
    (folder / name).unlink()


def test_one_row_is_no_rows(folder: Path) -> None:
    done = fork_regtap("export", TRACE, "-o", "one.csv", cwd=folder)

    assert done.stdout == f"one.csv: 1 row of {TRACE}\n"


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow", "vcd", "fst", "pftrace"])
def test_an_export_that_the_disk_refuses_names_its_output(tmp_path: Path, ending: str) -> None:
    counter_trace(tmp_path / TRACE, rows=50_000)
    limited = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *REGTAP, "export", TRACE, "-o", f"made.{ending}"]

    # Python 3.11 keeps bytecode that the limit has cut short, and fails on it ever after
    done = subprocess.run(
        limited,
        cwd=tmp_path,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 4
    assert done.stderr.startswith(f"regtap: error: cannot write made.{ending}: ")
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [TRACE]
