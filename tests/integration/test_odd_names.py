"""Folders whose names are no text, and folders that the current one moves away from."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.command import fork_regtap

import regtap

if TYPE_CHECKING:
    from pathlib import Path

ODD = os.fsdecode(b"bad\377")
RECORD = ["record", "-t", "sim", "COUNT32", "--rate", "1k", "--samples", "20"]


@pytest.mark.parametrize("command", ["info", "recover"])
def test_a_folder_whose_name_is_no_text_is_served(tmp_path: Path, command: str) -> None:
    recorded = fork_regtap(*RECORD, "-o", ODD, cwd=tmp_path)

    done = fork_regtap(command, ODD, cwd=tmp_path)
    as_json = fork_regtap(command, "--json", ODD, cwd=tmp_path)

    assert (recorded.returncode, done.returncode, as_json.returncode) == (0, 0, 0), done.stderr
    assert recorded.stdout.splitlines()[-1].startswith("bad\\udcff: due ")
    assert done.stdout.startswith("bad\\udcff: ")
    assert ODD in json.loads(as_json.stdout).values()


def test_rows_of_a_folder_whose_name_is_no_text_are_read(tmp_path: Path) -> None:
    with regtap.record(["COUNT32"], tmp_path / ODD, target="sim", rate="1k", samples=20) as capture:
        capture.wait()

    assert capture.trace().to_arrow().num_rows == 20


def test_a_journal_in_a_folder_whose_name_is_no_text_is_used(tmp_path: Path) -> None:
    done = fork_regtap(*RECORD, "--durable=10ms", "-o", ODD, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert regtap.open_trace(tmp_path / ODD).rows == 20


def test_a_collection_takes_folders_whose_names_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    for name in (ODD, "good"):
        fork_regtap(*RECORD, "-o", os.path.join("runs", name), cwd=tmp_path)

    listed = fork_regtap("traces", "runs", cwd=tmp_path)
    as_json = fork_regtap("traces", "runs", "--json", cwd=tmp_path)
    stats = fork_regtap("stats", "runs", "--question", "signals", "--json", cwd=tmp_path)
    asked = fork_regtap(
        "query", "select trace, count(*) from samples group by 1 order by 1", "runs", cwd=tmp_path
    )

    assert (listed.returncode, as_json.returncode) == (0, 0), listed.stderr
    assert (stats.returncode, asked.returncode) == (0, 0), stats.stderr + asked.stderr
    assert "runs/bad\\udcff" in listed.stdout
    assert {it["path"] for it in json.loads(as_json.stdout)} == {
        str(tmp_path / "runs" / ODD),
        str(tmp_path / "runs" / "good"),
    }
    assert {"runs/bad\\udcff", "runs/good"} <= {it["trace"] for it in json.loads(stats.stdout)["signals"]}
    assert re.search(r"runs/bad\\udcff +20\b", asked.stdout), asked.stdout


def test_a_relative_output_stays_where_it_was_made(tmp_path: Path) -> None:
    program = """
import os, regtap
os.mkdir("elsewhere")
with regtap.record(["COUNT32"], "run", target="sim", rate="1k", samples=20, durable=True) as capture:
    os.chdir("elsewhere")
    capture.wait()
print(capture.trace().rows, capture.summary.warnings)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.stdout.startswith("20 ("), done.stderr
    assert regtap.open_trace(tmp_path / "run").rows == 20
    assert sorted(os.listdir(tmp_path)) == ["elsewhere", "run"]
    assert os.listdir(tmp_path / "elsewhere") == []
