"""The slow twin of logger/native/parquet: the same file, byte for byte, in plain Python."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

PAGE_ROWS = 4096
BLOCK = 128
MINIBLOCK = 32
BITS = {"int64": 64, "uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64}
CONVERTED = {"uint8": 11, "uint16": 12, "uint32": 13, "uint64": 14}
YES, NO, BYTE, SHORT, INT, LONG, BINARY, LIST, STRUCT = 1, 2, 3, 4, 5, 6, 8, 9, 12  # thrift's compact types

Field = tuple[int, int, bytes]  # number, type, encoded value


@dataclass(frozen=True)
class Column:
    """One column of a part: its name, its numpy type and the values of each row group."""

    name: str
    dtype: str
    groups: tuple[tuple[int, ...], ...]

    @property
    def physical_bits(self) -> int:
        return max(32, BITS[self.dtype])


@dataclass(frozen=True)
class Page:
    """A page that was written: where, how long with its header, and its smallest and largest value."""

    offset: int
    size: int
    least: int
    most: int


def varint(value: int) -> bytes:
    low = bytes([value & 0x7F | (0x80 if value > 0x7F else 0)])
    return low + varint(value >> 7) if value > 0x7F else low


def zigzag(value: int) -> bytes:
    return varint(2 * value if value >= 0 else -2 * value - 1)


def signed(value: int, bits: int) -> int:
    wrapped = value % (1 << bits)
    return wrapped - (1 << bits) if wrapped >> (bits - 1) else wrapped


def pack(values: Sequence[int], width: int) -> bytes:
    whole = sum(value << width * place for place, value in enumerate(values))
    return whole.to_bytes(MINIBLOCK * width // 8, "little")


def delta_block(differences: Sequence[int], bits: int) -> bytes:
    least = min(differences)
    parts = [differences[at : at + MINIBLOCK] for at in range(0, len(differences), MINIBLOCK)]
    widths = [max((value - least) % (1 << bits) for value in part).bit_length() for part in parts]
    if len(differences) == BLOCK and set(widths) == {bits}:
        least = 0  # every bit is needed anyway
    bodies = [
        pack([(value - least) % (1 << bits) for value in part], width)
        for part, width in zip(parts, widths, strict=True)
    ]
    return zigzag(least) + bytes(widths + [0] * (4 - len(widths))) + b"".join(bodies)


def delta(values: Sequence[int], bits: int) -> bytes:
    head = varint(BLOCK) + varint(4) + varint(len(values)) + zigzag(signed(values[0], bits))
    differences = [signed(after - before, bits) for before, after in pairwise(values)]
    blocks = [differences[at : at + BLOCK] for at in range(0, len(differences), BLOCK)]
    return head + b"".join(delta_block(block, bits) for block in blocks)


def struct(*fields: Field) -> bytes:
    encoded, last = b"", 0
    for number, kind, value in fields:
        encoded += bytes([(number - last) << 4 | kind]) + value
        last = number
    return encoded + b"\0"


def listed(kind: int, elements: Sequence[bytes]) -> bytes:
    count = len(elements)
    head = bytes([count << 4 | kind]) if count < 15 else bytes([0xF0 | kind]) + varint(count)
    return head + b"".join(elements)


def binary(value: bytes) -> bytes:
    return varint(len(value)) + value


def plain(column: Column, value: int) -> bytes:
    return (value % (1 << column.physical_bits)).to_bytes(column.physical_bits // 8, "little")


def page_header(rows: int, data: bytes) -> bytes:
    size = zigzag(len(data))
    levels = zigzag(3)
    page = struct((1, INT, zigzag(rows)), (2, INT, zigzag(5)), (3, INT, levels), (4, INT, levels))
    checksum = zigzag(signed(zlib.crc32(data), 32))
    return struct((1, INT, zigzag(0)), (2, INT, size), (3, INT, size), (4, INT, checksum), (5, STRUCT, page))


def pages_of(column: Column, values: Sequence[int]) -> Iterator[tuple[bytes, int, int]]:
    """Yield each page, whole, with its smallest and largest value."""
    for at in range(0, len(values), PAGE_ROWS):
        page = values[at : at + PAGE_ROWS]
        data = delta(page, column.physical_bits)
        yield page_header(len(page), data) + data, min(page), max(page)


def column_index(column: Column, pages: Sequence[Page]) -> bytes:
    leasts, mosts = [page.least for page in pages], [page.most for page in pages]
    order = 0
    if leasts == sorted(leasts) and mosts == sorted(mosts):
        order = 1
    elif leasts == sorted(leasts, reverse=True) and mosts == sorted(mosts, reverse=True):
        order = 2
    return struct(
        (1, LIST, listed(YES, [bytes([NO])] * len(pages))),
        (2, LIST, listed(BINARY, [binary(plain(column, least)) for least in leasts])),
        (3, LIST, listed(BINARY, [binary(plain(column, most)) for most in mosts])),
        (4, INT, zigzag(order)),
    )


def offset_index(pages: Sequence[Page]) -> bytes:
    locations = [
        struct(
            (1, LONG, zigzag(page.offset)), (2, INT, zigzag(page.size)), (3, LONG, zigzag(PAGE_ROWS * number))
        )
        for number, page in enumerate(pages)
    ]
    return struct((1, LIST, listed(STRUCT, locations)))


def schema_element(column: Column) -> bytes:
    fields = [
        (1, INT, zigzag(1 if column.physical_bits == 32 else 2)),
        (3, INT, zigzag(0)),
        (4, BINARY, binary(column.name.encode())),
    ]
    if column.dtype in CONVERTED:
        integer = struct((1, BYTE, bytes([BITS[column.dtype]])), (2, NO, b""))
        fields += [
            (6, INT, zigzag(CONVERTED[column.dtype])),
            (10, STRUCT, struct((10, STRUCT, integer))),
        ]
    return struct(*fields)


def chunk_metadata(column: Column, rows: int, pages: Sequence[Page]) -> bytes:
    size = zigzag(sum(page.size for page in pages))
    statistics = struct(
        (3, LONG, zigzag(0)),
        (5, BINARY, binary(plain(column, max(page.most for page in pages)))),
        (6, BINARY, binary(plain(column, min(page.least for page in pages)))),
        (7, YES, b""),
        (8, YES, b""),
    )
    encoding_stats = struct((1, INT, zigzag(0)), (2, INT, zigzag(5)), (3, INT, zigzag(len(pages))))
    return struct(
        (1, INT, zigzag(1 if column.physical_bits == 32 else 2)),
        (2, LIST, listed(INT, [zigzag(3), zigzag(5)])),
        (3, LIST, listed(BINARY, [binary(column.name.encode())])),
        (4, INT, zigzag(0)),
        (5, LONG, zigzag(rows)),
        (6, LONG, size),
        (7, LONG, size),
        (9, LONG, zigzag(pages[0].offset)),
        (12, STRUCT, statistics),
        (13, LIST, listed(STRUCT, [encoding_stats])),
    )


class PlainEncoder:
    """Makes one file; see encode_part."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = columns
        self.file = bytearray(b"PAR1")
        self.groups: list[tuple[int, list[list[Page]]]] = []
        for number in range(len(columns[0].groups)):
            self.add_group(number)

    def append(self, data: bytes) -> tuple[int, int]:
        """Return where the data went, and its length."""
        self.file += data
        return len(self.file) - len(data), len(data)

    def add_group(self, number: int) -> None:
        rows = len(self.columns[0].groups[number])
        if rows:
            self.groups.append((rows, [self.add_chunk(c, c.groups[number]) for c in self.columns]))

    def add_chunk(self, column: Column, values: Sequence[int]) -> list[Page]:
        return [Page(*self.append(data), least, most) for data, least, most in pages_of(column, values)]

    def group(self, number: int, places: Sequence[tuple[tuple[int, int], tuple[int, int]]]) -> bytes:
        rows, chunks = self.groups[number]
        size = sum(page.size for pages in chunks for page in pages)
        encoded = [
            struct(
                (2, LONG, zigzag(0)),
                (3, STRUCT, chunk_metadata(column, rows, pages)),
                (4, LONG, zigzag(offsets[0])),
                (5, INT, zigzag(offsets[1])),
                (6, LONG, zigzag(ranges[0])),
                (7, INT, zigzag(ranges[1])),
            )
            for column, pages, (ranges, offsets) in zip(self.columns, chunks, places, strict=True)
        ]
        sorting = struct((1, INT, zigzag(0)), (2, NO, b""), (3, NO, b""))
        return struct(
            (1, LIST, listed(STRUCT, encoded)),
            (2, LONG, zigzag(size)),
            (3, LONG, zigzag(rows)),
            (4, LIST, listed(STRUCT, [sorting])),
            (5, LONG, zigzag(chunks[0][0].offset)),
            (6, LONG, zigzag(size)),
            (7, SHORT, zigzag(number)),
        )

    def finish(self, created_by: str, metadata: Sequence[tuple[str, bytes]]) -> bytes:
        width = len(self.columns)
        chunks = [
            (column, pages)
            for _, group in self.groups
            for column, pages in zip(self.columns, group, strict=True)
        ]
        ranges = [self.append(column_index(column, pages)) for column, pages in chunks]
        offsets = [self.append(offset_index(pages)) for _, pages in chunks]
        places = list(zip(ranges, offsets, strict=True))
        root = struct((3, INT, zigzag(0)), (4, BINARY, binary(b"schema")), (5, INT, zigzag(width)))
        entries = [
            struct((1, BINARY, binary(key.encode())), (2, BINARY, binary(value))) for key, value in metadata
        ]
        groups = [self.group(k, places[k * width : (k + 1) * width]) for k in range(len(self.groups))]
        _, size = self.append(
            struct(
                (1, INT, zigzag(2)),
                (2, LIST, listed(STRUCT, [root, *(schema_element(column) for column in self.columns)])),
                (3, LONG, zigzag(sum(rows for rows, _ in self.groups))),
                (4, LIST, listed(STRUCT, groups)),
                (5, LIST, listed(STRUCT, entries)),
                (6, BINARY, binary(created_by.encode())),
                (7, LIST, listed(STRUCT, [struct((1, STRUCT, struct()))] * width)),
            )
        )
        return bytes(self.file) + size.to_bytes(4, "little") + b"PAR1"


def encode_part(columns: Sequence[Column], created_by: str, metadata: Sequence[tuple[str, bytes]]) -> bytes:
    """Return a whole file with a row group for each of the columns' groups that has rows."""
    return PlainEncoder(columns).finish(created_by, metadata)
