"""`regtap info` as a process, on traces made of arrays."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.command import fork_regtap
from tests.synthetic import STATUS, TraceOptions, counter_trace, write_trace

from regtap.trace.gaps import Gap
from regtap.trace.metadata import Mark, Mode
from regtap.trace.totals import Totals

if TYPE_CHECKING:
    from pathlib import Path

GAPS = (Gap(40, 2, 40_000, 43_000, "missed"), Gap(60, 1, 60_000, 62_000, "missed"))


def info(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return fork_regtap("info", *arguments)


def test_it_prints_what_the_trace_holds(tmp_path: Path) -> None:
    counter_trace(tmp_path / "run", rows=101, rows_per_part=60, gaps=GAPS, marks=(Mark(5_000, "motor on"),))
    done = info(tmp_path / "run")
    assert (done.returncode, done.stderr) == (0, "")

    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "target sim" in lines
    assert "start 2023-11-14T22:13:20.123456789Z" in lines
    assert "rows 101 in 100 µs: 1 M/s on average" in lines
    assert "clock tsc at 2445.000000 MHz, times within 120 ns" in lines
    assert "balance due 104 = stored 101 + lost 0 + missed 3" in lines
    assert "COUNT 0x10 u32 0x0 (0) 0x64 (100)" in lines
    assert "missed 2 3 3 µs 40 µs 5 µs" in lines
    assert "motor on 5 µs" in lines


def test_json_holds_the_same_for_a_program(tmp_path: Path) -> None:
    path = write_trace(
        tmp_path / "run", [STATUS], [0, 500, 1000], {"STATUS": [7, 0, 0xF02]}, TraceOptions(gaps=GAPS)
    )
    done = info(path, "--json")
    document = json.loads(done.stdout)
    assert (document["rows"], document["first_ns"], document["last_ns"]) == (3, 0, 1000)
    assert document["mean_rate_hz"] == pytest.approx(2e6)

    (register,) = document["registers"]
    assert (register["name"], register["address"], register["min"], register["max"]) == (
        "STATUS",
        32,
        0,
        0xF02,
    )
    assert [field["name"] for field in register["fields"]] == ["BUSY", "DONE", "ERROR", "LEVEL"]

    (gaps,) = document["gaps"]
    assert (gaps["cause"], gaps["gaps"], gaps["count"], gaps["total_ns"]) == ("missed", 2, 3, 5_000)
    assert (document["totals"]["due"], document["unfinished"], document["finding"]) == (6, False, None)


def test_a_trace_at_full_rate_balances_what_was_taken(tmp_path: Path) -> None:
    lost = (Gap(50, 10, 50_000, 60_000, "full"),)
    done = info(counter_trace(tmp_path / "run", rows=90, mode=Mode(None, "discard"), gaps=lost))

    assert done.returncode == 0
    assert "taken 100 = stored 90 + lost 10" in done.stdout


def test_a_trace_without_rows_is_shown_too(tmp_path: Path) -> None:
    done = info(counter_trace(tmp_path / "run", rows=0))
    assert (done.returncode, done.stderr) == (0, "")
    assert "no gaps" in done.stdout


def test_a_trace_that_was_cut_off_says_so(tmp_path: Path) -> None:
    done = info(counter_trace(tmp_path / "run", finished=False))
    assert done.returncode == 0
    assert "unfinished" in done.stdout.splitlines()[0]


def test_long_marks_take_no_more_room_than_they_are_worth(tmp_path: Path) -> None:
    marks = (Mark(1, "x" * 20_000), *(Mark(2 + k, f"m{k}") for k in range(20_000)))
    counter_trace(tmp_path / "run", rows=10, marks=marks)

    lines = info(tmp_path / "run").stdout.splitlines()

    assert max(map(len, lines)) <= 1_100
    assert sum(map(len, lines)) < 100_000
    assert lines[-1].startswith("and 19,001 marks more")


@pytest.mark.parametrize(
    ("totals", "words"),
    [
        (Totals("stopped", None, 100, 90, 5, 0), "the balance does not come out: taken 100"),
        (Totals("stopped", None, 95, 95, 0, 0), "95 rows should be stored, the parts hold 90"),
    ],
)
def test_a_balance_that_does_not_come_out_is_a_finding(tmp_path: Path, totals: Totals, words: str) -> None:
    done = info(counter_trace(tmp_path / "run", rows=90, mode=Mode(None, "wait"), totals=totals))
    assert done.returncode == 1
    assert words in done.stdout


def truncated(folder: Path) -> Path:
    path = counter_trace(folder / "run", rows_per_part=500)
    part = path / "part-00001.parquet"
    part.write_bytes(part.read_bytes()[:-20])
    return path


def missing(folder: Path) -> Path:
    path = counter_trace(folder / "run", rows_per_part=250)
    (path / "part-00002.parquet").unlink()
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "nowhere", "no such folder"),
        (lambda folder: folder, "is not a trace"),
        (truncated, "part-00001.parquet is truncated"),
        (missing, "part-00002.parquet is missing"),
    ],
    ids=["no folder", "no trace", "truncated", "missing part"],
)
def test_what_is_no_trace_is_refused_in_one_line(tmp_path: Path, make: object, words: str) -> None:
    assert callable(make)
    done = info(make(tmp_path))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr
