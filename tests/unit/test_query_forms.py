"""Answers as tables, CSV, JSON and Parquet."""

from __future__ import annotations

import io
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regtap.errors import InputError
from regtap_analysis.queries.answer import Answer
from regtap_analysis.queries.forms import form_of, whole_file, write_answer

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
    return Answer(TABLE.schema, iter(TABLE.to_batches(max_chunksize=2)))


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

    write_answer(Answer(TABLE.schema, iter(())), "json", file)

    assert json.loads(file.getvalue()) == []


def test_csv_holds_lists_as_json() -> None:
    lines = written("csv").splitlines()

    assert lines[0] == '"name","big","sum","list","at","share"'
    assert lines[1].startswith(
        '"a",18446744073709551615,"1180591620717411303424","[1, 2]",2026-01-02 03:04:05'
    )


def test_parquet_is_the_answer_itself(tmp_path: Path) -> None:
    with whole_file(tmp_path / "x.parquet", force=False) as file:
        write_answer(answer(), "parquet", file)

    assert pq.read_table(tmp_path / "x.parquet").schema.equals(TABLE.schema)


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"

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
