"""The page index of a part: what it says, and that a file which lies about it is refused."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.synthetic import TraceOptions, write_trace

from regtap.errors import RefusedError, TraceError
from regtap.registers.model import Register
from regtap.trace.page_index import PageIndex, read_page_index

REGISTERS = [Register("A", 0, "u8"), Register("B", 4, "u32"), Register("C", 8, "u64")]
TYPES = {"t_ns": "int64", "A": "uint8", "B": "uint32", "C": "uint64"}
ROWS = 70_000


def write(folder: Path, rows: int = ROWS, *, is_native: bool = True) -> Path:
    rng = np.random.default_rng(3)
    columns = {
        "A": rng.integers(0, 255, rows),
        "B": rng.integers(0, 2**32 - 1, rows),
        "C": rng.integers(2**63, 2**64 - 1, rows, np.uint64),
    }
    options = TraceOptions(is_native=is_native)
    return write_trace(folder, REGISTERS, np.arange(rows) * 3, columns, options) / "part-00000.parquet"


def index_of(path: Path) -> PageIndex:
    index = read_page_index(path, TYPES)
    assert index is not None
    return index


@pytest.mark.parametrize("is_native", [True, False])
def test_bounds_are_those_of_the_rows_of_each_page(tmp_path: Path, is_native: bool) -> None:
    path = write(tmp_path / "run", is_native=is_native)
    table = pq.read_table(path)
    index = index_of(path)

    stops = np.cumsum(index.rows)
    assert stops[-1] == ROWS
    for name, pages in index.columns.items():
        parts = np.split(table[name].to_numpy(), stops[:-1])
        assert pages.least.tolist() == [part.min() for part in parts]
        assert pages.most.tolist() == [part.max() for part in parts]
        assert str(pages.least.dtype) == TYPES[name]


def test_pages_of_the_native_encoder_have_4096_rows(tmp_path: Path) -> None:
    index = index_of(write(tmp_path / "run"))
    assert index.is_by_page
    assert index.rows.tolist() == [4096] * 16 + [4096, ROWS - 69_632]


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_without_a_page_index_row_groups_stand_for_pages(tmp_path: Path, compression: str) -> None:
    table = pq.read_table(write(tmp_path / "run"))
    path = tmp_path / "groups.parquet"
    pq.write_table(table, path, row_group_size=20_000, use_dictionary=False, compression=compression)

    index = index_of(path)

    assert not index.is_by_page
    assert index.rows.tolist() == [20_000, 20_000, 20_000, 10_000]
    assert index.columns["t_ns"].least.tolist() == [0, 60_000, 120_000, 180_000]


def test_a_file_without_statistics_has_no_index(tmp_path: Path) -> None:
    path = tmp_path / "bare.parquet"
    table = pq.read_table(write(tmp_path / "run"))
    pq.write_table(table, path, use_dictionary=False, write_statistics=False)

    assert read_page_index(path, TYPES) is None


def test_a_part_without_rows_has_no_index(tmp_path: Path) -> None:
    assert read_page_index(write(tmp_path / "run", 0), TYPES) is None


def test_a_file_that_may_not_be_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="File name too long"):
        read_page_index(tmp_path / ("x" * 300), TYPES)


def test_a_file_that_is_gone_was_removed(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="was removed meanwhile"):
        read_page_index(tmp_path / "none.parquet", TYPES)


@pytest.mark.parametrize("size", [0, 7, 8, 100, -9, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, size: int) -> None:
    path = write(tmp_path / "run")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(TraceError, match="damaged"):
        read_page_index(path, TYPES)


def test_any_damage_of_index_or_footer_is_refused_or_harmless(tmp_path: Path) -> None:
    path = write(tmp_path / "run")
    content = path.read_bytes()
    begin = int(index_of(path).columns["C"].offsets[-1])
    rng = random.Random(4)
    refused = 0
    for _ in range(400):
        damaged = bytearray(content)
        damaged[rng.randrange(begin, len(content))] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            index = read_page_index(path, TYPES)
        except TraceError:
            refused += 1
            continue
        for pages in index.columns.values() if index else ():
            assert np.all(pages.offsets + pages.sizes <= len(content))
            assert len(pages.least) == len(index.rows) if index else False

    assert refused > 20
