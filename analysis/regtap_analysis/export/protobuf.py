"""The part of protobuf's wire format that a Perfetto trace needs.

The format: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_VARINT, _BYTES = 0, 2


def varint(value: int) -> bytes:
    """Return a non-negative integer below 2**64 as a varint; a negative one as its 64-bit complement."""
    value &= 0xFFFF_FFFF_FFFF_FFFF
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def long_varints(values: npt.NDArray[np.uint64], size_bytes: int) -> npt.NDArray[np.uint8]:
    """Return integers below 2**(7 * size_bytes) as varints of one length, padded with zero groups.

    Readers take such varints: a writer that learns a length later leaves room for it so.

    Returns:
        Shape (values, size_bytes).
    """
    shifts = np.arange(0, 7 * size_bytes, 7, dtype=np.uint64)
    sevens = ((values[:, None] >> shifts) & np.uint64(0x7F)).astype(np.uint8)
    sevens[:, :-1] |= 0x80
    return sevens


def number(field: int, value: int) -> bytes:
    """Return a field of an integer, boolean or enumerated value."""
    return varint(field << 3 | _VARINT) + varint(value)


def block(field: int, content: bytes) -> bytes:
    """Return a field of bytes, or of an encoded message."""
    return varint(field << 3 | _BYTES) + varint(len(content)) + content


def text(field: int, content: str) -> bytes:
    """Return a field of a text."""
    return block(field, content.encode(errors="backslashreplace"))  # a text of a file may have half a letter
