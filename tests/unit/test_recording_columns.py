"""Names of columns that every reader of a trace tells apart."""

from __future__ import annotations

from pathlib import Path

import pytest

import regtap
from regtap.errors import InputError
from regtap.recording.columns import check_columns
from regtap.registers.model import Register


@pytest.mark.parametrize("names", [("cnt", "CNT"), ("T_NS",), ("A", "Latency_ns")])
def test_names_that_differ_in_case_only_are_refused(names: tuple[str, ...]) -> None:
    registers = [Register(name, 8 * at) for at, name in enumerate(names)]

    with pytest.raises(InputError, match="are one column to tools"):
        check_columns(registers, "run")


@pytest.mark.parametrize("output", ["COUNT32=7", "count32=7/run", "../t_ns=1/x"])
def test_a_folder_that_readers_take_for_a_column_is_refused(output: str) -> None:
    with pytest.raises(InputError, match="would take the folder"):
        check_columns([Register("COUNT32", 8)], output)


@pytest.mark.parametrize("output", ["run", "board=3", "=x", "test_x-COUNT32=7"])
def test_other_folders_are_taken(output: str) -> None:
    check_columns([Register("COUNT32", 8), Register("COUNT64", 16, "u64")], output)


def test_nothing_is_made_where_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cnt and CNT are one column"):
        regtap.record(["cnt=0x8", "CNT=0x20"], tmp_path / "run", target="sim")

    assert not (tmp_path / "run").exists()
