"""What `regtap query`, `stats` and `traces` say where an engine, a trace or a part of one is not there."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.command import fork_regtap, run_regtap
from tests.synthetic import counter_trace, write_trace

from regtap.registers.model import Register

_MISSING = "raise ImportError('it is not there')\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a whole trace, `whole`, and places to put programs and modules in."""
    counter_trace(tmp_path / "whole", 10)
    for name in ("programs", "modules"):
        (tmp_path / name).mkdir()
    return tmp_path


def module(folder: Path, name: str, text: str = "") -> None:
    """Put a module in front of an installed one."""
    (folder / "modules" / f"{name}.py").write_text(text)


def ask(folder: Path, *arguments: str) -> tuple[int, str]:
    """Count the rows of `whole` as arguments say, and return exit code and what was said."""
    settings = {"PATH": str(folder / "programs"), "PYTHONPATH": str(folder / "modules")}
    environment = {key: value for key, value in os.environ.items() if key != "JAVA_HOME"} | settings
    done = run_regtap(
        "query", "SELECT count(*) FROM samples", "whole", *arguments, cwd=folder, env=environment
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("name", "engine", "text"),
    [
        ("duckdb", "duckdb", "DuckDB is not installed; pip install 'regtap[query]'"),
        ("pyspark", "spark", "pyspark is not installed; pip install 'regtap[spark]'"),
    ],
)
def test_an_engine_that_is_not_installed_is_named(folder: Path, name: str, engine: str, text: str) -> None:
    module(folder, name, _MISSING)

    assert ask(folder, "--engine", engine) == (3, f"regtap: error: {text}\n")


def test_spark_without_java_says_what_to_install(folder: Path) -> None:
    module(folder, "pyspark")

    code, said = ask(folder, "--engine", "spark")

    assert code == 3
    assert said == (
        "regtap: error: Spark needs Java, and there is none; apt-get install openjdk-17-jre-headless\n"
    )


@pytest.mark.parametrize("kind", ["spark", "sc"])
def test_a_master_that_does_not_answer_is_named(folder: Path, kind: str) -> None:
    module(folder, "pyspark")
    with socket.socket() as unheard:  # bound, and nobody listens
        unheard.bind(("127.0.0.1", 0))
        master = f"{kind}://127.0.0.1:{unheard.getsockname()[1]}"

        code, said = ask(folder, "--engine", f"spark={master}")

    assert code == 3
    assert said == (
        f"regtap: error: no Spark master answers at {master} (Connection refused);"
        " see that it runs and can be reached\n"
    )


@pytest.mark.parametrize(
    ("engine", "text"),
    [
        ("polars", "unknown engine 'polars'; use duckdb, spark or spark=MASTER"),
        ("spark=here", "'here' is no Spark master; use local[2], spark://HOST:PORT or sc://HOST"),
    ],
)
def test_an_engine_that_cannot_be_is_refused(folder: Path, engine: str, text: str) -> None:
    assert ask(folder, "--engine", engine) == (2, f"regtap: error: {text}\n")


def missing_part(folder: Path) -> str:
    """Take the middle one of three parts away."""
    counter_trace(folder / "bad", 30, rows_per_part=10)
    (folder / "bad" / "part-00001.parquet").unlink()
    return "bad: part-00001.parquet is missing (the last part is part-00002.parquet); bring it back"


def two_traces_in_one(folder: Path) -> str:
    """Put a part of another capture in the place of one."""
    counter_trace(folder / "bad", 20, rows_per_part=10)
    write_trace(folder / "other", [Register("X", 0)], np.arange(20), {"X": np.arange(20)})
    (folder / "other" / "part-00000.parquet").rename(folder / "bad" / "part-00001.parquet")
    return "bad/part-00001.parquet"


def later_format(folder: Path) -> str:
    """Have a trace say that a later regtap wrote it."""
    part = counter_trace(folder / "bad", 10) / "part-00000.parquet"
    part.write_bytes(part.read_bytes().replace(b'"format_version":2', b'"format_version":9'))
    return "trace format 9"


def no_trace(folder: Path) -> str:
    """Make a folder that holds something else."""
    (folder / "bad").mkdir()
    (folder / "bad" / "notes.txt").write_text("x")
    return "bad is no trace and holds none"


_BAD: list[Callable[[Path], str]] = [missing_part, two_traces_in_one, later_format, no_trace]
_COMMANDS = {
    "query": ("query", "SELECT count(*) AS n FROM samples", "--format", "csv"),
    "stats": ("stats", "--question", "intervals"),
    "traces": ("traces",),
}


@pytest.mark.parametrize("make_bad", _BAD, ids=lambda it: it.__name__)
@pytest.mark.parametrize("command", _COMMANDS)
def test_a_bad_folder_among_many_is_named_and_left_out(
    folder: Path, make_bad: Callable[[Path], str], command: str
) -> None:
    reason = make_bad(folder)

    done = fork_regtap(*_COMMANDS[command], "whole", "bad", cwd=folder)

    assert done.returncode == 1
    assert done.stdout
    assert done.stderr.startswith("regtap: note: left out: ")
    assert done.stderr.count("\n") == 1
    assert reason in done.stderr


@pytest.mark.parametrize("make_bad", _BAD, ids=lambda it: it.__name__)
def test_a_bad_folder_alone_is_an_error(folder: Path, make_bad: Callable[[Path], str]) -> None:
    reason = make_bad(folder)

    done = fork_regtap(*_COMMANDS["query"], "bad", cwd=folder)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("regtap: error: ")
    assert done.stderr.count("\n") == 1
    assert reason in done.stderr


def test_traces_of_both_formats_are_asked_together(folder: Path) -> None:
    part = counter_trace(folder / "old", 20) / "part-00000.parquet"
    part.write_bytes(part.read_bytes().replace(b'"format_version":2', b'"format_version":1'))
    sql = "SELECT trace, count(*) AS n FROM samples GROUP BY trace ORDER BY trace"

    done = fork_regtap("query", sql, "whole", "old", "--format", "json", cwd=folder)

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [{"trace": "old", "n": 20}, {"trace": "whole", "n": 10}]
