"""`regtap record --keep-parts` and `--keep-size` as a process, and what other commands say of such a trace."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.command import fork_regtap
from tests.conservation import assert_conserved

import regtap

# A part is closed when it holds half of the ring: a small one makes many parts in no time.
MANY_PARTS = ["record", "-t", "sim", "COUNT32", "-o", "run", "--spool-size", "512KiB", "--samples", "1M"]


@pytest.fixture(scope="module")
def rotated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a trace `run` that gave up its first parts, and what `record` printed."""
    folder = tmp_path_factory.mktemp("rotated")
    done = fork_regtap(*MANY_PARTS, "--keep-parts", "3", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_the_last_line_balances(rotated: tuple[Path, str]) -> None:
    folder, out = rotated
    trace = regtap.open_trace(folder / "run")

    assert_conserved(trace)
    assert len(trace.parts) == len(list((folder / "run").iterdir())) == 3
    balance = re.search(r"taken 1,000,000 = stored ([\d,]+) \+ lost 0 \+ rotated ([\d,]+)$", out)
    assert balance
    assert [int(it.replace(",", "")) for it in balance.groups()] == [trace.rows, 1_000_000 - trace.rows]
    assert re.search(r"^run: \d+ older parts removed, [\d,]+ samples$", out, re.MULTILINE)
    assert re.search(r"^run: 3 parts, ", out, re.MULTILINE)


def test_info_says_what_was_removed(rotated: tuple[Path, str]) -> None:
    folder, _ = rotated

    done = fork_regtap("info", "run", cwd=folder)
    told = json.loads(fork_regtap("info", "run", "--json", cwd=folder).stdout)

    assert done.returncode == 0
    assert re.search(
        r"^  removed +\d+ older parts with [\d,]+ rows, up to [\d.]+ m?s$", done.stdout, re.MULTILINE
    )
    assert "; keep the last 3 parts" in done.stdout
    assert re.search(r"^rotated +1 ", done.stdout, re.MULTILINE)
    assert told["rotated"]["rows"] == told["totals"]["rotated"]


def test_traces_and_queries_count_it_apart_from_losses(rotated: tuple[Path, str]) -> None:
    folder, _ = rotated
    question = (
        "SELECT t.rows, t.lost, t.rotated, g.count FROM traces t JOIN gaps g USING (trace)"
        " WHERE cause = 'rotated'"
    )

    listed = json.loads(fork_regtap("traces", "run", "--json", cwd=folder).stdout)
    answer = json.loads(fork_regtap("query", question, "run", "--format", "json", cwd=folder).stdout)

    (row,) = answer
    assert (listed[0]["lost"], row["lost"]) == (0, 0)
    assert row["rotated"] == row["count"] == listed[0]["rotated"] == 1_000_000 - row["rows"]


def test_a_picture_begins_where_the_rows_do(rotated: tuple[Path, str]) -> None:
    folder, _ = rotated

    done = fork_regtap("plot", "run", "-o", "run.svg", cwd=folder)

    assert done.returncode == 0, done.stderr
    assert "older parts removed" in (folder / "run.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--keep-parts", "0"], "'0' is not a count; it must be whole, from 1"),
        (["--keep-parts", "-1"], "is not a count"),
        (["--keep-size", "0"], "it must be whole, from 1"),
        (
            ["--keep-size", "100kB"],
            "in 100,000 bytes there is no room for a part of a trace; keep 1 MiB at least",
        ),
        (["--keep-size", "much"], "is not a size"),
    ],
)
def test_what_keeps_nothing_is_one_line(tmp_path: Path, arguments: list[str], says: str) -> None:
    done = fork_regtap(*MANY_PARTS, *arguments, cwd=tmp_path)

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert says in line
    assert not (tmp_path / "run").exists()
