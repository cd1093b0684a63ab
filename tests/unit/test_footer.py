"""The footer of Parquet files, read without pyarrow; some of them were made to deceive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.encoded_parts import METADATA, Rows, native_part
from tests.plain_encoder import BINARY, LIST, LONG, STRUCT, listed, struct, varint, zigzag

from regtap.trace.footer import Footer, parse_footer, read_footer
from regtap.trace.thrift import read_struct

UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
Write = Callable[[Path, Sequence[Rows]], object]


def groups_of(*lengths: int) -> list[Rows]:
    draw = np.random.default_rng(len(lengths))
    groups: list[Rows] = []
    for number, rows in enumerate(lengths):
        times = (number << 40) + np.cumsum(draw.integers(0, 50, rows))
        tops = [np.iinfo(dtype).max for dtype in UNSIGNED]
        values = [
            draw.integers(0, top, rows, dtype=dtype, endpoint=True)
            for top, dtype in zip(tops, UNSIGNED, strict=True)
        ]
        groups.append((times, *values))
    return groups


def write_by_pyarrow(path: Path, groups: Sequence[Rows]) -> None:
    names = ["t_ns", *(f"r{k}" for k in range(len(groups[0]) - 1))]
    tables = [pa.table(list(rows), names=names) for rows in groups]
    with pq.ParquetWriter(path, tables[0].schema, write_page_index=True, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)
        writer.add_key_value_metadata(dict(METADATA))


WRITERS = pytest.mark.parametrize("write", [native_part, write_by_pyarrow], ids=["native", "pyarrow"])


@WRITERS
def test_a_footer_says_what_pyarrow_says(tmp_path: Path, write: Write) -> None:
    groups = groups_of(9000, 1, 4097)
    path = tmp_path / "part.parquet"
    write(path, groups)
    expected = pq.read_metadata(path)

    footer = read_footer(path)

    assert footer.rows == expected.num_rows == 9000 + 1 + 4097
    assert footer.columns == {f.name: str(f.type) for f in expected.schema.to_arrow_schema()}
    assert footer.metadata[b"regtap"] == METADATA[0][1]
    assert [group.rows for group in footer.groups] == [9000, 1, 4097]
    for number, group in enumerate(footer.groups):
        for k, chunk in enumerate(group.chunks):
            statistics = expected.row_group(number).column(k).statistics
            assert chunk.range == (statistics.min, statistics.max)
    assert footer.ranges()["r3"] == (
        min(int(rows[4].min()) for rows in groups),
        max(int(rows[4].max()) for rows in groups),
    )


def test_a_column_without_statistics_has_no_range(tmp_path: Path) -> None:
    table = pa.table({"a": [1, 2], "b": ["x", "y"]})
    pq.write_table(table, tmp_path / "f", write_statistics=["b"])

    footer = read_footer(tmp_path / "f")

    assert footer.columns == {"a": "int64", "b": "?"}
    assert footer.ranges() == {}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "too short"),
        (b"PAR1" + bytes(20), "does not end with Parquet's magic"),
        (b"PAR1" + bytes(20) + b"\xff\xff\xff\xff" + b"PAR1", "its footer claims"),
        (b"PAR1" + bytes(20) + b"\x15\x00\x00\x00" + b"PAR1", "its footer claims"),
        (b"PAR1" + bytes(20) + b"\x08\x00\x00\x00" + b"PAR1", "a list of its footer is missing"),
    ],
)
def test_what_is_no_parquet_file_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "f").write_bytes(content)

    with pytest.raises(ValueError, match=says):
        read_footer(tmp_path / "f")


NESTED = b"\x1c" * 40  # a struct in a struct in a struct ...
MANY = struct((1, LIST, bytes([0xF0 | LONG]) + varint(1 << 60)))
LONG_TEXT = struct((1, BINARY, varint(1 << 40) + b"x"))
WIDE = struct((1, LONG, b"\xff" * 11))
EMPTY = struct((1, LIST, listed(STRUCT, [b"\0"] * 20)))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (NESTED, "nested deeper than 16"),
        (MANY, "claims 1,152,921,504,606,846,976 values"),
        (LONG_TEXT, "claims a text of 1,099,511,627,776 bytes"),
        (WIDE, "more than 64 bits"),
        (b"\x1f\x00", "unknown type, 15"),
        (b"\x16", "ends in the middle"),
        (b"", "ends in the middle"),
    ],
)
def test_what_is_no_thrift_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_struct(data)


def test_more_values_than_memory_should_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regtap.trace.thrift.MOST_VALUES", 20)

    with pytest.raises(ValueError, match="over 20 values"):
        read_struct(EMPTY)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a whole footer."""
    path = tmp_path_factory.mktemp("footer") / "part.parquet"
    encoded = native_part(path, groups_of(5000, 3))
    return encoded[-8 - int.from_bytes(encoded[-8:-4], "little") : -8]


@settings(max_examples=300, deadline=None)
@given(
    edits=st.lists(st.tuples(st.integers(0, 5000), st.binary(max_size=6)), min_size=1, max_size=4),
    cut=st.none() | st.integers(0, 5000),
)
def test_a_changed_footer_is_read_or_refused(
    whole: bytes, edits: list[tuple[int, bytes]], cut: int | None
) -> None:
    data = bytearray(whole)
    for at, new in edits:
        data[at % len(data) : at % len(data) + len(new)] = new
    changed = bytes(data[: None if cut is None else cut % (len(data) + 1)])

    outcome = footer_or_error(changed)

    if isinstance(outcome, Footer):
        assert all(low.bit_length() <= 64 for low, _ in outcome.ranges().values())
    else:
        assert "\n" not in outcome


def footer_or_error(data: bytes) -> Footer | str:
    try:
        return parse_footer(data)
    except ValueError as error:
        return str(error)


def test_numbers_keep_their_sign() -> None:
    assert read_struct(struct((1, LONG, zigzag(-5)), (2, 3, b"\xff"))) == {1: -5, 2: -1}
