"""Answers as tables, CSV, JSON and Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regtap.errors import InputError
from regtap_analysis.queries.answer import Answer, Column, Question
from regtap_analysis.queries.arrow_answer import ArrowAnswer
from regtap_analysis.queries.duck import DuckEngine
from regtap_analysis.queries.forms import form_of, whole_file, write_answer
from regtap_analysis.queries.table import write_rows

TABLE = pa.table(
    {
        "name": ["a", "b,\x1b[31m", None],
        "big": pa.array([2**64 - 1, 0, 7], pa.uint64()),
        "sum": pa.array([Decimal(2**70), Decimal(1), None], pa.decimal128(38, 0)),
        "list": [[1, 2], [], None],
        "at": pa.array([datetime(2026, 1, 2, 3, 4, 5), None, None], pa.timestamp("us")),
        "share": [0.5, float("nan"), 1e300],
    }
)


def answer() -> Answer:
    """Return the table as an answer of two batches."""
    return ArrowAnswer(TABLE.schema, iter(TABLE.to_batches(max_chunksize=2)))


def written(form: str) -> str:
    """Return what the table is written as."""
    file = io.BytesIO()
    assert write_answer(answer(), form, file) == 3
    return file.getvalue().decode()


def test_a_table_aligns_numbers_and_escapes_signs() -> None:
    heading, first, second, third = written("table").splitlines()

    assert heading.split() == ["name", "big", "sum", "list", "at", "share"]
    assert first.split()[:3] == ["a", "18446744073709551615", "1180591620717411303424"]
    assert second.startswith("b,\\x1b[31m")
    assert third.startswith("NULL")
    assert first.index("18446744073709551615") + 20 == third.index("7") + 1


def test_json_keeps_integers_whole_and_has_no_nan() -> None:
    first, second, third = json.loads(written("json"))

    assert (first["big"], first["sum"], first["list"]) == (2**64 - 1, 2**70, [1, 2])
    assert first["at"] == "2026-01-02T03:04:05Z"
    assert second["share"] is None
    assert third["name"] is None


def test_json_of_nothing_is_an_empty_list() -> None:
    file = io.BytesIO()

    write_answer(ArrowAnswer(TABLE.schema, iter(())), "json", file)

    assert json.loads(file.getvalue()) == []


def test_json_lines_are_an_object_each() -> None:
    lines = [json.loads(line) for line in written("jsonl").splitlines()]

    assert lines == json.loads(written("json"))


def test_csv_holds_lists_as_json() -> None:
    lines = written("csv").splitlines()

    assert lines[0] == "name,big,sum,list,at,share"
    assert lines[1] == 'a,18446744073709551615,1180591620717411303424,"[1,2]",2026-01-02 03:04:05,0.5'
    assert lines[3] == ",7,,,,1e+300"


VALUES = """SELECT i AS number, 18446744073709551615::UBIGINT - i::UBIGINT AS big,
    sum(i * 10::HUGEINT) OVER () AS total,
    CASE i WHEN 0 THEN 'plain' WHEN 1 THEN 'a,"b"' WHEN 2 THEN '' WHEN 3 THEN NULL ELSE E' x\n' END AS text,
    i % 2 = 0 AS flag, i / 8 AS share, [i, i + 1] AS list, {'a': i, 'b': 'x'} AS pair, from_hex('6162ff') AS raw,
    make_timestamp(i * 1000000) AS moment, DATE '2026-01-02' AS day, (i / 4)::DECIMAL(10, 2) AS cents
    FROM range(5) t(i)"""


HEADING = "number,big,total,text,flag,share,list,pair,raw,moment,day,cents\n"


@pytest.fixture
def duckdb() -> Iterator[DuckEngine]:
    """Return DuckDB on no trace."""
    engine = DuckEngine(())
    yield engine
    engine.close()


def test_csv_holds_each_type_as_it_is_read_back(duckdb: DuckEngine) -> None:
    file = io.BytesIO()

    assert write_answer(duckdb.ask(Question(VALUES)), "csv", file) == 5

    first, second, *_, last = csv.reader(io.StringIO(file.getvalue().decode()[len(HEADING) :]))
    assert file.getvalue().decode().startswith(HEADING)
    assert first == [
        "0",
        str(2**64 - 1),
        "100",
        "plain",
        "true",
        "0.0",
        "[0,1]",
        '{"a":0,"b":"x"}',
        "6162ff",
        "1970-01-01 00:00:00",
        "2026-01-02",
        "0.00",
    ]
    assert second[3:6] == ['a,"b"', "false", "0.125"]
    assert last[3] == " x\n"


def test_csv_tells_an_empty_text_from_nothing(duckdb: DuckEngine) -> None:
    file = io.BytesIO()

    write_answer(duckdb.ask(Question("SELECT '' AS a, NULL AS b, 1 AS c")), "csv", file)

    assert file.getvalue() == b'a,b,c\n"",,1\n'


@given(st.lists(st.tuples(st.none() | st.integers(0, 2**64 - 1), st.floats(allow_nan=False)), min_size=1))
def test_numbers_are_written_alike_by_either_way(rows: list[tuple[int | None, float]]) -> None:
    columns = [[row[0] for row in rows], [row[1] for row in rows]]
    table = pa.table({"a": pa.array(columns[0], pa.uint64()), "b": pa.array(columns[1], pa.float64())})
    file = io.BytesIO()

    write_answer(ArrowAnswer(table.schema, iter(table.to_batches())), "csv", file)

    lines = [line.split(",") for line in file.getvalue().decode().splitlines()[1:]]
    assert [(int(a) if a else None, float(b)) for a, b in lines] == rows


def test_the_parquet_of_duckdb_holds_its_values(duckdb: DuckEngine, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    with path.open("wb") as file:
        assert write_answer(duckdb.ask(Question(VALUES)), "parquet", file) == 5

    expected = duckdb.ask(Question(VALUES)).table()

    assert pq.read_table(path).to_pylist() == expected.to_pylist()
    assert pq.read_schema(path).field("total").type == pa.decimal128(38, 0)


def test_an_explanation_is_an_answer(duckdb: DuckEngine) -> None:
    file = io.BytesIO()

    assert write_answer(duckdb.ask(Question("EXPLAIN SELECT 1;  -- done")), "csv", file) == 1


ROWS = [["a", "1"], ["a long text", "1000"]]


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (None, "name         value\na                1\na long text   1000\n"),
        (18, "name         value\na                1\na long text   1000\n"),
        (17, "-- row 1\nname   a\nvalue  1\n-- row 2\nname   a long text\nvalue  1000\n"),
    ],
)
def test_a_row_that_is_too_wide_is_a_block_of_lines(width: int | None, text: str) -> None:
    columns, file = [Column("name", is_number=False), Column("value", is_number=True)], io.BytesIO()

    assert write_rows(columns, iter(ROWS), file, width) == 2

    assert file.getvalue().decode() == text


def test_parquet_is_the_answer_itself(tmp_path: Path) -> None:
    with whole_file(tmp_path / "x.parquet", force=False) as file:
        write_answer(answer(), "parquet", file)

    assert pq.read_table(tmp_path / "x.parquet").schema.equals(TABLE.schema)


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "odd[1]*.csv"

    with pytest.raises(ZeroDivisionError), whole_file(path, force=False) as file:
        file.write(b"half")
        raise ZeroDivisionError

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("kept")

    with pytest.raises(InputError, match="exists"), whole_file(path, force=False):
        pass

    assert path.read_text() == "kept"


@pytest.mark.parametrize(
    ("path", "named", "form"),
    [(None, None, "table"), (Path("x.CSV"), None, "csv"), (Path("x.dat"), "json", "json")],
)
def test_the_form_is_named_or_the_files(path: Path | None, named: str | None, form: str) -> None:
    assert form_of(path, named) == form


@pytest.mark.parametrize(("path", "named"), [(Path("x.dat"), None), (None, "parquet")])
def test_a_form_that_cannot_be_is_refused(path: Path | None, named: str | None) -> None:
    with pytest.raises(InputError):
        form_of(path, named)
