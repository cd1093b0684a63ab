"""Parts by the native encoder and by its slow twin, from the same columns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tests import plain_encoder

from regtap import _native

CREATED_BY = "regtap version 1.2.3"
METADATA = [("regtap", b'{"rows":"\xc3\xa9"}')]
KINDS = {
    "uint8": _native.Kind.u8,
    "uint16": _native.Kind.u16,
    "uint32": _native.Kind.u32,
    "uint64": _native.Kind.u64,
}
# A tick is a nanosecond: exact up to 2**51
ANCHORS = np.array([0, 1 << 40], np.uint64), np.array([0, 1 << 40], np.int64)

Values = npt.NDArray[Any]
Rows = tuple[Values, ...]  # times, then the registers


def cut(rows: Rows, lengths: Sequence[int]) -> list[list[Values]]:
    """Return the rows as blocks of these lengths; what is left over is the last block."""
    ends = np.cumsum(lengths).tolist()
    return [list(block) for block in zip(*(np.split(column, ends) for column in rows), strict=True)]


def native_part(path: Path, groups: Sequence[Rows], lengths: Sequence[int] = ()) -> bytes:
    """Encode row groups, each cut into blocks of these lengths, into a file; return its bytes."""
    registers = [(f"r{k}", KINDS[str(column.dtype)]) for k, column in enumerate(groups[0][1:])]
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        encoder = _native.PartEncoder(fd, time="t_ns", registers=registers, latency="")
        last_ns = -1
        for rows in groups:
            blocks = cut((rows[0].astype(np.uint64), *rows[1:]), lengths)
            _, last_ns, _ = encoder.write(blocks, *ANCHORS, last_ns, 1.0)
        encoder.finish(CREATED_BY, METADATA)
        assert encoder.bytes_written == os.fstat(fd).st_size
    finally:
        os.close(fd)
    return path.read_bytes()


def plain_part(groups: Sequence[Rows]) -> bytes:
    """Encode the same with the twin."""
    names = ["t_ns", *(f"r{k}" for k in range(len(groups[0]) - 1))]
    columns = [
        plain_encoder.Column(name, str(groups[0][k].dtype), tuple(tuple(rows[k].tolist()) for rows in groups))
        for k, name in enumerate(names)
    ]
    return plain_encoder.encode_part(columns, CREATED_BY, METADATA)


def whole(groups: Sequence[Rows]) -> list[Values]:
    """Return the columns of all groups."""
    return [np.concatenate([rows[k] for rows in groups]) for k in range(len(groups[0]))]
