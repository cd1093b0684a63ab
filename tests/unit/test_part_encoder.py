"""The native part encoder, beside its slow twin and under the eyes of other people's readers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.encoded_parts import ANCHORS, CREATED_BY, METADATA, Rows, Values, native_part, plain_part, whole

from regtap import _native

UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
EDGES = (1, 2, 31, 32, 33, 128, 129, 130, 4095, 4096, 4097, 8192, 8193)
TOP = {name: int(np.iinfo(name).max) for name in UNSIGNED}

Draw = np.random.Generator


def constant(dtype: str, rows: int, draw: Draw) -> Values:
    return np.full(rows, draw.integers(0, TOP[dtype], dtype=dtype, endpoint=True), dtype)


def counter(dtype: str, rows: int, draw: Draw) -> Values:
    return np.cumsum(draw.integers(0, 8, rows)).astype(dtype)


def wrapping(dtype: str, rows: int, draw: Draw) -> Values:
    values: Values = np.full(rows, TOP[dtype] // 3 + 1, dtype).cumsum(dtype=dtype)
    return values


def uniform(dtype: str, rows: int, draw: Draw) -> Values:
    return draw.integers(0, TOP[dtype], rows, dtype=dtype, endpoint=True)


def extremes(dtype: str, rows: int, draw: Draw) -> Values:
    ends = np.array([0, 1, TOP[dtype] // 2, TOP[dtype] // 2 + 1, TOP[dtype] - 1, TOP[dtype]], dtype)
    return draw.choice(ends, rows)


def alternating(dtype: str, rows: int, draw: Draw) -> Values:
    return np.resize(np.array([0, TOP[dtype]], dtype), rows)


def mixed_widths(dtype: str, rows: int, draw: Draw) -> Values:
    widths = np.repeat(draw.integers(0, np.iinfo(dtype).bits, rows // 32 + 1, endpoint=True), 32)[:rows]
    masks = np.array([(1 << int(width)) - 1 for width in widths], dtype)
    values: Values = uniform(dtype, rows, draw) & masks
    return values


PATTERNS: tuple[Callable[[str, int, Draw], Values], ...] = (
    constant,
    counter,
    wrapping,
    uniform,
    extremes,
    alternating,
    mixed_widths,
)


def times(rows: int, draw: Draw, start: int = 0) -> Values:
    """Return times that never decrease: regular, jittering, standing, and with rare holes."""
    steps = draw.choice([0, 1, 9, 10, 11, 250, 40_000_000], rows, p=[0.1, 0.1, 0.2, 0.3, 0.2, 0.09, 0.01])
    return start + np.cumsum(steps).astype(np.int64)


@st.composite
def row_groups(draw: st.DrawFn) -> list[Rows]:
    """Return one to three row groups of a time and one to three registers, of any type and pattern."""
    random = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    registers = draw(
        st.lists(st.tuples(st.sampled_from(UNSIGNED), st.sampled_from(PATTERNS)), min_size=1, max_size=3)
    )
    lengths = draw(st.lists(st.sampled_from(EDGES) | st.integers(1, 700), min_size=1, max_size=3))
    groups: list[Rows] = []
    start = 0
    for rows in lengths:
        first = times(rows, random, start)
        start = int(first[-1])
        groups.append((first, *(pattern(dtype, rows, random) for dtype, pattern in registers)))
    return groups


def assert_same(table: pa.Table, groups: Sequence[Rows]) -> None:
    for k, column in enumerate(whole(groups)):
        values = table.column(k).combine_chunks().to_numpy()
        assert values.dtype == column.dtype
        np.testing.assert_array_equal(values, column)


def assert_statistics(file: pq.FileMetaData, groups: Sequence[Rows]) -> None:
    assert file.num_row_groups == len(groups)
    for number, rows in enumerate(groups):
        for k, column in enumerate(rows):
            found = file.row_group(number).column(k).statistics
            assert (found.min, found.max) == (int(column.min()), int(column.max()))
            assert (found.null_count, found.num_values) == (0, len(column))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups=row_groups(), lengths=st.lists(st.integers(0, 5000), max_size=4))
def test_any_rows_are_encoded_as_the_twin_does(
    tmp_path: Path, groups: list[Rows], lengths: list[int]
) -> None:
    path = tmp_path / "part.parquet"

    encoded = native_part(path, groups, lengths)

    assert encoded == plain_part(groups)
    file = pq.ParquetFile(path, page_checksum_verification=True)
    assert_same(file.read(), groups)
    assert_statistics(file.metadata, groups)


@pytest.mark.parametrize("encode", ["native", "plain"])
@pytest.mark.parametrize("rows", EDGES)
def test_lengths_around_a_page_and_a_block(tmp_path: Path, encode: str, rows: int) -> None:
    draw = np.random.default_rng(rows)
    group = (times(rows, draw), *(uniform(dtype, rows, draw) for dtype in UNSIGNED))
    path = tmp_path / "part.parquet"

    path.write_bytes(plain_part([group]) if encode == "plain" else native_part(path, [group]))

    file = pq.ParquetFile(path, page_checksum_verification=True)
    assert_same(file.read(), [group])
    assert_statistics(file.metadata, [group])


@pytest.mark.parametrize("dtype", UNSIGNED)
def test_every_width_of_bits_is_packed(tmp_path: Path, dtype: str) -> None:
    draw = np.random.default_rng(5)
    bits = np.iinfo(dtype).bits
    # A miniblock for each width: 33 rows that end where they begin, so that the next one's widths are its own.
    pieces = [
        uniform(dtype, 128, draw) & np.array((1 << width) - 1, dtype)
        for width in range(bits + 1)
        for _ in range(3)
    ]
    column = np.concatenate(pieces)
    group = (np.arange(len(column), dtype=np.int64), column)

    encoded = native_part(tmp_path / "part.parquet", [group])

    assert encoded == plain_part([group])
    assert_same(pq.read_table(tmp_path / "part.parquet"), [group])


def test_a_part_without_rows_has_no_row_group(tmp_path: Path) -> None:
    empty = (np.empty(0, np.int64), np.empty(0, np.uint16))

    encoded = native_part(tmp_path / "part.parquet", [empty])

    assert encoded == plain_part([empty])
    file = pq.ParquetFile(tmp_path / "part.parquet")
    assert (file.metadata.num_row_groups, file.read().num_rows) == (0, 0)
    assert file.schema_arrow.names == ["t_ns", "r0"]


def test_where_blocks_end_does_not_show_in_the_file(tmp_path: Path) -> None:
    draw = np.random.default_rng(2)
    group = (times(20_000, draw), uniform("uint8", 20_000, draw), counter("uint64", 20_000, draw))
    path = tmp_path / "part.parquet"

    files = {native_part(path, [group], lengths) for lengths in ([], [1], [4096, 0, 1, 8191], [7] * 400)}

    assert len(files) == 1


def test_the_schema_is_what_pyarrow_would_write(tmp_path: Path) -> None:
    group = (np.arange(5), *(np.arange(5, dtype=dtype) for dtype in UNSIGNED))
    native_part(tmp_path / "ours.parquet", [group])
    fields = [pa.field("t_ns", pa.int64(), nullable=False)]
    fields += [
        pa.field(f"r{k}", pa.type_for_alias(dtype), nullable=False) for k, dtype in enumerate(UNSIGNED)
    ]
    pq.write_table(pa.table(list(group), schema=pa.schema(fields)), tmp_path / "theirs.parquet")

    ours, theirs = (pq.ParquetFile(tmp_path / name) for name in ("ours.parquet", "theirs.parquet"))

    assert ours.schema.equals(theirs.schema)
    assert ours.schema_arrow.remove_metadata().equals(theirs.schema_arrow.remove_metadata())


def test_the_footer_says_what_was_given(tmp_path: Path) -> None:
    group = (np.arange(5000), np.arange(5000, dtype=np.uint32))
    native_part(tmp_path / "part.parquet", [group])

    file = pq.ParquetFile(tmp_path / "part.parquet").metadata

    assert file.created_by == CREATED_BY
    assert file.metadata == {key.encode(): value for key, value in METADATA}
    assert file.row_group(0).sorting_columns == (pq.SortingColumn(0),)
    chunk = file.row_group(0).column(1)
    assert (chunk.compression, set(chunk.encodings)) == ("UNCOMPRESSED", {"DELTA_BINARY_PACKED", "RLE"})
    assert chunk.has_offset_index
    assert chunk.has_column_index


@pytest.mark.parametrize("dtype", UNSIGNED)
@pytest.mark.parametrize("pattern", [uniform, extremes, alternating])
def test_no_pattern_takes_more_than_plain_and_2_percent(
    tmp_path: Path, dtype: str, pattern: Callable[[str, int, Draw], Values]
) -> None:
    rows = 1 << 17
    group = (np.zeros(rows, np.int64), pattern(dtype, rows, np.random.default_rng(1)))
    no_column = (np.zeros(rows, np.int64),)

    size = len(native_part(tmp_path / "a", [group])) - len(native_part(tmp_path / "b", [no_column]))

    plain_bytes = max(4, np.dtype(dtype).itemsize)
    assert size <= 1.02 * rows * plain_bytes


def read_by_pandas(path: Path) -> list[Values]:
    frame = pd.read_parquet(path)
    return [frame[name].to_numpy() for name in frame]


def read_by_polars(path: Path) -> list[Values]:
    return [column.to_numpy() for column in pl.read_parquet(path)]


def read_by_duckdb(path: Path) -> list[Values]:
    found = duckdb.read_parquet(str(path)).fetchnumpy()
    return [np.asarray(column) for column in found.values()]


@pytest.mark.parametrize("read", [read_by_pandas, read_by_polars, read_by_duckdb])
def test_other_readers_read_the_same(tmp_path: Path, read: Callable[[Path], list[Values]]) -> None:
    draw = np.random.default_rng(3)
    groups = [
        (
            times(rows, draw, start),
            *(pattern(dtype, rows, draw) for dtype in UNSIGNED for pattern in PATTERNS),
        )
        for rows, start in ((9000, 0), (1, 1 << 40), (4097, 1 << 41))
    ]
    native_part(tmp_path / "part.parquet", groups)

    found = read(tmp_path / "part.parquet")

    for values, column in zip(found, whole(groups), strict=True):
        assert values.dtype == column.dtype
        np.testing.assert_array_equal(values, column)


def test_duckdb_skips_by_the_statistics_and_finds_the_same(tmp_path: Path) -> None:
    draw = np.random.default_rng(4)
    values = uniform("uint64", 50_000, draw)
    native_part(tmp_path / "part.parquet", [(np.arange(50_000), values)])
    asked = int(np.sort(values)[-100])  # beyond 2**63: a signed order would skip it

    found = duckdb.execute(
        f"select count(*), min(t_ns) from '{tmp_path}/part.parquet' where r0 >= {asked}"
    ).fetchall()

    assert found == [(100, int(np.flatnonzero(values >= asked)[0]))]


@pytest.mark.parametrize(("column", "place"), [(0, 60), (0, 2000), (1, 60), (1, 16_000), (1, 40_000)])
@pytest.mark.parametrize("bit", [0, 7])
def test_a_flipped_bit_of_a_page_is_noticed(tmp_path: Path, column: int, place: int, bit: int) -> None:
    draw = np.random.default_rng(6)
    path = tmp_path / "part.parquet"
    encoded = bytearray(native_part(path, [(times(20_000, draw), uniform("uint32", 20_000, draw))]))
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(column)
    encoded[chunk.data_page_offset + place] ^= 1 << bit
    path.write_bytes(encoded)

    with pytest.raises(OSError, match=r"CRC checksum verification failed"):
        pq.read_table(path, page_checksum_verification=True)


def test_a_full_disk_is_the_kernels_own_error() -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    try:
        encoder = _native.PartEncoder(fd, time="t_ns", registers=[], latency="")
        with pytest.raises(OSError, match="No space left") as caught:
            encoder.write([[np.arange(10, dtype=np.uint64)]], *ANCHORS, -1, 1.0)
    finally:
        os.close(fd)

    assert caught.value.errno == 28


def encoder_to_nowhere(latency: str = "") -> _native.PartEncoder:
    fd = os.open("/dev/null", os.O_WRONLY)
    return _native.PartEncoder(fd, time="t_ns", registers=[("r0", _native.Kind.u16)], latency=latency)


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ([np.zeros(3, np.uint64)], "one array for each column"),
        ([np.zeros(3, np.uint64), np.zeros(3, np.uint32)], "its column's type"),
        ([np.zeros(3, np.int64), np.zeros(3, np.uint16)], "its column's type"),
        ([np.zeros(3, np.uint64), np.zeros(2, np.uint16)], "the same length"),
        ([np.zeros(3, np.uint64), np.zeros(7, np.uint8)[1:].view(np.uint16)], "not aligned"),
        ([np.zeros(3, np.uint64), np.zeros(3, np.uint16), np.zeros(3, np.uint32)], "one array for each"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(block: list[Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        encoder_to_nowhere().write([block], *ANCHORS, -1, 1.0)


def test_a_single_anchor_is_refused() -> None:
    with pytest.raises(ValueError, match="two anchors"):
        encoder_to_nowhere().write([], ANCHORS[0][:1], ANCHORS[1][:1], -1, 1.0)


def random_anchors(draw: Draw, count: int) -> tuple[Values, Values]:
    ticks = np.cumsum(draw.integers(1000, 30_000, count)).astype(np.uint64)
    return ticks, (ticks.astype(np.float64) / 2.445 + draw.integers(0, 40, count)).astype(np.int64)


@pytest.mark.parametrize("count", [2, 3, 60])
@pytest.mark.parametrize("floor_ns", [-1, 0, 9000])
def test_times_are_those_of_the_clock(tmp_path: Path, count: int, floor_ns: int) -> None:
    draw = np.random.default_rng(count)
    anchors = random_anchors(draw, count)
    last = int(anchors[0][-1]) + 50_000  # beyond the last anchor, and before the first one
    ticks = np.sort(draw.integers(0, last, 30_000).astype(np.uint64))
    expected = np.empty(len(ticks), np.int64)
    last_ns, longest_ns = _native.convert_ticks(ticks, expected, *anchors, floor_ns)
    path = tmp_path / "part.parquet"
    with path.open("wb", buffering=0) as file:
        encoder = _native.PartEncoder(file.fileno(), time="t_ns", registers=[], latency="")

        said = encoder.write([[ticks[:17]], [ticks[17:9000]], [ticks[9000:]]], *anchors, floor_ns, 1.0)
        encoder.finish(CREATED_BY, [])

    np.testing.assert_array_equal(pq.read_table(path)["t_ns"].to_numpy(), expected)
    assert said == (int(expected[0]), last_ns, longest_ns)


@pytest.mark.parametrize("ns_per_tick", [1.0, 0.5, 1e9 / 2.445e9, 17.3])
def test_latencies_are_rounded_and_bounded(tmp_path: Path, ns_per_tick: float) -> None:
    draw = np.random.default_rng(8)
    latency = np.concatenate([np.arange(2000, dtype=np.uint32), uniform("uint32", 7000, draw)])
    expected = np.minimum(np.rint(latency * ns_per_tick), 2**32 - 1).astype(np.uint32)
    ticks = np.arange(len(latency), dtype=np.uint64)
    path = tmp_path / "part.parquet"
    with path.open("wb", buffering=0) as file:
        encoder = _native.PartEncoder(file.fileno(), time="t_ns", registers=[], latency="latency_ns")

        encoder.write([[ticks[:100], latency[:100]], [ticks[100:], latency[100:]]], *ANCHORS, -1, ns_per_tick)
        encoder.finish(CREATED_BY, [])

    np.testing.assert_array_equal(pq.read_table(path)["latency_ns"].to_numpy(), expected)
