"""`regtap record --on-change` and pairs as a process: what they store, and what is refused before a sample is taken."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.command import fork_regtap
from tests.conservation import assert_conserved

import regtap

RECORD = ["record", "-t", "sim", "GPIO", "STATUS", "-o", "run"]


def test_changes_take_next_to_nothing(tmp_path: Path) -> None:
    done = fork_regtap(*RECORD, "--on-change=GPIO", "--duration", "500ms", cwd=tmp_path)

    trace = regtap.open_trace(tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert_conserved(trace)
    assert re.search(r"taken [\d,]+ = stored [\d,]+ \+ unchanged [\d,]+ \+ lost 0$", done.stdout.rstrip())
    assert trace.totals is not None
    assert trace.totals.unchanged > 100 * trace.rows
    assert "changes of GPIO only" in fork_regtap("info", "run", cwd=tmp_path).stdout
    (listed,) = json.loads(fork_regtap("traces", "run", "--json", cwd=tmp_path).stdout)
    assert (listed["lost"], listed["unchanged"]) == (0, trace.totals.unchanged)


def test_the_option_takes_no_register_for_its_value(tmp_path: Path) -> None:
    done = fork_regtap(
        "record", "--on-change", "GPIO", "-t", "sim", "-o", "run", "--samples", "9", cwd=tmp_path
    )

    assert done.returncode == 0, done.stderr
    assert regtap.open_trace(tmp_path / "run").mode.on_change == ("*",)


def test_a_pair_is_never_behind_the_counter_read_after_it(tmp_path: Path) -> None:
    pair = "ticks=COUNT64_LO/COUNT64_HI:u64pair"
    record = ["record", "-t", "sim", pair, "COUNT64", "-o", "run", "--rate", "2k", "--duration", "2500ms"]

    done = fork_regtap(*record, cwd=tmp_path)

    table = regtap.open_trace(tmp_path / "run").to_arrow()
    ticks, whole = (table[name].to_numpy().astype("int64") for name in ("ticks", "COUNT64"))
    assert done.returncode == 0, done.stderr
    assert (ticks <= whole).all()
    assert ticks.max() - ticks.min() < 2**31
    assert re.search(
        r"^  accesses +[\d,]+ loads$", fork_regtap("info", "run", cwd=tmp_path).stdout, re.MULTILINE
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--heartbeat", "1s"], "add --on-change"),
        (["--on-change=ADC"], "'ADC' is not recorded, so that it cannot change"),
        (["--on-change=GPIO,"], "what is to change is a name"),
        (["--on-change", "--heartbeat", "0s"], "is not a duration"),
        (["--on-change", "--on-full", "overwrite"], "choose one of them"),
        (["c=COUNT64/COUNT64_HI:u64pair"], "COUNT64 is u64, and a half of a pair is u32"),
        (["c=0x10/0x14:u32"], "two halves of a counter are NAME=LOW/HIGH:u64pair"),
        (["c=0x10:u64pair"], "two halves of a counter are NAME=LOW/HIGH:u64pair"),
    ],
)
def test_what_makes_no_sense_is_one_line(tmp_path: Path, arguments: list[str], says: str) -> None:
    done = fork_regtap(*RECORD, *arguments, cwd=tmp_path)

    lines = [line for line in done.stderr.splitlines() if "note:" not in line]
    assert done.returncode == 2, done.stderr
    assert len(lines) == 1
    assert says in lines[0]
    assert not (tmp_path / "run").exists()
