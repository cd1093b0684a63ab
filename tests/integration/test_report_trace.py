"""`regtap report` of a trace, as a process; and how it tells one from a run of the benchmark."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from tests.command import fork_regtap
from tests.synthetic import counter_trace
from tests.terminal import Terminal

from regtap.trace.gaps import Gap


def test_a_report_lies_beside_its_capture_which_still_opens(tmp_path: Path) -> None:
    recorded = fork_regtap(
        "record",
        "-t",
        "sim",
        "COUNT32",
        "STATUS",
        "-o",
        "run",
        "--rate",
        "1k",
        "--samples",
        "200",
        cwd=tmp_path,
    )
    assert recorded.returncode == 0, recorded.stderr

    done = fork_regtap("report", "run", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "of 2 registers in" in done.stdout
    assert done.stderr.splitlines() == [f"regtap: note: run.{end}: 200 rows of run" for end in ("html", "md")]
    assert f"**{done.stdout.strip()}**" in (tmp_path / "run.md").read_text()
    assert done.stdout.strip() in (tmp_path / "run.html").read_text()
    assert len(pd.read_parquet(tmp_path / "run")) == 200
    assert fork_regtap("report", "run", cwd=tmp_path).returncode == 0  # replaced


def test_lost_samples_are_exit_code_1(tmp_path: Path) -> None:
    counter_trace(tmp_path / "run", gaps=(Gap(10, 5, 9_000, 10_000, "full"),))

    done = fork_regtap("report", tmp_path / "run", "-o", tmp_path / "one.md")

    assert done.returncode == 1
    assert done.stdout.startswith("5 samples of 1,005 were lost (0.5 %).")
    assert sorted(it.name for it in tmp_path.iterdir()) == ["one.md", "run"]


def test_a_file_that_is_no_report_of_it_stays(tmp_path: Path) -> None:
    counter_trace(tmp_path / "run")
    (tmp_path / "run.html").write_text("mine")

    done = fork_regtap("report", tmp_path / "run")

    assert (done.returncode, done.stdout) == (2, "")
    assert "run.html is no report of this trace and stays" in done.stderr
    assert (tmp_path / "run.html").read_text() == "mine"
    assert not (tmp_path / "run.md").exists()


@pytest.mark.parametrize(
    ("content", "arguments", "says"),
    [
        (
            (),
            (),
            "neither a trace (there is no part-00000.parquet) nor a run of `regtap bench` (there is no result.json)",
        ),
        (("result.json", "part-00000.parquet"), (), "holds a trace and a result; for the result name"),
        (("result.json",), ("-o", "one.html"), "go into a folder together"),
        (
            ("result.json",),
            ("--intervals", "A"),
            "--register, --intervals, --align and --map are for a trace",
        ),
        (("part-00000.parquet",), (), "part-00000.parquet is truncated"),
        (("_spool",), (), "has no finished part yet"),
    ],
)
def test_what_it_cannot_report_on_is_one_line(
    tmp_path: Path, content: tuple[str, ...], arguments: tuple[str, ...], says: str
) -> None:
    (tmp_path / "given").mkdir()
    for name in content:
        (tmp_path / "given" / name).write_text("")

    done = fork_regtap("report", "given", *arguments, cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert says in line


def test_a_terminal_keeps_nothing_of_the_progress(tmp_path: Path) -> None:
    counter_trace(tmp_path / "run")

    with Terminal("report", str(tmp_path / "run")) as terminal:
        assert terminal.end() == 0

    assert b"\r\x1b[K" in terminal.written
    assert [line for line in terminal.lines() if line.endswith("%")] == []
    assert "Nothing was lost." in terminal.text()
