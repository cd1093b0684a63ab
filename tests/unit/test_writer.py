"""Parts of a trace: complete and named, or not there; and which encoding they get."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regtap.parts.encoding import Encoding, EncodingChoice
from regtap.parts.parquet import PartWriter
from regtap.parts.schema import schema_of
from regtap.registers.model import Register
from regtap.trace.metadata import ClockInfo, Mode, PartMetadata, StartTimes

REGISTERS = (Register("a", 0), Register("b", 8, "u8"))
SCHEMA = schema_of(REGISTERS, latency=False)
METADATA = PartMetadata(
    REGISTERS, "sim", Mode(None, "wait"), ClockInfo("tsc", 1e9, 1.0), StartTimes(0, 0, 0, 0), {}, 0, 0
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def columns(rows: int) -> list[pa.ChunkedArray]:
    arrays = [np.arange(rows), np.arange(rows, dtype=np.uint32), np.zeros(rows, np.uint8)]
    return [pa.chunked_array([pa.array(array)]) for array in arrays]


def test_a_part_has_its_name_only_when_it_is_complete(folder: int, tmp_path: Path) -> None:
    part = PartWriter(folder, 3, SCHEMA, Encoding())
    part.write(columns(1000))
    assert [name.endswith(".parquet") for name in os.listdir(tmp_path)] == [False]
    part.finish(METADATA)
    assert os.listdir(tmp_path) == ["part-00003.parquet"]
    assert pq.read_table(tmp_path).num_rows == 1000  # a reader of folders takes it


def test_an_abandoned_part_leaves_nothing(folder: int, tmp_path: Path) -> None:
    part = PartWriter(folder, 0, SCHEMA, Encoding())
    part.write(columns(10))
    part.abandon()
    assert os.listdir(tmp_path) == []


def test_a_link_in_the_parts_place_is_not_followed(folder: int, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / ".part-00000.tmp").symlink_to(victim)
    with pytest.raises(FileExistsError):
        PartWriter(folder, 0, SCHEMA, Encoding())
    assert victim.read_text() == "precious"


@pytest.mark.parametrize(
    ("quick", "encoding", "codec"),
    [(False, "DELTA_BINARY_PACKED", "UNCOMPRESSED"), (True, "PLAIN", "SNAPPY")],
)
def test_columns_are_encoded_as_chosen(
    folder: int, tmp_path: Path, quick: bool, encoding: str, codec: str
) -> None:
    part = PartWriter(folder, 0, SCHEMA, Encoding(quick_values=quick))
    part.write(columns(1000))
    part.finish(METADATA)
    group = pq.ParquetFile(tmp_path / "part-00000.parquet").metadata.row_group(0)
    assert "DELTA_BINARY_PACKED" in group.column(0).encodings
    assert encoding in group.column(1).encodings
    assert [group.column(k).compression for k in range(3)] == ["UNCOMPRESSED", codec, codec]
    assert group.column(1).statistics.max == 999


def test_the_quick_encoding_is_tried_when_behind_and_kept_only_if_quicker() -> None:
    for quick_ns, kept in ((5, True), (15, False)):
        choice = EncodingChoice("none")
        assert not choice.choose(behind=True).quick_values  # nothing is known yet
        choice.learn(Encoding(quick_values=False), 100, 1000)
        assert not choice.choose(behind=False).quick_values
        assert choice.choose(behind=True).quick_values
        choice.learn(Encoding(quick_values=True), 100, 100 * quick_ns)
        assert choice.choose(behind=True).quick_values is kept
        assert not choice.choose(behind=False).quick_values
