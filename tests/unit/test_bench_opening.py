"""Opening what a run has left: its result, and every block of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.simulated_bench import Machine, evaluation_of, result_of

from regtap.errors import InputError
from regtap_bench.figures.comparison import compare
from regtap_bench.figures.result import Result
from regtap_bench.measuring import raw_parquet
from regtap_bench.measuring.blocks import Blocks
from regtap_bench.results import open_blocks, open_result


@pytest.fixture(scope="module")
def blocks() -> Blocks:
    return Machine().run(rounds=20, processes=3)


@pytest.fixture
def stored(blocks: Blocks, tmp_path: Path) -> Path:
    with open(tmp_path / "raw.parquet", "wb") as file:
        raw_parquet.write({"regular": blocks, "bulk": blocks}, file)
    return tmp_path / "raw.parquet"


@pytest.mark.parametrize("cadence", ["regular", "bulk"])
def test_blocks_come_back_bit_for_bit(blocks: Blocks, stored: Path, cadence: str) -> None:
    again = open_blocks(str(stored), cadence)
    assert again.series == blocks.series
    assert len(again.processes) == 3

    for ours, theirs in zip(again.processes, blocks.processes, strict=True):
        assert ours.ns_per_tick == theirs.ns_per_tick
        for name in ("ticks", "position", "switches", "faults", "moves", "stolen", "delay_truth_ns"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), strict=True)


def test_blocks_that_a_run_has_not_are_named(stored: Path) -> None:
    with pytest.raises(InputError, match="no slow blocks, only regular, bulk"):
        open_blocks(str(stored), "slow")


def test_a_folder_is_opened_by_its_name(stored: Path) -> None:
    assert open_blocks(str(stored.parent)).series


def test_what_was_found_can_be_found_again(blocks: Blocks, stored: Path) -> None:
    assert result_of(evaluation_of(open_blocks(str(stored)))) == result_of(evaluation_of(blocks))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"nothing of that kind" * 10])
def test_something_else_holds_no_blocks(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "raw.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"raw\.parquet holds no blocks of `regtap bench`, or is damaged"):
        open_blocks(str(tmp_path))


def test_a_foreign_table_holds_no_blocks(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "raw.parquet")
    with pytest.raises(InputError, match="holds no blocks"):
        open_blocks(str(tmp_path))


def test_a_truncated_file_holds_no_blocks(stored: Path) -> None:
    content = stored.read_bytes()
    for length in range(1, len(content), len(content) // 50):
        stored.write_bytes(content[:-length])
        with pytest.raises(InputError, match="holds no blocks"):
            open_blocks(str(stored))


def test_rows_that_are_missing_are_noticed(blocks: Blocks, stored: Path) -> None:
    table = pq.read_table(stored)
    round_rows = 3 * len(blocks.series)
    for kept in (table.slice(1), table.slice(round_rows), table.slice(0, table.num_rows - 20 * round_rows)):
        pq.write_table(kept, stored)
        with pytest.raises(InputError, match="holds no blocks"):
            open_blocks(str(stored))


def test_a_folder_without_blocks_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no raw\.parquet in"):
        open_blocks(str(tmp_path))


@pytest.fixture(scope="module")
def result(blocks: Blocks) -> Result:
    return result_of(evaluation_of(blocks))


def test_a_result_is_opened_by_its_folder_or_its_name(result: Result, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(result.to_json())
    assert open_result(str(tmp_path)) == open_result(str(tmp_path / "result.json")) == result


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\x00" * 50, b"PAR1"])
def test_something_else_is_no_result(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "given.json").write_bytes(content)
    with pytest.raises(InputError, match=r"given\.json: this is no result of `regtap bench`"):
        open_result(str(tmp_path / "given.json"))


def test_a_result_cut_anywhere_is_no_result(result: Result, tmp_path: Path) -> None:
    text = result.to_json()
    for length in range(2, len(text), len(text) // 30):
        (tmp_path / "result.json").write_text(text[:-length])
        with pytest.raises(InputError, match="no result"):
            open_result(str(tmp_path))


def _without_arm(name: str) -> Callable[[dict[str, Any]], None]:
    def change(given: dict[str, Any]) -> None:
        given["rows"] = [row for row in given["rows"] if row["arm"] != name]

    return change


def _without_quantile(given: dict[str, Any]) -> None:
    given["rows"][0]["costs"]["throughput"]["quantiles_ns"].pop()


def _without_stretch(given: dict[str, Any]) -> None:
    given["rows"][0]["costs"]["throughput"]["stretches_ns"][1] = []


def _with_fewer_stretches(given: dict[str, Any]) -> None:
    given["rows"][0]["costs"]["throughput"]["stretches_ns"][1].pop()


def _without_price(given: dict[str, Any]) -> None:
    (row,) = (row for row in given["rows"] if row["arm"] == "pread")
    row["costs"]["throughput"]["ns"]["value"] = 0


def _without_cost(given: dict[str, Any]) -> None:
    given["rows"][0]["costs"] = {}


def _of_another_type(given: dict[str, Any]) -> None:
    given["register"]["type"] = "u31"


def _without_address(given: dict[str, Any]) -> None:
    del given["register"]["address"]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_without_arm("pread"), "there is no 'pread'"),
        (_without_quantile, "quantiles_ns of throughput of 'A/A twin' are not 101"),
        (_without_stretch, "stretches_ns of throughput of 'A/A twin' are missing"),
        (_with_fewer_stretches, "stretches_ns are not all of the same rounds"),
        (_without_price, "throughput of 'pread' is not above 0"),
        (_without_cost, "'A/A twin' has no cost"),
        (_of_another_type, "register has no known type"),
        (_without_address, "register has no name or no address"),
    ],
)
def test_a_result_that_lacks_what_every_run_has_is_damaged(
    damage: Callable[[dict[str, Any]], None], says: str, result: Result, tmp_path: Path
) -> None:
    given = json.loads(result.to_json())
    damage(given)
    (tmp_path / "result.json").write_text(json.dumps(given))

    with pytest.raises(InputError, match="the result is damaged: " + says):
        open_result(str(tmp_path))


def test_an_arm_with_rounds_of_its_own_may_have_fewer(result: Result, tmp_path: Path) -> None:
    given = json.loads(result.to_json())
    row = given["rows"][-1]
    row["own_rounds"] = True
    for cost in row["costs"].values():
        for process in cost["stretches_ns"]:
            process.pop()
    (tmp_path / "result.json").write_text(json.dumps(given))

    opened = open_result(str(tmp_path))

    changes = {it.arm: it for it in compare(opened, opened).changes}
    assert changes[row["arm"]].beside_baseline is None  # nothing to pair it with
    assert changes["lseek+read"].beside_baseline is not None
