"""A part's file: complete and named, or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.ring_blocks import METADATA, block_of, new_clock
from tests.spools import SpoolImage, as_big_endian, template_of

from regtap.parts.compression import encoder_for
from regtap.parts.encoder import OpenEncoder
from regtap.parts.file import PartFile
from regtap.spool.block import Block
from regtap.spool.reader import SpoolReader


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.fixture(params=["none", "zstd"])
def open_encoder(request: pytest.FixtureRequest) -> OpenEncoder:
    return encoder_for(request.param)


def test_a_part_has_its_name_only_when_it_is_complete(
    folder: int, tmp_path: Path, open_encoder: OpenEncoder
) -> None:
    part = PartFile(folder, 3, METADATA, open_encoder)
    part.write([block_of(1000)], new_clock())
    assert [name.endswith(".parquet") for name in os.listdir(tmp_path)] == [False]

    size_bytes = part.finish(METADATA)

    assert os.listdir(tmp_path) == ["part-00003.parquet"]
    assert size_bytes == (tmp_path / "part-00003.parquet").stat().st_size
    assert pq.read_table(tmp_path).num_rows == part.rows == 1000  # a reader of folders takes it


def test_an_abandoned_part_leaves_nothing(folder: int, tmp_path: Path, open_encoder: OpenEncoder) -> None:
    part = PartFile(folder, 0, METADATA, open_encoder)
    part.write([block_of(10)], new_clock())

    part.abandon()

    assert os.listdir(tmp_path) == []


def test_a_link_in_the_parts_place_is_not_followed(
    folder: int, tmp_path: Path, open_encoder: OpenEncoder
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / ".part-00000.tmp").symlink_to(victim)

    with pytest.raises(FileExistsError):
        PartFile(folder, 0, METADATA, open_encoder)

    assert victim.read_text() == "precious"


def test_a_name_that_is_taken_is_not_replaced(folder: int, tmp_path: Path, open_encoder: OpenEncoder) -> None:
    part = PartFile(folder, 0, METADATA, open_encoder)
    (tmp_path / "part-00000.parquet").write_text("precious")

    with pytest.raises(FileExistsError):
        part.finish(METADATA)

    assert os.listdir(tmp_path) == ["part-00000.parquet"]
    assert (tmp_path / "part-00000.parquet").read_text() == "precious"


@pytest.mark.parametrize(("compression", "codec"), [("none", "UNCOMPRESSED"), ("zstd", "ZSTD")])
def test_columns_are_compressed_as_chosen(folder: int, tmp_path: Path, compression: str, codec: str) -> None:
    part = PartFile(folder, 0, METADATA, encoder_for(compression))
    part.write([block_of(1000)], new_clock())
    part.finish(METADATA)

    group = pq.ParquetFile(tmp_path / "part-00000.parquet").metadata.row_group(0)

    for k in range(group.num_columns):
        assert "DELTA_BINARY_PACKED" in group.column(k).encodings
        assert group.column(k).compression == codec
    assert group.column(1).statistics.max == 999


def test_both_encoders_give_the_same_table(folder: int, tmp_path: Path) -> None:
    lengths = ((5000, 0, 3), (1,), (4096, 4097))
    tables, clocks = [], []

    for number, compression in enumerate(("none", "zstd")):
        clock = new_clock()
        part = PartFile(folder, number, METADATA, encoder_for(compression))
        for group, rows in enumerate(lengths):
            part.write([block_of(count, (10 * group + k) << 20) for k, count in enumerate(rows)], clock)
        part.finish(METADATA)
        tables.append(pq.read_table(tmp_path / part.name))
        clocks.append((clock.last_ns, clock.span_ns, clock.longest_ns))

    assert tables[0].num_rows == 5000 + 3 + 1 + 4096 + 4097
    assert tables[0].equals(tables[1])
    assert clocks[0] == clocks[1]


def live_block(image: SpoolImage, sequence: int) -> Block:
    ticks, *columns = (image.column(sequence, k) for k in range(3))
    return Block(0, ticks, tuple(columns), None, ())


def test_recovered_blocks_make_the_same_bytes(folder: int, tmp_path: Path) -> None:
    template = template_of()
    image = SpoolImage(template=template)
    for _ in range(3):
        image.full_block()
    (tmp_path / "spool").write_bytes(as_big_endian(image))  # read into other memory, in another order
    spool = SpoolReader(str(tmp_path / "spool"))
    recovered = [spool.block(spool.head(sequence)) for sequence in range(3)]
    spool.close()

    for number, blocks in enumerate((recovered, [live_block(image, k) for k in range(3)])):
        part = PartFile(folder, number, template, encoder_for("none"))
        part.write(blocks, new_clock())
        part.finish(template)

    files = [(tmp_path / f"part-0000{number}.parquet").read_bytes() for number in range(2)]
    assert files[0] == files[1]
