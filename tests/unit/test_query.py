"""The tables and macros of `regtap query` on DuckDB, against numpy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests.synthetic import START, STATUS, TraceOptions, counter_trace, write_trace

import regtap_analysis
from regtap.errors import InputError, RefusedError, TraceError
from regtap.registers.model import Field, Register, Value
from regtap.trace.gaps import Gap
from regtap.trace.metadata import Mark
from regtap_analysis.queries.answer import Engine, Question, QuestionError
from regtap_analysis.queries.duck_session import DuckOptions
from regtap_analysis.queries.engines import open_engine
from regtap_analysis.queries.hints import hint

BIG = Register("U.BIG", 0x40, "u64")
MODE = Register("MODE", 0x30, "u8", (Field("STATE", 1, 2, "", (Value("IDLE", 0), Value("RUN", 1)), "OTHER"),))
BIG_VALUES = np.array([2**64 - 2, 2**64 - 1, 0, 1, 1, 5], np.uint64)
STATUS_VALUES = [0, 1, 1, 0x302, 0x302, 0]
MODE_VALUES = [0, 2, 2, 4, 4, 0]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Return an engine on four traces: wide, narrow, of other registers, and unfinished."""
    folder = tmp_path_factory.mktemp("asked")
    options = TraceOptions(rows_per_part=4, gaps=(Gap(3, 2, 20, 70, "missed"),), marks=(Mark(15, "phase 2"),))
    values: dict[str, npt.ArrayLike] = {"STATUS": STATUS_VALUES, "U.BIG": BIG_VALUES, "MODE": MODE_VALUES}
    write_trace(folder / "a", [STATUS, BIG, MODE], [0, 10, 20, 70, 80, 90], values, options)
    write_trace(folder / "b", [Register("STATUS", 0x20, "u8")], [0, 5], {"STATUS": [7, 255]})
    counter_trace(folder / "COUNT=7", 10, rows_per_part=4)
    counter_trace(folder / "live", 5, finished=False)
    opened = open_engine([folder])
    yield opened.engine
    opened.engine.close()


def ask(engine: Engine, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Return the rows of an answer."""
    table = engine.ask(Question(sql, parameters)).table()
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def test_samples_hold_every_register_side_by_side(asked: Engine) -> None:
    rows = ask(
        asked,
        "SELECT regexp_extract(trace, '[^/]*$'), count(*), count(STATUS), count(COUNT)"
        " FROM samples GROUP BY 1 ORDER BY 1",
    )

    assert rows == [("COUNT=7", 10, 0, 10), ("a", 6, 6, 0), ("b", 2, 2, 0), ("live", 5, 0, 5)]


def test_a_register_of_two_types_gets_the_wider_one(asked: Engine) -> None:
    assert ask(asked, "SELECT DISTINCT typeof(STATUS) FROM samples") == [("UINTEGER",)]
    assert ask(asked, "SELECT max(STATUS) FROM samples WHERE trace LIKE '%/b'") == [(255,)]


def test_values_from_two_to_the_sixty_three_are_exact(asked: Engine) -> None:
    rows = ask(asked, "SELECT U.BIG FROM samples WHERE U.BIG > 9223372036854775808 ORDER BY t_ns")

    assert rows == [(2**64 - 2,), (2**64 - 1,)]
    assert ask(asked, "SELECT sum(U.BIG) FROM samples") == [(sum(map(int, BIG_VALUES)),)]


def test_a_column_of_the_folder_is_no_column_of_the_trace(asked: Engine) -> None:
    assert ask(asked, "SELECT max(COUNT) FROM samples WHERE trace LIKE '%COUNT=7'") == [(9,)]


def test_delta_wraps_and_begins_anew_in_each_trace(asked: Engine) -> None:
    rows = ask(asked, "SELECT delta(U.BIG) FROM samples WHERE trace LIKE '%/a'")
    assert rows == [(None,), (1,), (1,), (1,), (0,), (4,)]

    firsts = ask(
        asked,
        "SELECT count(*) FROM (SELECT delta(COUNT, 32) AS d FROM samples WHERE COUNT IS NOT NULL) WHERE d IS NULL",
    )
    assert firsts == [(2,)]


def test_delta_refuses_rows_that_are_no_neighbours(asked: Engine) -> None:
    with pytest.raises(QuestionError, match="before rows are joined or sorted"):
        ask(
            asked,
            "SELECT delta(COUNT) FROM (SELECT * FROM samples WHERE COUNT IS NOT NULL ORDER BY trace, t_ns DESC)",
        )


def test_fields_are_numbers_and_names(asked: Engine) -> None:
    rows = ask(
        asked,
        "SELECT field(STATUS, 'LEVEL'), field(STATUS, DONE), field_name(MODE, 'STATE')"
        " FROM samples WHERE trace LIKE '%/a'",
    )

    assert rows == [
        (0, 0, "IDLE"),
        (0, 0, "RUN"),
        (0, 0, "RUN"),
        (3, 1, "OTHER"),
        (3, 1, "OTHER"),
        (0, 0, "IDLE"),
    ]


def test_wall_time_is_the_start_and_the_time(asked: Engine) -> None:
    (moment,) = ask(asked, "SELECT epoch_us(wall_time(t_ns)) FROM samples s WHERE COUNT = 9")

    assert moment == ((START.realtime_ns + 9_000) // 1000,)


def test_changes_are_those_of_numpy(asked: Engine) -> None:
    rows = ask(
        asked,
        "SELECT signal, t_ns, since_ns, before, value, name FROM changes WHERE trace LIKE '%/a' ORDER BY 1, 2",
    )

    level, done = ("STATUS.LEVEL", 70, 20, 0, 3, None), ("STATUS.DONE", 90, 80, 1, 0, None)
    assert level in rows
    assert done in rows
    assert [row for row in rows if row[0] == "U.BIG"][:2] == [
        ("U.BIG", 10, 0, 2**64 - 2, 2**64 - 1, None),
        ("U.BIG", 20, 10, 2**64 - 1, 0, None),
    ]
    assert [row[-1] for row in rows if row[0] == "MODE.STATE"] == ["RUN", "OTHER", "IDLE"]
    assert sum(row[0] == "STATUS" for row in rows) == 3


def test_changes_go_on_over_parts_and_never_over_traces(asked: Engine) -> None:
    rows = ask(
        asked, "SELECT count(*), min(t_ns), bool_and(value = before + 1) FROM changes WHERE signal = 'COUNT'"
    )

    assert rows == [(9 + 4, 1000, True)]


def test_states_span_the_trace_and_tell_whole_ones(asked: Engine) -> None:
    rows = ask(asked, "SELECT t0_ns, t1_ns, name, whole FROM states WHERE signal = 'MODE.STATE' ORDER BY 1")

    assert rows == [
        (0, 10, "IDLE", False),
        (10, 70, "RUN", False),  # a gap from 20 to 70 hides its end
        (70, 90, "OTHER", False),
        (90, 90, "IDLE", False),
    ]


def test_the_catalogue_is_in_tables(asked: Engine) -> None:
    assert ask(asked, "SELECT cause, count, t0_ns, t1_ns FROM gaps") == [("missed", 2, 20, 70)]
    assert ask(asked, "SELECT t_ns, text FROM marks") == [(15, "phase 2")]
    assert ask(asked, "SELECT min, max, type FROM registers WHERE register = 'U.BIG'") == [
        (0, 2**64 - 1, "u64")
    ]
    assert ask(asked, "SELECT lsb, bits FROM fields WHERE field = 'LEVEL'") == [(8, 4)]
    assert ask(asked, "SELECT rows, unfinished FROM traces WHERE trace LIKE '%live'") == [(5, True)]


def test_the_tables_are_listed_and_described(asked: Engine) -> None:
    assert ask(asked, "show tables;")[:2] == [("samples",), ("changes",)]
    assert ask(asked, "SELECT column_name FROM (DESCRIBE marks)") == [("trace",), ("t_ns",), ("text",)]


def test_a_table_is_made_when_a_question_names_it(tmp_path: Path) -> None:
    counter_trace(tmp_path / "run", 10)
    opened = open_engine([tmp_path])
    made = "SELECT view_name FROM duckdb_views() WHERE NOT internal AND database_name = current_database() ORDER BY 1"

    before = ask(opened.engine, made)
    ask(opened.engine, 'SELECT count(*) FROM "Samples"')
    after = ask(opened.engine, made)
    opened.engine.close()

    assert (before, after) == ([], [("rows_0_",), ("samples",)])


def test_a_part_that_comes_back_is_read_by_the_next_question(tmp_path: Path) -> None:
    part = counter_trace(tmp_path / "run", 10) / "part-00000.parquet"
    opened = open_engine([tmp_path])
    part.rename(tmp_path / "away")

    with pytest.raises(QuestionError, match=r"part-00000\.parquet was removed meanwhile"):
        ask(opened.engine, "SELECT count(*) FROM samples")
    (tmp_path / "away").rename(part)

    assert ask(opened.engine, "SELECT count(*) FROM samples") == [(10,)]
    opened.engine.close()


def test_parameters_are_values(asked: Engine) -> None:
    assert ask(asked, "SELECT count(*) FROM samples WHERE COUNT > $least", least=7) == [(2,)]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT nothing FROM samples", 'column "nothing" not found'),
        ("SELECT dela(STATUS) FROM samples", r"\Athere is no function dela; did you mean delta\?\Z"),
        ("SELECT U.BIGG FROM samples", r"\Athere is no column U.BIGG; did you mean U.BIG\?\Z"),
        (
            "SELECT max(COUMT) AS coumt FROM samples",
            r"\Athere is no column COUMT; did you mean COUNT\?; the question",
        ),
        (
            "SELECT max(VERSION) AS version FROM samples",
            r"\Athere is no column VERSION; the question gives this name",
        ),
        ("FROM sample", r"no table sample; did you mean samples\? \(tables: samples, changes,"),
        ("SELECT STATUS.DONE FROM samples", r"STATUS.DONE is no column; a field is field\(STATUS, 'DONE'\)"),
        ("SELEC 1", "syntax error .* at: SELEC 1"),
        ("SELECT 1; SELECT 2", "a question is one SELECT"),
        ("DROP VIEW samples", "a question is one SELECT"),
        ("COPY samples TO 'x.csv'", "a question is one SELECT"),
        ("SELECT error('in the middle') FROM samples", "in the middle"),
    ],
)
def test_wrong_sql_is_the_engines_message_on_one_line(asked: Engine, sql: str, message: str) -> None:
    with pytest.raises(QuestionError, match=message) as raised:
        ask(asked, sql)

    assert "\n" not in str(raised.value)


def test_only_the_row_groups_that_matter_are_read(tmp_path: Path) -> None:
    for name in ("run1", "run2"):
        counter_trace(tmp_path / name, 4000, rows_per_part=1000)
    opened = open_engine([tmp_path])

    first = "EXPLAIN ANALYZE SELECT max(COUNT) FROM samples WHERE t_ns < 500000"
    named = f"EXPLAIN ANALYZE SELECT max(COUNT) FROM samples WHERE trace = '{tmp_path}/run2' AND COUNT > 3500"

    assert "Row Groups Scanned: 2 / 8" in ask(opened.engine, first)[0][1]
    assert "Row Groups Scanned: 1 / 4" in ask(opened.engine, named)[0][1]
    opened.engine.close()


def test_memory_that_does_not_do_is_one_line(tmp_path: Path) -> None:
    counter_trace(tmp_path / "run", 1000)
    opened = open_engine([tmp_path], options=DuckOptions(memory_bytes=1 << 20, temporary=str(tmp_path)))

    with pytest.raises(QuestionError, match=r"more memory than the 1\.0 MiB .* --memory"):
        ask(
            opened.engine,
            "SELECT list(a.COUNT) FROM samples a, samples b, samples c GROUP BY b.COUNT, c.COUNT",
        )
    opened.engine.close()


def test_a_full_temporary_folder_is_no_lack_of_memory() -> None:
    message = "Out of Memory Error: failed to offload data block of size 256.0 KiB (0 bytes/0 bytes used).\nThis limit"

    better = hint(message, "FROM samples", ())

    assert better is not None
    assert "temporary folder" in better
    assert "--temp" in better


def test_python_gets_an_arrow_table(tmp_path: Path) -> None:
    counter_trace(tmp_path / "run", 10)

    table = regtap_analysis.query(
        tmp_path / "run", "SELECT max(COUNT) AS most FROM samples WHERE COUNT < $m", {"m": 5}
    )

    assert table.to_pydict() == {"most": [4]}


def test_maps_describe_traces_that_were_recorded_without_them(tmp_path: Path) -> None:
    write_trace(tmp_path / "run", [Register("X", 0x20)], [0, 10, 20], {"X": [0, 1, 0x301]})
    sql = (
        "SELECT name, value FROM changes WHERE signal = 'X.BUSY' UNION ALL SELECT register, bits FROM fields"
    )
    (tmp_path / "map.toml").write_text(
        "registers.STATUS = { address = 0x20, fields.BUSY = { bits = 0, values = { RUNNING = 1 } } }"
    )

    table = regtap_analysis.query(tmp_path / "run", sql, maps=tmp_path / "map.toml")

    assert [tuple(row.values()) for row in table.to_pylist()] == [("RUNNING", 1), ("X", 1)]


def test_python_raises_where_a_folder_is_no_trace(tmp_path: Path) -> None:
    counter_trace(tmp_path / "run", 10)

    with pytest.raises(TraceError, match="no such folder"):
        regtap_analysis.query([tmp_path / "run", tmp_path / "none"], "SELECT 1")


def test_an_engine_that_is_unknown_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown engine 'polars'"):
        open_engine([tmp_path], "polars")


@pytest.mark.parametrize("name", ["odd[1]*?", "it's", "sp ace%20+", 'quo"te', "$x", "back\\slash"])
def test_folders_of_any_name_are_read(tmp_path: Path, name: str) -> None:
    counter_trace(tmp_path / name, 7)

    table = regtap_analysis.query(tmp_path, "SELECT trace, count(*) AS n FROM samples GROUP BY 1")

    assert table.to_pylist() == [{"trace": str(tmp_path / name), "n": 7}]


def test_a_register_with_a_columns_name_gets_another_name(tmp_path: Path) -> None:
    write_trace(tmp_path / "run", [Register("TRACE", 0)], [0], {"TRACE": [3]})

    assert regtap_analysis.query(tmp_path, "SELECT TRACE_ AS x FROM samples").to_pydict() == {"x": [3]}


def test_traces_without_rows_have_tables_all_the_same(tmp_path: Path) -> None:
    counter_trace(tmp_path / "run", 0)

    table = regtap_analysis.query(
        tmp_path, "SELECT (SELECT count(COUNT) FROM samples) AS n, (SELECT count(*) FROM changes) AS c"
    )

    assert table.to_pylist() == [{"n": 0, "c": 0}]
    assert regtap_analysis.stats(tmp_path, registers=["COUNT"])["signals"].num_rows == 0


@pytest.mark.parametrize(
    "step", ["duck_session._import_duckdb", "duck_session.DuckSession._connect", "duck.DuckTables"]
)
def test_an_engine_that_does_not_open_leaves_no_folder(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = counter_trace(tmp_path / "runs" / "run")
    trace.rename(trace.with_name(os.fsdecode(b"bad\xff")))  # a path that needs a link
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))

    def refuse(*_: object) -> None:
        assert list((tmp_path / "temporary").iterdir()), "no folder was made that could stay"
        raise RefusedError("not here", remedy="install it")

    monkeypatch.setattr(f"regtap_analysis.queries.{step}", refuse)
    with pytest.raises(RefusedError, match="not here"):
        open_engine([tmp_path / "runs"])

    assert list((tmp_path / "temporary").iterdir()) == []
