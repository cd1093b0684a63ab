"""Both engines give the same answers; a worker that is killed in the middle changes none."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark import SparkContext
from tests.command import run_regtap
from tests.fleet.conftest import FLEET, MASTER, SOME, Engines, Fleet
from tests.lab import Lab, make_lab
from tests.questions import QUESTIONS

from regtap.errors import InputError
from regtap.maps.load import load_maps
from regtap_analysis.queries.answer import OpenedEngine, Question, QuestionError
from regtap_analysis.queries.engines import open_engine
from regtap_analysis.statistics.questions import QUESTIONS as STATS
from regtap_analysis.statistics.questions import question_text

_PATIENCE_S = 120
_OTHER = {
    "exact above 2**63": """SELECT count(*) AS n, sum(COUNT64) AS s, max(COUNT64) AS m
        FROM samples WHERE COUNT64 > 9223372036854775808""",
    "wraps": """SELECT trace, min(d) AS least, max(d) AS most
        FROM (SELECT trace, delta(COUNT64) AS d FROM samples) GROUP BY trace ORDER BY trace""",
    "hexadecimal": """SELECT max(COUNT64) AS m FROM samples
        WHERE trace LIKE '%7' AND COUNT64 % 2 = 1 AND COUNT64 <> 0xffffffffffffffff""",
    "catalogue": """SELECT trace, host, rows, missed, lost, unfinished, marks, start, size_bytes
        FROM traces ORDER BY trace""",
    "registers": "SELECT trace, register, address, type, min, max FROM registers ORDER BY trace, register",
    "fields": "SELECT trace, field, lsb, bits FROM fields ORDER BY trace, lsb",
    "marks": "SELECT trace, wall_time(t_ns) AS moment, text FROM marks ORDER BY trace",
    "arithmetic": "SELECT -7 // 2 AS a, 7 / 2 AS b, 0x10 AS c, CAST(5 AS UTINYINT) AS d",
    "one name twice": "SELECT 1 AS x, 2 AS x",
    "qualify": """SELECT trace, t_ns, STATUS FROM samples
        QUALIFY row_number() OVER (PARTITION BY trace ORDER BY t_ns) = 1 ORDER BY trace""",
}


def rows(opened: OpenedEngine, sql: str) -> list[tuple[Any, ...]]:
    """Return an answer with numbers as numbers."""
    table = opened.engine.ask(Question(sql)).table()
    columns = (map(_number, column.to_pylist()) for column in table.columns)
    return list(zip(*columns, strict=True))


def _number(value: Any) -> Any:
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    return pytest.approx(value) if isinstance(value, float) else value


def same(engines: Engines, sql: str) -> None:
    """Check that both engines give one answer, and that it has rows."""
    expected = rows(engines.duckdb, sql)

    assert expected
    assert rows(engines.spark, sql) == expected


@pytest.mark.parametrize("number", [str(number) for number in range(1, 11)])
def test_the_ten_questions_have_one_answer(of_some: Engines, number: str) -> None:
    same(of_some, QUESTIONS[number])


@pytest.mark.parametrize("name", _OTHER)
def test_other_questions_too(of_some: Engines, name: str) -> None:
    same(of_some, _OTHER[name])


@pytest.mark.parametrize("name", STATS)
def test_stats_are_the_same(of_some: Engines, name: str) -> None:
    same(of_some, question_text(name, ("STATUS",), over_all=True))


@pytest.mark.parametrize("name", STATS)
def test_stats_of_changes_are_the_same(of_changes: Engines, name: str) -> None:
    same(of_changes, question_text(name, over_all=True))


@pytest.mark.parametrize("sql", [QUESTIONS["3"], QUESTIONS["7"], _OTHER["wraps"], _OTHER["catalogue"]])
def test_a_thousand_traces_are_asked(of_fleet: Engines, sql: str) -> None:
    same(of_fleet, sql)


def test_what_cannot_be_read_is_left_out_and_named(of_fleet: Engines, fleet: Fleet) -> None:
    spark, duckdb = of_fleet.spark, of_fleet.duckdb
    assert spark.traces == duckdb.traces == FLEET.traces - 3
    assert spark.left_out == duckdb.left_out

    named = {left_out.name.rpartition("/")[2]: left_out.reason for left_out in spark.left_out}
    assert named.keys() == fleet.reasons.keys()
    assert all(reason in named[name] for name, reason in fleet.reasons.items())


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", r"\(line 1, at: 1\)"),
        ("SELECT nothing FROM samples", "`nothing` cannot be resolved"),
        ("SELECT 1; SELECT 2", "a question is one SELECT"),
        ("DROP VIEW samples", "a question is one SELECT"),
        (
            "SELECT 1 FROM samples s ASOF JOIN marks m ON s.t_ns >= m.t_ns",
            "Spark has no ASOF JOIN; ask without it",
        ),
        (
            "SELECT CAST(trace AS INTEGER) FROM samples",
            r"\A\[CAST_INVALID_INPUT\] .*cannot be cast",
        ),  # a worker
    ],
)
def test_wrong_sql_is_sparks_message_on_one_line(of_some: Engines, sql: str, message: str) -> None:
    with pytest.raises(QuestionError, match=message) as raised:
        rows(of_some.spark, sql)

    assert "\n" not in str(raised.value)


def test_maps_reach_the_workers_of_a_spark_that_goes_on(of_some: Engines, tmp_path: Path) -> None:
    lab, described = make_lab(tmp_path / "lab", Lab()), tmp_path / "map.toml"
    described.write_text(
        'registers.C = { address = 8, fields.LOW = { bits = "3:0", values = { NONE = 0 } } }'
    )
    sql = "SELECT trace, name, count(*) AS n FROM states WHERE signal = 'COUNT32.LOW' GROUP BY 1, 2 ORDER BY 1, 2"

    answers = []
    for engine in ("duckdb", f"spark={MASTER}"):
        opened = open_engine([lab], engine, maps=load_maps([str(described)]))
        answers.append(rows(opened, sql))
        opened.engine.close()

    assert answers[0] == answers[1]
    assert {row[1] for row in answers[0]} == {"NONE", None}
    assert rows(of_some.spark, "SELECT count(*) AS n FROM traces") == [(SOME.traces,)]


def test_another_master_is_refused_while_spark_runs(of_some: Engines, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Spark runs in this process on local-cluster"):
        open_engine([make_lab(tmp_path / "lab", Lab())], "spark=local[2]")


def test_the_command_prints_the_same_with_either_engine(tmp_path: Path) -> None:
    make_lab(tmp_path / "lab", Lab())
    (tmp_path / "none").mkdir()
    asked = ("query", QUESTIONS["3"], "lab", "none", "--format", "csv")

    here, there = (
        run_regtap(*asked, "--engine", engine, cwd=tmp_path) for engine in ("duckdb", "spark=local[2]")
    )

    assert len(here.stdout.splitlines()) > 1
    assert there.stdout == here.stdout
    assert there.stderr == here.stderr == "regtap: note: left out: none is no trace and holds none\n"
    assert (here.returncode, there.returncode) == (1, 1)


def test_a_worker_killed_in_the_middle_changes_no_answer(of_fleet: Engines) -> None:
    sql = question_text("percentiles", ("STATUS",))
    expected = rows(of_fleet.duckdb, sql)
    tracker = SparkContext.getOrCreate().statusTracker()
    before = executors()

    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(rows, of_fleet.spark, sql)
        wait_for(
            lambda: any(
                it and it.numActiveTasks > 0 for it in map(tracker.getStageInfo, tracker.getActiveStageIds())
            )
        )
        os.kill(min(before), signal.SIGKILL)
        assert not answer.done()
        assert answer.result(_PATIENCE_S) == expected

    wait_for(lambda: min(before) not in executors())
    assert len(before) == 2


def executors() -> set[int]:
    """Return the processes of Spark's workers that this process' Spark has started."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if b"CoarseGrainedExecutorBackend" in command and is_descendant(int(folder.name)):
            found.add(int(folder.name))
    return found


def is_descendant(pid: int) -> bool:
    """Return whether a process comes from this one."""
    while pid > 1:
        if pid == os.getpid():
            return True
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


def wait_for(condition: Any) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
