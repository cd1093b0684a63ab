"""`regtap query`, `traces` and `export` as a user runs them."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
from tests.command import fork_regtap, run_regtap, start_regtap
from tests.synthetic import counter_trace
from tests.terminal import Terminal


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Return a folder of two traces and one that is none."""
    counter_trace(tmp_path / "runs" / "a", 1000)
    counter_trace(tmp_path / "runs" / "b", 500)
    (tmp_path / "none").mkdir()
    return tmp_path


def test_a_question_is_answered_and_what_is_no_trace_is_said(runs: Path) -> None:
    sql = "SELECT trace, count(*) AS n FROM samples GROUP BY 1 ORDER BY 1"

    result = fork_regtap("query", sql, "runs", "none", "--format", "json", cwd=runs)

    assert json.loads(result.stdout) == [{"trace": "runs/a", "n": 1000}, {"trace": "runs/b", "n": 500}]
    assert result.stderr == "regtap: note: left out: none is no trace and holds none\n"
    assert result.returncode == 1


def test_wrong_sql_is_one_line_and_exit_code_two(runs: Path) -> None:
    result = fork_regtap("query", "SELECT x FROM samples", "runs", "-o", "x.csv", cwd=runs)

    assert result.returncode == 2
    assert result.stderr.startswith('regtap: error: Binder Error: Referenced column "x" not found')
    assert len(result.stderr.splitlines()) == 1
    assert not (runs / "x.csv").exists()


def test_a_question_comes_from_a_file_or_stdin(runs: Path) -> None:
    (runs / "ask.sql").write_text("-- how many\nSELECT count(*) AS n FROM samples;\n")

    by_name = run_regtap("query", "@ask.sql", "runs", "-o", "n.jsonl", cwd=runs)
    with (runs / "ask.sql").open() as question:
        by_stdin = run_regtap("query", "-", "runs", "--format", "csv", cwd=runs, stdin=question)

    assert by_name.stdout == "n.jsonl: 1 row\n"
    assert (runs / "n.jsonl").read_text() == '{"n": 1500}\n'
    assert by_stdin.stdout == "n\n1500\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["runs", "FROM samples"], "'runs' is a folder; the question comes first"),
        (["FROM samples"], "no trace is named"),
        (["@none.sql", "runs"], "cannot read the question from none.sql: No such file"),
        (["@/dev/zero", "runs"], "the question in /dev/zero is longer than 1 MiB"),
        (["@none", "runs", "--format", "xml"], "'xml' is not one of"),
    ],
)
def test_a_question_that_is_none_is_refused(runs: Path, arguments: list[str], error: str) -> None:
    done = fork_regtap("query", *arguments, cwd=runs)

    assert done.returncode == 2
    assert error in done.stderr
    assert done.stderr.count("\n") == 1


def test_ctrl_c_ends_a_question_at_once(runs: Path) -> None:
    # months of work
    sql = "SELECT count(*) FROM samples a, samples b, samples c, samples d, samples e WHERE a.COUNT < b.COUNT"
    process = start_regtap("query", sql, "runs", cwd=runs)
    deadline = time.monotonic() + 120
    while len(list(Path(f"/proc/{process.pid}/task").iterdir())) < 3:  # DuckDB's threads work
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)

    process.send_signal(signal.SIGINT)

    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stdout == ""


def test_an_answer_streams_until_its_reader_goes(runs: Path) -> None:
    sql = "SELECT a.COUNT FROM samples a, samples b, samples c"
    with start_regtap("query", sql, "runs", "--format", "csv", cwd=runs) as process:
        assert process.stdout is not None

        assert process.stdout.readline() == "COUNT\n"
        process.stdout.close()

        assert process.wait(60) == 141


def test_an_export_is_written_and_what_is_lost_is_said(runs: Path) -> None:
    result = fork_regtap("export", "runs/a", "-o", "a.vcd", cwd=runs)

    assert result.stdout == "a.vcd: 1,000 changes of runs/a\n"
    assert result.returncode == 0
    assert (runs / "a.vcd").read_text().startswith("$comment")


def test_an_ending_that_is_unknown_is_refused(runs: Path) -> None:
    result = fork_regtap("export", "runs/a", "-o", "a.xyz", cwd=runs)

    assert result.returncode == 2
    assert "cannot tell the format of a.xyz" in result.stderr


@pytest.mark.parametrize("form", ["table", "csv", "json", "jsonl"])
def test_a_terminal_gets_no_control_characters(runs: Path, form: str) -> None:
    sql = "SELECT chr(27) || '[31mred' AS \"a\x1b[32m\", chr(155) AS b"

    with Terminal("query", sql, str(runs / "runs"), "--format", form) as terminal:
        assert terminal.end() == 0

    assert b"red" in terminal.written
    assert not set(terminal.written) & set(range(32)) - set(b"\r\n")
    assert "\x9b" not in terminal.written.decode()


def test_a_csv_for_a_program_is_as_it_is(runs: Path) -> None:
    done = fork_regtap("query", "SELECT chr(27) AS x", "runs", "--format", "csv", cwd=runs)

    assert done.stdout == "x\n\x1b\n"
