"""Both engines give the same answers about a thousand traces; a worker that is killed changes none."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from tests.fleet.conftest import FLEET
from tests.questions import QUESTIONS

from regtap_analysis.queries.answer import OpenedEngine, Question, QuestionError
from regtap_analysis.stats.questions import QUESTIONS as STATS
from regtap_analysis.stats.questions import question_text

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
    "qualify": """SELECT trace, t_ns, STATUS FROM samples
        QUALIFY row_number() OVER (PARTITION BY trace ORDER BY t_ns) = 1 ORDER BY trace""",
}


def rows(opened: OpenedEngine, sql: str) -> list[tuple[Any, ...]]:
    """Return an answer with numbers as numbers."""
    table = opened.engine.ask(Question(sql)).table()
    return [tuple(map(_number, row.values())) for row in table.to_pylist()]


def _number(value: Any) -> Any:
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    return pytest.approx(value) if isinstance(value, float) else value


@pytest.mark.parametrize("number", [str(number) for number in range(1, 11)])
def test_the_ten_questions_have_one_answer(spark: OpenedEngine, duckdb: OpenedEngine, number: str) -> None:
    expected = rows(duckdb, QUESTIONS[number])

    assert expected
    assert rows(spark, QUESTIONS[number]) == expected


@pytest.mark.parametrize("name", _OTHER)
def test_other_questions_too(spark: OpenedEngine, duckdb: OpenedEngine, name: str) -> None:
    expected = rows(duckdb, _OTHER[name])

    assert expected
    assert rows(spark, _OTHER[name]) == expected


@pytest.mark.parametrize("name", STATS)
def test_stats_are_the_same(spark: OpenedEngine, duckdb: OpenedEngine, name: str) -> None:
    sql = question_text(name, ("STATUS",), over_all=True)
    expected = rows(duckdb, sql)

    assert expected
    assert rows(spark, sql) == expected


def test_all_traces_but_the_damaged_one_are_asked(spark: OpenedEngine, duckdb: OpenedEngine) -> None:
    assert spark.traces == duckdb.traces == FLEET.traces - 1
    assert spark.left_out == duckdb.left_out
    assert "run0000/part-00000.parquet is" in spark.left_out[0].reason


def test_wrong_sql_is_sparks_message_on_one_line(spark: OpenedEngine) -> None:
    with pytest.raises(QuestionError, match="`nothing` cannot be resolved") as raised:
        rows(spark, "SELECT nothing FROM samples")

    assert "\n" not in str(raised.value)


def test_a_worker_killed_in_the_middle_changes_no_answer(spark: OpenedEngine, duckdb: OpenedEngine) -> None:
    sql = question_text("percentiles", over_all=True)
    expected = rows(duckdb, sql)
    session = SparkSession.getActiveSession()
    assert session is not None
    tracker = session.sparkContext.statusTracker()
    before = executors()

    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(rows, spark, sql)
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
