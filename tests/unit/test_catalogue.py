"""Finding traces below folders, and what their footers say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from tests.synthetic import START, counter_trace

import regtap_analysis
from regtap.errors import InputError, TraceError
from regtap.trace.gaps import Gap
from regtap.trace.metadata import Mark
from regtap_analysis.catalogue.arrow import table_of
from regtap_analysis.catalogue.filters import Filter, parse_since_ns
from regtap_analysis.catalogue.listing import list_traces
from regtap_analysis.catalogue.read import read_catalogue
from regtap_analysis.catalogue.search import find_traces
from regtap_analysis.commands.traces import traces


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a collection of three traces, in the current folder."""
    monkeypatch.chdir(tmp_path)
    gap = Gap(5, 2, 4_000, 7_000, "missed")
    counter_trace(Path("runs/board-1/run1"), 100, gaps=(gap,), marks=(Mark(10, "begin"),), rows_per_part=30)
    counter_trace(Path("runs/board-1/run2"), 50, gaps=(Gap(5, 3, 4_000, 7_000, "full"),))
    counter_trace(Path("runs/deep/er/COUNT=7"), 10, finished=False)
    return tmp_path / "runs"


def test_traces_are_found_at_any_depth(runs: Path) -> None:
    found = find_traces(["runs"])

    assert [location.name for location in found.locations] == [
        "runs/board-1/run1",
        "runs/board-1/run2",
        "runs/deep/er/COUNT=7",
    ]
    assert [location.path for location in found.locations] == [
        str(runs.parent / it.name) for it in found.locations
    ]


def test_a_trace_named_twice_counts_once(runs: Path) -> None:
    found = find_traces(["runs/board-1/run1", "./runs//board-1/run1/", "runs/board-1"])

    assert [location.name for location in found.locations] == ["runs/board-1/run1", "runs/board-1/run2"]


def test_a_pattern_is_expanded_here(runs: Path) -> None:
    found = find_traces(["runs/**"])

    assert len(found.locations) == 3
    assert found.left_out == ()


def test_a_folder_called_like_a_pattern_is_a_folder(runs: Path) -> None:
    counter_trace(Path("runs/odd[1]*?"), 3)

    assert [location.name for location in find_traces(["runs/odd[1]*?"]).locations] == ["runs/odd[1]*?"]


def test_links_below_a_folder_are_not_followed(runs: Path) -> None:
    os.symlink("board-1", "runs/latest")

    assert len(find_traces(["runs"]).locations) == 3


def test_a_name_leaves_the_folder_as_an_absolute_path(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs / "deep")

    (first, _) = find_traces(["../board-1"]).locations

    assert first.name == first.path == str(runs / "board-1" / "run1")


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("nowhere", "there is no such folder"),
        ("file.txt", "is no folder"),
        ("empty", "is no trace and holds none"),
    ],
)
def test_what_is_no_trace_is_named(runs: Path, argument: str, reason: str) -> None:
    Path("file.txt").write_text("x")
    Path("empty").mkdir()

    (left_out,) = find_traces([argument]).left_out

    assert left_out.name == argument
    assert reason in left_out.reason


def test_a_damaged_trace_is_left_out_and_stops_nothing(runs: Path) -> None:
    Path("runs/board-1/run1/part-00001.parquet").unlink()

    catalogue = read_catalogue(["runs"])

    assert [facts.name for facts in catalogue.traces] == ["runs/board-1/run2", "runs/deep/er/COUNT=7"]
    assert catalogue.left_out[0].reason.startswith("runs/board-1/run1: part-00001.parquet is missing")


def test_a_trace_of_a_later_format_is_left_out(runs: Path) -> None:
    part = Path("runs/board-1/run2/part-00000.parquet")
    part.write_bytes(part.read_bytes().replace(b'"format_version":2', b'"format_version":9'))

    (left_out,) = read_catalogue(["runs"]).left_out

    assert "trace format 9" in left_out.reason


def test_facts_add_up_what_the_footers_say(runs: Path) -> None:
    first, second, third = read_catalogue(["runs"]).traces

    assert (first.rows, first.parts, first.missed, first.lost) == (100, 4, 2, 0)
    assert (second.rows, second.missed, second.lost) == (50, 0, 3)
    assert (first.first_ns, first.last_ns, first.start_ns) == (0, 99_000, START.realtime_ns)
    assert (first.ended, third.ended) == ("stopped", None)
    assert first.marks == (Mark(10, "begin"),)


def test_registers_that_differ_in_case_only_are_refused(tmp_path: Path) -> None:
    from tests.synthetic import write_trace

    from regtap.registers.model import Register

    write_trace(tmp_path / "run", [Register("X", 0), Register("x", 4)], [0], {"X": [1], "x": [2]})

    (left_out,) = read_catalogue([tmp_path / "run"]).left_out

    assert "X and x differ in case only" in left_out.reason


def test_filters_choose_by_loss_host_and_start(runs: Path) -> None:
    listed = read_catalogue(["runs"]).traces

    assert [it.name for it in Filter(lost=True).choose(listed)] == ["runs/board-1/run1", "runs/board-1/run2"]
    assert len(Filter(host="boa*").choose(listed)) == 3
    assert Filter(host="other").choose(listed) == []
    assert Filter(since_ns=START.realtime_ns + 1).choose(listed) == []
    assert len(Filter(since_ns=START.realtime_ns).choose(listed)) == 3


@pytest.mark.parametrize(
    ("text", "expected_ns"),
    [
        ("1970-01-02", 86_400 * 10**9),
        ("1970-01-01T00:00:01", 10**9),
        ("1970-01-01T01:00:00+01:00", 0),
        ("2026-11-01T08:30:00.9", 1_793_521_800_900_000_000),
        ("2026-11-01T08:30:00.123457", 1_793_521_800_123_457_000),
        ("2h", 10**18 - 7_200 * 10**9),
    ],
)
def test_since_is_a_date_a_time_or_how_long_ago(text: str, expected_ns: int) -> None:
    assert parse_since_ns(text, now_ns=10**18) == expected_ns


def test_since_refuses_what_is_no_moment() -> None:
    with pytest.raises(InputError, match="'yesterday' is no moment"):
        parse_since_ns("yesterday")


def test_a_list_with_traces_left_out_ends_with_exit_code_1(runs: Path) -> None:
    (runs / "empty").mkdir()

    result = CliRunner().invoke(traces, ["runs", "runs/empty"], standalone_mode=False)

    assert result.return_value == 1
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        "TRACE",
        *(it.name for it in find_traces(["runs"]).locations),
    ]
    assert "left out: runs/empty is no trace and holds none" in result.stderr


def test_the_command_prints_json(runs: Path) -> None:
    result = CliRunner().invoke(traces, ["runs", "--lost", "--json"], standalone_mode=False)

    first, second = json.loads(result.stdout)
    assert (first["trace"], first["missed"], first["marks"]) == (
        "runs/board-1/run1",
        2,
        [{"t_ns": 10, "text": "begin"}],
    )
    assert second["lost"] == 3
    assert result.return_value == 0


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "trace": st.none() | st.text(st.characters(exclude_categories=["Cs"])),
                "start": st.none() | st.integers(0, 2**62),
                "address": st.none() | st.integers(0, 2**64 - 1),
                "unfinished": st.none() | st.booleans(),
                "error_bound_ns": st.none() | st.floats(allow_nan=False),
            }
        ),
        max_size=20,
    )
)
def test_tables_are_those_of_pyarrow(rows: list[dict[str, Any]]) -> None:
    kinds = [pa.string(), pa.timestamp("us"), pa.uint64(), pa.bool_(), pa.float64()]
    schema = pa.schema(
        list(zip(["trace", "start", "address", "unfinished", "error_bound_ns"], kinds, strict=True))
    )

    made = table_of(rows, schema)

    made.validate(full=True)
    assert made.equals(pa.Table.from_pylist(rows, schema))


def test_a_narrow_terminal_has_less_columns(runs: Path) -> None:
    traces = read_catalogue(["runs"]).traces
    whole = list_traces(traces)
    width = max(map(len, whole.lines))

    less = list_traces(traces, width - 1)

    assert list_traces(traces, width) == whole
    assert whole.left_out == ()
    assert less.left_out == ("REGISTERS",)
    assert all(short == long[: len(short)] for short, long in zip(less.lines, whole.lines, strict=True))


def test_python_gets_the_catalogue_as_a_table(runs: Path) -> None:
    table = regtap_analysis.traces("runs", lost=True)

    assert table["trace"].to_pylist() == ["runs/board-1/run1", "runs/board-1/run2"]
    assert table.schema.field("start").type == pa.timestamp("us")
    with pytest.raises(TraceError, match="no such folder"):
        regtap_analysis.traces(["runs", "none"])


def test_tables_csv_and_json_need_neither_arrow_nor_numpy(runs: Path) -> None:
    program = """import sys
from regtap.cli.main import main
for form in ("table", "csv", "json"):
    main(["query", "SELECT * FROM samples, traces LIMIT 1", "runs", "--format", form])
main(["stats", "runs"])
main(["traces", "runs"])
print([name for name in ("numpy", "pyarrow") if name in sys.modules], file=sys.stderr)"""

    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert done.stderr == "[]\n"


def test_a_question_imports_no_pandas(runs: Path) -> None:
    asked = "import sys, regtap_analysis as a; a.query('runs', 'SELECT * FROM traces')"
    program = f"{asked}; print('pandas' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert done.stdout == "False\n"


def test_samples_overwritten_as_asked_are_not_lost(tmp_path: Path) -> None:
    flight = (Gap(0, 7, 0, 70, "overwritten"),)
    counter_trace(tmp_path / "flight", gaps=flight)
    counter_trace(tmp_path / "lossy", gaps=(*flight, Gap(8, 1, 80, 90, "full")))

    listed = Filter(lost=True).choose(read_catalogue([tmp_path]).traces)

    assert [Path(it.name).name for it in listed] == ["lossy"]
